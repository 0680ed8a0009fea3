"""One service for all journeys that don't break it."""

from collections.abc import Iterator

import pytest

from tests.running_service import Client, RunningService, running_service


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    with running_service(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture
def client(service: RunningService) -> Client:
    return service.client
