"""One service for all journeys that don't break it."""

import shutil
from collections.abc import Iterator

import pytest

from tests.conftest import DATA
from tests.running_service import Client, RunningService, running_service


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service whose Keras folder holds MNIST already, if the reference data is there."""
    keras_home = tmp_path_factory.mktemp("keras")
    (keras_home / "datasets").mkdir()
    if (DATA / "mnist.npz").exists():
        shutil.copy(DATA / "mnist.npz", keras_home / "datasets")
    with running_service(tmp_path_factory.mktemp("service"), keras_home) as running:
        yield running


@pytest.fixture
def client(service: RunningService) -> Client:
    return service.client
