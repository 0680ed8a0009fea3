"""Sources in Keras's cache folder, in the same files that Keras stores there.

Nothing in a file is ever executed: arrays are read without pickle, and CIFAR-10's own pickles with an unpickler that
creates only NumPy arrays.
"""

import gzip
import pickle
import tarfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np

from models.datasets.examples import Examples
from models.datasets.keras_cache import CachedFile, fetch, reading
from models.progress import Progress
from models.spec import SINGLE_INPUT
from models.values.columns import Texts

KERAS_STORAGE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
MNIST = CachedFile(
    "mnist.npz",
    KERAS_STORAGE + "mnist.npz",
    11_490_434,
    "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
)
FASHION_MNIST = tuple(
    CachedFile(f"fashion-mnist/{part}-ubyte.gz", f"{KERAS_STORAGE}{part}-ubyte.gz", size, sha256)
    for part, size, sha256 in (
        ("train-images-idx3", 26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        ("train-labels-idx1", 29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        ("t10k-images-idx3", 4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        ("t10k-labels-idx1", 5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    )
)
FASHION_CLASSES = (
    "t_shirt_top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle_boot",
)  # fmt: skip
CIFAR10 = CachedFile(
    "cifar-10-batches-py-target_archive",
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    170_498_071,
    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
)
CIFAR10_FOLDER = "cifar-10-batches-py"
CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
COLOUR = (32, 32, 3)
"""The shape of CIFAR-10's images: height, width, channels."""
CAT_CLASSES = ("other", "cat")
CAT_ROWS, CAT_TEST_ROWS, CAT_SEED = 209, 2_000, 7
"""As few training images as the course has that made this network known; more test images, for a steady accuracy."""

Part = tuple[np.ndarray, np.ndarray]
"""Images (rows, …) and their class indices (rows,)."""


def mnist(cache: Path, downloads: bool, progress: Progress) -> Examples:
    path = fetch(MNIST, cache, downloads, progress)
    with reading(path), path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        train, test = ((file[f"x_{part}"], file[f"y_{part}"]) for part in ("train", "test"))
        return _pictures(train, test, (28, 28), "digit", tuple(range(10)))


def fashion_mnist(cache: Path, downloads: bool, progress: Progress) -> Examples:
    paths = []
    for file in FASHION_MNIST:
        paths.append(fetch(file, cache, downloads, progress))
    with reading(paths[0].parent):
        x_train, y_train, x_test, y_test = (_read_idx(path) for path in paths)
        return _pictures((x_train, y_train), (x_test, y_test), (28, 28), "article", FASHION_CLASSES)


def cifar10(cache: Path, downloads: bool, progress: Progress) -> Examples:
    train, test = _find_cifar10(cache, downloads, progress)
    return _pictures(train, test, COLOUR, "object", CIFAR10_CLASSES)


def cat_or_not(cache: Path, downloads: bool, progress: Progress) -> Examples:
    """A few images of CIFAR-10, half of them cats."""
    train, test = _find_cifar10(cache, downloads, progress)
    return _pictures(_draw_cats(*train, CAT_ROWS), _draw_cats(*test, CAT_TEST_ROWS), COLOUR, "object", CAT_CLASSES)


def _draw_cats(pictures: np.ndarray, numbers: np.ndarray, count: int) -> Part:
    """At most `count` images in random order, half of them cats, with their numbers among CAT_CLASSES."""
    generator = np.random.default_rng(CAT_SEED)
    is_cat = numbers == CIFAR10_CLASSES.index("cat")
    cats, others = (generator.permutation(np.flatnonzero(wanted)) for wanted in (is_cat, ~is_cat))
    chosen = generator.permutation(np.concatenate([cats[: count // 2], others[: count - count // 2]]))
    return pictures[chosen], is_cat[chosen].astype(np.int32)


def _find_cifar10(cache: Path, downloads: bool, progress: Progress) -> tuple[Part, Part]:
    """The training and the test images of CIFAR-10."""
    datasets = cache / "datasets"
    for folder in (datasets / "cifar-10-batches-py-target" / CIFAR10_FOLDER, datasets / CIFAR10_FOLDER):
        if folder.is_dir():
            with reading(folder):
                return _read_cifar10(partial(_open_below, folder))
    path = fetch(CIFAR10, cache, downloads, progress)
    with reading(path), tarfile.open(path) as archive:
        return _read_cifar10(lambda name: archive.extractfile(f"{CIFAR10_FOLDER}/{name}"))


def _open_below(folder: Path, name: str) -> IO[bytes]:
    return (folder / name).open("rb")


def _pictures(train: Part, test: Part, shape: tuple[int, ...], target_name: str, classes: Sequence[Any]) -> Examples:
    """Examples with their own test rows, from 8-bit images; ValueError if they are anything else."""
    inputs = np.concatenate([train[0], test[0]])
    numbers = np.concatenate([train[1], test[1]])
    if inputs.shape != (len(numbers), *shape) or inputs.dtype != np.uint8:
        raise ValueError(f"expected images of the shape {list(shape)} in 8 bits")
    places = np.arange(len(classes), dtype=np.int32)[numbers]  # LookupError for an unknown class
    return Examples(
        "image",
        Texts(places, tuple(classes)) if isinstance(classes[0], str) else np.array(classes)[places],
        tensors={SINGLE_INPUT: inputs},
        target_name=target_name,
        classes=tuple(classes),
        test_rows=len(test[0]),
    )


def _read_idx(path: Path) -> np.ndarray:
    """An array in the IDX format of the original MNIST: two zero bytes, type 8 (unsigned byte), rank, sizes."""
    content = gzip.decompress(path.read_bytes())
    if content[:3] != b"\0\0\x08":
        raise ValueError(f"{path.name} is not an IDX file of bytes")
    rank = content[3]
    shape = np.frombuffer(content, ">u4", count=rank, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


def _read_cifar10(open_batch: Callable[[str], Any]) -> tuple[Part, Part]:
    def read(name: str) -> Part:
        with open_batch(name) as file:
            batch = _ArrayUnpickler(file, encoding="bytes").load()
        # an image is stored plane by plane: red, green, blue
        pictures = np.asarray(batch[b"data"]).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        return pictures, np.asarray(batch[b"labels"])

    parts = [read(f"data_batch_{number}") for number in range(1, 6)]
    train = np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
    return train, read("test_batch")


class _ArrayUnpickler(pickle.Unpickler):
    """Reads plain containers, bytes and NumPy arrays; refuses to import anything else."""

    ALLOWED = frozenset(
        {("numpy", "ndarray"), ("numpy", "dtype")}
        | {(f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core")}
    )

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed in a file of images")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)
