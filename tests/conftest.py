"""What all tests share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """The folder with `mnist.npz` and `cifar10-images.zip`: `FITSERVE_TEST_DATA`, or `../shared/data`."""
    folder = Path(os.environ.get("FITSERVE_TEST_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no reference data: {folder} is absent; FITSERVE_TEST_DATA can name another folder")
    return folder
