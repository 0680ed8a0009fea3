"""What all tests share."""

from pathlib import Path

import pytest

from tests.reference_data import DATA


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """The folder with the reference data; skips the test where there is none."""
    if not DATA.is_dir():
        pytest.skip(f"no reference data: {DATA} is absent; FITSERVE_TEST_DATA can name another folder")
    return DATA
