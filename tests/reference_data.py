"""Where MNIST and CIFAR-10 are, and how a service gets them without a download."""

import os
import shutil
from pathlib import Path

DATA = Path(os.environ.get("FITSERVE_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")
"""The folder with `mnist.npz` and `cifar10-images.zip`."""
MNIST = DATA / "mnist.npz"


def make_keras_home(folder: Path) -> Path:
    """A folder like Keras's own, within this one, in which MNIST has been downloaded already if it is in DATA."""
    home = folder / "keras"
    (home / "datasets").mkdir(parents=True)
    if MNIST.is_file():
        shutil.copy(MNIST, home / "datasets")
    return home
