"""Databases of both kinds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import KINDS, empty_url


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where an empty database of either kind is."""
    with empty_url(request.param, tmp_path) as url:
        yield url
