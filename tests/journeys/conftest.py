"""One service for all journeys that don't break it."""

from collections.abc import Iterator

import pytest

from tests.reference_data import make_keras_home
from tests.running_service import Client, RunningService, running_service


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service whose Keras folder holds MNIST already, if the reference data is there."""
    folder = tmp_path_factory.mktemp("service")
    with running_service(folder / "var", make_keras_home(folder)) as running:
        yield running


@pytest.fixture
def client(service: RunningService) -> Client:
    return service.client
