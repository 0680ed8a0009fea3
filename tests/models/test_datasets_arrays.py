"""An NPZ file becomes a dataset, or an error names the invalid array and row."""

import io
import pickle
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.datasets.arrays import read_arrays
from models.datasets.examples import Examples
from models.errors import Fault, InvalidData
from models.files import npz
from models.limits import Limits
from tests.models.made_pictures import write_zip

X, Y = np.arange(12.0).reshape(4, 3), np.array([0, 1, 0, 1])


def save(folder: Path, **values: Any) -> Path:
    path = folder / "data"
    with path.open("wb") as file:
        np.savez_compressed(file, **values)
    return path


def read(path: Path, limits: Limits | None = None) -> Examples:
    request = {"source": "upload", "file": {"name": "mine.npz"}}
    return read_arrays(path, request, limits or Limits(), lambda share: None)


def tensors_of(examples: Examples) -> dict[str, np.ndarray]:
    assert examples.tensors is not None
    return examples.tensors


def faults(path: Path, limits: Limits | None = None) -> tuple[Fault, ...]:
    before = sorted(path.parent.iterdir())
    with pytest.raises(InvalidData) as caught:
        read(path, limits)
    assert sorted(path.parent.iterdir()) == before
    return caught.value.faults


def test_x_and_y_are_rows_and_targets(tmp_path: Path) -> None:
    examples = read(save(tmp_path, x=X, y=Y))
    assert examples.kind == "vector"
    assert examples.test_rows == 0
    assert examples.targets.tolist() == [0, 1, 0, 1]
    tensor = tensors_of(examples)["input"]
    assert tensor.dtype == np.float32
    assert np.array_equal(tensor, X)


def test_test_rows_stay_test_rows(tmp_path: Path) -> None:
    examples = read(save(tmp_path, x_train=X, y_train=Y, x_test=X[:1] + 5, y_test=Y[:1]))
    assert examples.rows == 5
    assert examples.test_rows == 1
    assert tensors_of(examples)["input"][-1].tolist() == [5, 6, 7]
    assert read(save(tmp_path, x_train=X, y_train=Y)).test_rows == 0


def test_several_inputs_have_names(tmp_path: Path) -> None:
    examples = read(save(tmp_path, x_left=X, x_right=X[:, 0], y=Y))
    assert {name: values.shape for name, values in tensors_of(examples).items()} == {"left": (4, 3), "right": (4, 1)}
    both = {f"x_{part}_{side}": X for part in ("train", "test") for side in ("left", "right")}
    examples = read(save(tmp_path, **both, y_train=Y, y_test=Y))
    assert list(tensors_of(examples)) == ["left", "right"]
    assert examples.test_rows == 4


def test_an_input_has_a_name_that_a_network_can_use(tmp_path: Path) -> None:
    with pytest.raises(InvalidData) as caught:
        read(save(tmp_path, x_left=X, x_output=X, x_=X, y=Y))
    assert [fault.file for fault in caught.value.faults] == ["x_.npy", "x_output.npy"]


@pytest.mark.parametrize(("rank", "kind"), [(1, "vector"), (2, "vector"), (3, "sequence"), (4, "image"), (5, "video")])
def test_the_rank_determines_the_kind_of_rows(rank: int, kind: str, tmp_path: Path) -> None:
    assert read(save(tmp_path, x=np.ones((4, 2, 2, 2, 2)[:rank]), y=Y)).kind == kind


def test_matrices_of_bytes_are_grey_pictures(tmp_path: Path) -> None:
    grey = np.ones((4, 28, 28), np.uint8)
    assert read(save(tmp_path, x=grey, y=Y)).kind == "image"
    assert read(save(tmp_path, x_train=grey, y_train=Y, x_test=grey, y_test=Y)).kind == "image"
    assert read(save(tmp_path, x=grey.astype(np.int16), y=Y)).kind == "sequence"
    assert read(save(tmp_path, x=grey.astype(bool), y=Y)).kind == "sequence"
    assert read(save(tmp_path, x_film=np.ones((4, 2, 2, 2, 1)), x_still=grey, y=Y)).kind == "video"


@pytest.mark.parametrize(
    ("given", "kept"),
    [("u1", "u1"), ("?", "u1"), ("i2", "i4"), (">i4", "i4"), ("i8", "f4"), ("f2", "f4"), (">f8", "f4")],
)
def test_numbers_are_kept_in_the_smallest_type_that_holds_them(given: str, kept: str, tmp_path: Path) -> None:
    values = np.array([[0], [1], [1], [0]], given)
    tensor = tensors_of(read(save(tmp_path, x=values, y=Y)))["input"]
    assert tensor.dtype == np.dtype(kept)
    assert tensor.ravel().tolist() == [0, 1, 1, 0]


def test_arrays_in_columns_order_and_larger_than_a_block_are_the_same(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(700_000, 4))
    for order in ("C", "F"):
        examples = read(save(tmp_path, x=np.asarray(values, order=order), y=np.arange(700_000) % 2))
        assert np.array_equal(tensors_of(examples)["input"], values.astype(np.float32))


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (np.array(["b", "a", "b", "a"]), ["b", "a", "b", "a"]),
        (np.array([[1], [2], [3], [4]]), [1, 2, 3, 4]),
        (np.eye(4), np.eye(4, dtype=bool).tolist()),
        (np.array([True, False, True, True]), [True, False, True, True]),
        (np.array([0.5, 1, 2, 3]), [0.5, 1, 2, 3]),
        (np.array([2**63, 0, 1, 2], np.uint64), [2.0**63, 0, 1, 2]),
    ],
)
def test_targets_may_be_names_numbers_or_labels(targets: np.ndarray, expected: list, tmp_path: Path) -> None:
    assert read(save(tmp_path, x=X, y=targets)).targets.tolist() == expected


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_numbers_that_are_not_finite_are_named(value: float, tmp_path: Path) -> None:
    wrong = X.copy()
    wrong[2, 1] = value
    for values in ({"x": wrong, "y": Y}, {"x": X, "y": wrong}):
        (fault,) = faults(save(tmp_path, **values))
        assert fault.row == 2
        assert fault.file in ("x.npy", "y.npy")
        assert "finite" in fault.detail


def test_a_pickle_is_never_read(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "sprung",))

    (fault,) = faults(save(tmp_path, x=np.array([Trap()] * 4, dtype=object), y=Y))
    assert fault.file == "x.npy"
    assert "pickle" in fault.detail
    for name in ("x", "x.npy"):
        files = {name: pickle.dumps(Trap()), "y.npy": npy(Y)}
        (fault,) = faults(write_zip(tmp_path / "data", files))
        assert fault.file == name
    assert not (tmp_path / "sprung").exists()


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (npy(X)[:-8], "truncated"),
        (npy(X).replace(b"(4, 3)", b"(9, 9)"), "differs from its header"),
        (npy(X).replace(b"(4, 3)", b"(4, x"), "NumPy's format"),
        (npy(X)[:20], "NumPy's format"),
        (npy(X * 1j), "complex128"),
        (npy(np.array(5)), "single number"),
        (npy(np.array(["a"] * 4)), "text"),
        (npy(X[:2]), "2 rows"),
        (npy(X[:, :0]), "no number"),
        (npy(np.ones((4, 1, 1, 1, 1, 1))), "dimensions"),
    ],
)
def test_an_array_that_can_not_be_an_input_is_named(content: bytes, part: str, tmp_path: Path) -> None:
    (fault,) = faults(write_zip(tmp_path / "data", {"x.npy": content, "y.npy": npy(Y)}))
    assert fault.file == "x.npy"
    assert part in fault.detail


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({}, '"x"'),
        ({"x": X}, '"y"'),
        ({"y": Y}, '"x"'),
        ({"x_train": X, "y_test": Y}, '"y_train"'),
        ({"x_train": X, "y_train": Y, "x_test": X}, '"y_test"'),
        ({"x": X, "y": Y, "z": Y}, '"z" is unexpected'),
        ({"x_train": X, "y_train": Y, "x_test": X[:, :2], "y_test": Y}, '"x_test" have the shape [2]'),
        ({"x_train": X, "y_train": Y, "x_test": X, "y_test": Y.astype(str)}, "both hold text"),
        ({"x": X, "y": np.zeros(4)}, '"y" is the same in every row'),
        ({"x": X, "y": np.full(4, "a")}, '"y" is the same in every row'),
        ({"x": X, "y": np.ones((4, 2))}, '"y" is the same in every row'),
        ({"x": X, "y": np.zeros((4, 0))}, "the shape [4, 0]: it holds no numbers"),
        ({"x": X, "y": np.array(["a", "b", "c", "d" * 257])}, '3 of "y" has 257 characters'),
        ({"x": X, "y": np.array([["a", "b"]] * 4)}, "a row has one text"),
        ({"x": np.zeros((10_001, 1)), "y": np.arange(10_001).astype(str)}, "more than 10,000 distinct texts"),
        ({"x_train_a": X, "y_train": Y, "x_test": X, "y_test": Y}, "the test rows have others"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(values: dict, part: str, tmp_path: Path) -> None:
    (fault,) = faults(save(tmp_path, **values))
    assert part in fault.detail
    assert fault.file


def test_classes_of_several_blocks_and_parts_are_one_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz, "BLOCK_BYTES", 24)
    train, test = np.array(["b", "a", "c", "b", "b", "long"]), np.array(["c", "d", "a"])
    examples = read(save(tmp_path, x_train=np.zeros((6, 1)), y_train=train, x_test=np.zeros((3, 1)), y_test=test))
    assert examples.targets.tolist() == [*train.tolist(), *test.tolist()]


def test_a_header_that_claims_gigabytes_is_refused_unread(tmp_path: Path) -> None:
    for version in (2, 3):
        content = b"\x93NUMPY" + bytes([version, 0]) + (3 << 30).to_bytes(4, "little") + bytes(10_000_000)
        path = write_zip(tmp_path / "data", {"x.npy": content, "y.npy": npy(Y)}, compression=zipfile.ZIP_DEFLATED)
        tracemalloc.start()
        (fault,) = faults(path)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert fault.file == "x.npy"
        assert "header of more than" in fault.detail
        assert most < 5_000_000


def test_an_array_in_columns_order_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz, "BLOCK_BYTES", 100_000)
    values = np.random.default_rng(0).normal(size=(500, 50, 40))
    path = save(tmp_path, x=np.asfortranarray(values), y=np.asfortranarray(values[:, :2, 0]))
    tracemalloc.start()
    examples = read(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.array_equal(tensors_of(examples)["input"], values.astype(np.float32))
    assert examples.targets.tolist() == values[:, :2, 0].tolist()
    assert most < values.nbytes / 4


def test_rows_and_targets_that_would_fill_the_memory_are_refused(tmp_path: Path) -> None:
    limits = Limits(row_bytes=1000, target_bytes=800)
    assert read(save(tmp_path, x=np.zeros((10, 125)), y=np.eye(10, dtype="f4")), limits).rows == 10
    for x, y, file, part in (
        (np.zeros((10, 126)), np.zeros(10), "x.npy", "1,008 bytes; the limit is 1,000"),
        (np.zeros((10, 1)), np.zeros((10, 11), "f4"), "y.npy", "880 bytes; the limit is 800"),
        (np.zeros((10, 1)), np.full(10, "a" * 21), "y.npy", "840 bytes; the limit is 800"),
    ):
        (fault,) = faults(save(tmp_path, x=x, y=y), limits)
        assert fault.file == file
        assert part in fault.detail


def test_an_array_compressed_by_another_method_than_deflate_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "data", {"x.npy": npy(X), "y.npy": npy(Y)}, compression=zipfile.ZIP_BZIP2)
    assert [fault.file for fault in faults(path)] == ["x.npy", "y.npy"]


def test_an_npz_file_has_limits(tmp_path: Path) -> None:
    path = save(tmp_path, x=np.zeros((100_000, 10)), y=np.arange(100_000) % 2)
    assert read(path).rows == 100_000
    assert "limit is 50" in faults(path, Limits(rows=50))[0].detail
    assert "unpacked" in faults(path, Limits(dataset_bytes=1_000_000))[0].detail
    bomb = save(tmp_path, x=np.zeros((2_500_000, 1)), y=np.zeros(1))
    (fault,) = faults(bomb)
    assert "times larger when it is unpacked; the limit is 100 times" in fault.detail
    assert "without compression" in fault.detail


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path, x=np.random.default_rng(0).normal(size=(50, 50)), y=np.arange(50))
    content = path.read_bytes()
    path.write_bytes(content[:-10])
    assert faults(path)[0].file == "mine.npz"
    path.write_bytes(content[:2000] + bytes(50) + content[2050:])
    assert faults(path)[0].file == "x.npy"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../x.npy", npy(X))
    assert "leads out" in faults(path)[0].detail
