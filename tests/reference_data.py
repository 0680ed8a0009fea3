"""Where MNIST and CIFAR-10 are, and how a service gets them without a download."""

import io
import os
import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

DATA = Path(os.environ.get("FITSERVE_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")
"""The folder with `mnist.npz` and `cifar10-images.zip`."""
MNIST = DATA / "mnist.npz"
CIFAR10 = DATA / "cifar10-images.zip"
CIFAR10_FOLDER = "cifar-10-batches-py"
CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def make_keras_home(folder: Path) -> Path:
    """A folder like Keras's own, within this one, in which MNIST has been downloaded already if it is in DATA."""
    home = folder / "keras"
    (home / "datasets").mkdir(parents=True)
    if MNIST.is_file():
        shutil.copy(MNIST, home / "datasets")
    return home


def unpack_cifar10(home: Path) -> None:
    """Write the images of DATA into a folder like Keras's own, in the files that Keras unpacks from its download."""
    parts: dict[str, list[tuple[int, bytes]]] = {"train": [], "test": []}
    with zipfile.ZipFile(CIFAR10) as archive:
        for name in archive.namelist():
            split, _, rest = name.partition("/")
            if rest.endswith(".jpg"):
                pixels = np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB"))
                # an image is stored plane by plane: red, green, blue
                parts[split].append(
                    (CIFAR10_CLASSES.index(rest.partition("/")[0]), pixels.transpose(2, 0, 1).tobytes())
                )
    folder = home / "datasets" / CIFAR10_FOLDER
    folder.mkdir()
    order = np.random.default_rng(0).permutation(len(parts["train"]))
    for number, rows in enumerate(np.array_split(order, 5), start=1):
        _write_batch(folder / f"data_batch_{number}", [parts["train"][row] for row in rows])
    _write_batch(folder / "test_batch", parts["test"])


def _write_batch(path: Path, images: list[tuple[int, bytes]]) -> None:
    data = np.frombuffer(b"".join(pixels for _, pixels in images), np.uint8).reshape(len(images), -1)
    path.write_bytes(pickle.dumps({b"data": data, b"labels": [label for label, _ in images]}, protocol=4))
