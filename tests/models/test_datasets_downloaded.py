"""Sources in Keras's cache folder: read in Keras's layout, downloaded if missing, refused if damaged."""

import gzip
import hashlib
import io
import pickle
import struct
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.datasets.keras_cache import CachedFile, fetch
from models.errors import SourceUnavailable
from tests.models.made_datasets import make_dataset


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    (tmp_path / "cache" / "datasets").mkdir(parents=True)
    return tmp_path / "cache"


def write_mnist(cache: Path, train: int = 20, test: int = 10) -> None:
    rng = np.random.default_rng(0)
    np.savez(
        cache / "datasets" / "mnist.npz",
        x_train=rng.integers(0, 256, (train, 28, 28), dtype=np.uint8),
        y_train=np.arange(train, dtype=np.uint8) % 10,
        x_test=rng.integers(0, 256, (test, 28, 28), dtype=np.uint8),
        y_test=np.arange(test, dtype=np.uint8) % 10,
    )


class Python2Pickler(pickle._Pickler):
    """Writes bytes as the strings of Python 2, in which CIFAR-10 was written."""

    def save_string(self: Any, value: bytes) -> None:
        self.write(pickle.BINSTRING + struct.pack("<i", len(value)) + value)
        self.memoize(value)

    dispatch = {**pickle._Pickler.dispatch, bytes: save_string}  # noqa: RUF012


def write_cifar10(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]:
        picture = np.repeat(np.array([255, 128, 0], np.uint8), 1024)
        batch = {b"data": np.tile(picture, (4, 1)), b"labels": [3, 5, 3, 9]}
        content = io.BytesIO()
        Python2Pickler(content, protocol=2).dump(batch)
        (folder / name).write_bytes(content.getvalue().replace(b"numpy._core.", b"numpy.core."))


def test_mnist_keeps_its_own_test_rows_and_no_validation(tmp_path: Path, cache: Path) -> None:
    write_mnist(cache)

    dataset = make_dataset(tmp_path, "mnist", cache=cache)

    assert dataset.descriptor.splits == {"train": 20, "validation": 0, "test": 10}
    assert dataset.descriptor.inputs[0].shape == [28, 28]
    assert dataset.descriptor.target.classes == list(range(10))
    assert dataset.split("test").rows.tolist() == list(range(20, 30))


def test_validation_rows_of_mnist_are_cut_from_the_training_rows(tmp_path: Path, cache: Path) -> None:
    write_mnist(cache)

    dataset = make_dataset(tmp_path, "mnist", cache=cache, split={"validation": 0.5})

    assert dataset.descriptor.splits == {"train": 10, "validation": 10, "test": 10}
    assert sorted(dataset.split("validation").targets.tolist()) == list(range(10))


def test_the_real_mnist(tmp_path: Path, cache: Path, reference_data: Path) -> None:
    (cache / "datasets" / "mnist.npz").symlink_to(reference_data / "mnist.npz")

    dataset = make_dataset(tmp_path, "mnist", cache=cache)

    assert dataset.descriptor.splits == {"train": 60_000, "validation": 0, "test": 10_000}
    assert dataset.descriptor.inputs[0].mean == pytest.approx(33.386, abs=1e-3)
    assert dataset.split("train").targets[:5].tolist() == [5, 0, 4, 1, 9]


def test_fashion_mnist_is_read_from_its_four_files(tmp_path: Path, cache: Path) -> None:
    folder = cache / "datasets" / "fashion-mnist"
    folder.mkdir()
    for part, rows in {"train": 6, "t10k": 3}.items():
        images = struct.pack(">4B3I", 0, 0, 8, 3, rows, 28, 28) + bytes(rows * 784)
        labels = struct.pack(">4BI", 0, 0, 8, 1, rows) + bytes(range(rows))
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))

    dataset = make_dataset(tmp_path, "fashion-mnist", cache=cache)

    assert dataset.descriptor.splits == {"train": 6, "validation": 0, "test": 3}
    assert dataset.split("train").targets[:2].tolist() == ["t_shirt_top", "trouser"]
    assert dataset.descriptor.target.labels[-1] == "ankle_boot"


@pytest.mark.parametrize("place", ["cifar-10-batches-py-target/cifar-10-batches-py", "cifar-10-batches-py"])
def test_cifar10_is_read_from_the_folder_that_keras_unpacks(place: str, tmp_path: Path, cache: Path) -> None:
    write_cifar10(cache / "datasets" / place)

    dataset = make_dataset(tmp_path, "cifar10", cache=cache)

    split = dataset.split("train")
    assert dataset.descriptor.splits == {"train": 20, "validation": 0, "test": 4}
    assert split.targets[:4].tolist() == ["cat", "dog", "cat", "truck"]
    assert split.tensors is not None
    assert split.tensors["input"][0, 0, 0].tolist() == [255, 128, 0]


def test_cifar10_is_read_from_the_archive_that_keras_downloads(tmp_path: Path, cache: Path) -> None:
    write_cifar10(tmp_path / "cifar-10-batches-py")
    with tarfile.open(cache / "datasets" / "cifar-10-batches-py-target_archive", "w:gz") as archive:
        archive.add(tmp_path / "cifar-10-batches-py", "cifar-10-batches-py")

    assert make_dataset(tmp_path, "cifar10", cache=cache).descriptor.rows == 24


def test_cat_or_not_has_as_many_cats_as_others(tmp_path: Path, cache: Path) -> None:
    write_cifar10(cache / "datasets" / "cifar-10-batches-py")

    dataset = make_dataset(tmp_path, "cat-or-not", cache=cache)

    cifar = make_dataset(tmp_path, "cifar10", cache=cache)
    assert dataset.descriptor.target.classes == ["other", "cat"]
    for split in ("train", "test"):
        cats = cifar.split(split).targets.tolist().count("cat")
        assert dataset.split(split).targets.tolist().count("cat") == cats
        assert dataset.descriptor.splits[split] == cifar.descriptor.splits[split]


class Intruder:
    def __reduce__(self) -> tuple:
        return Path.touch, (Path("intruded"),)


def test_code_in_a_pickle_of_cifar10_is_not_run(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = cache / "datasets" / "cifar-10-batches-py"
    write_cifar10(folder)
    (folder / "data_batch_1").write_bytes(pickle.dumps({b"data": Intruder(), b"labels": []}))

    with pytest.raises(SourceUnavailable, match="is not allowed in a file of images"):
        make_dataset(tmp_path, "cifar10", cache=cache)

    assert not (tmp_path / "intruded").exists()


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut off"])
def test_a_damaged_file_is_named_with_the_way_out(content: bytes, tmp_path: Path, cache: Path) -> None:
    (cache / "datasets" / "mnist.npz").write_bytes(content)

    with pytest.raises(SourceUnavailable, match=r"mnist\.npz in \$KERAS_HOME/datasets isn't a valid copy.*Delete it"):
        make_dataset(tmp_path, "mnist", cache=cache)


def test_an_npz_of_other_data_is_refused(tmp_path: Path, cache: Path) -> None:
    np.savez(cache / "datasets" / "mnist.npz", x_train=np.zeros(3))

    with pytest.raises(SourceUnavailable, match=r"mnist\.npz in \$KERAS_HOME/datasets isn't a valid copy"):
        make_dataset(tmp_path, "mnist", cache=cache)


@pytest.mark.parametrize("source", ["mnist", "fashion-mnist", "cifar10", "cat-or-not"])
def test_without_file_and_downloads_the_file_and_its_origin_are_named(source: str, tmp_path: Path, cache: Path) -> None:
    with pytest.raises(SourceUnavailable, match="is missing, and downloads are disabled") as caught:
        make_dataset(tmp_path, source, cache=cache)
    for part in ("$KERAS_HOME/datasets/", "https://", "FITSERVE_DATASET_DOWNLOADS"):
        assert part in caught.value.detail
    assert str(cache) not in caught.value.detail


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Serves the folder `origin`; the URL without a slash at its end."""
    (tmp_path / "origin").mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "origin"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


def test_a_missing_file_is_downloaded_checked_and_kept(tmp_path: Path, cache: Path, server: str) -> None:
    content = b"numbers" * 500_000
    (tmp_path / "origin" / "data.bin").write_bytes(content)
    file = CachedFile("deep/data.bin", f"{server}/data.bin", len(content), hashlib.sha256(content).hexdigest())
    shares: list[float] = []

    path = fetch(file, cache, downloads=True, progress=shares.append)

    assert path == cache / "datasets" / "deep" / "data.bin"
    assert path.read_bytes() == content
    assert shares == sorted(shares)
    assert shares[-1] == 1
    elsewhere = replace(file, url="http://nowhere")
    assert fetch(elsewhere, cache, downloads=True, progress=shares.append) == path


@pytest.mark.parametrize(
    ("name", "why"),
    [("data.bin", "not the original"), ("long.bin", "more than the 16 bytes"), ("absent.bin", "answered 404")],
)
def test_a_download_that_fails_leaves_nothing_behind(
    name: str, why: str, tmp_path: Path, cache: Path, server: str
) -> None:
    (tmp_path / "origin" / "data.bin").write_bytes(b"not the original")
    (tmp_path / "origin" / "long.bin").write_bytes(bytes(17))
    file = CachedFile("data.bin", f"{server}/{name}", size=16, sha256="0" * 64)

    with pytest.raises(SourceUnavailable, match=f"could not be downloaded: .*{why}"):
        fetch(file, cache, downloads=True, progress=lambda share: None)

    assert list((cache / "datasets").iterdir()) == []


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("127.0.0.1:1", "127.0.0.1:1 is unreachable (Connection refused)"),
        ("nowhere.invalid", "the address of nowhere.invalid can't be resolved"),
    ],
)
def test_a_server_that_can_not_be_reached_is_a_clear_error(
    host: str, why: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    file = CachedFile("data.bin", f"http://{host}/data.bin", size=16, sha256="0" * 64)

    with pytest.raises(SourceUnavailable) as caught:
        fetch(file, cache, downloads=True, progress=lambda share: None)

    detail = caught.value.detail
    assert why in detail
    assert f"Put the file from http://{host}/data.bin at $KERAS_HOME/datasets/data.bin" in detail
    assert str(cache) not in detail
    assert "urlopen" not in detail
    assert "Errno" not in detail
