"""Databases of both kinds, and an S3 server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import empty_postgresql
from tests.s3_server import s3, s3_process  # noqa: F401 (fixtures)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where an empty database of either kind is."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'fitserve.db'}"
        return
    with empty_postgresql() as url:
        yield url
