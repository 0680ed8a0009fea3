"""What all tests share."""

import gc
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.reference_data import DATA


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Import the tests without collecting garbage, and never examine what they import: with TensorFlow it is much."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """The folder with the reference data; skips the test where there is none."""
    if not DATA.is_dir():
        pytest.skip(f"no reference data: {DATA} is absent; FITSERVE_TEST_DATA can name another folder")
    return DATA
