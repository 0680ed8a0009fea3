"""What all tests share."""

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("FITSERVE_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")
"""The folder with `mnist.npz` and `cifar10-images.zip`."""


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """The folder with the reference data; skips the test where there is none."""
    if not DATA.is_dir():
        pytest.skip(f"no reference data: {DATA} is absent; FITSERVE_TEST_DATA can name another folder")
    return DATA
