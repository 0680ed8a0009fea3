"""Databases of both kinds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import empty_postgresql


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where an empty database of either kind is."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'fitserve.db'}"
        return
    with empty_postgresql() as url:
        yield url
