"""Databases of both kinds."""

import os
from pathlib import Path

import pytest

POSTGRESQL = "FITSERVE_TEST_POSTGRESQL_URL"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty database of either kind is."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'fitserve.db'}"
    if not os.environ.get(POSTGRESQL):
        pytest.skip(f"{POSTGRESQL} names no empty PostgreSQL database")
    return os.environ[POSTGRESQL]
