"""What all tests share."""

import gc
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests import clusters, postgresql_server
from tests import running_service as services
from tests.reference_data import DATA, make_keras_home
from tests.running_service import Client, RunningService, running_service
from tests.s3_server import s3, s3_process  # noqa: F401 (fixtures)

ON_SHARED_SERVICE = ("tests/ui/", "tests/journeys/")
"""The folders of the tests that share a service, in the order in which they run."""
SHARED_SERVICE = pytest.StashKey[RunningService]()


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # the workers of xdist share what the process that starts them has begun
        postgresql_server.begin_run()
    if clusters.IS_WANTED:
        services.backing = clusters.variables


def pytest_unconfigure(config: pytest.Config) -> None:
    clusters.close()
    if not hasattr(config, "workerinput"):
        postgresql_server.end_run()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Import the tests without collecting garbage, and never examine what they import: with TensorFlow it is much."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests of the shared service: their files take longest, and none should start last."""
    items.sort(key=lambda item: [not item.nodeid.startswith(folder) for folder in ON_SHARED_SERVICE])


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End the shared service after its last test: until the end of the run, it would take 3% of a core."""
    service = item.session.stash.get(SHARED_SERVICE, None)
    if service is not None and nextitem is not None and not nextitem.nodeid.startswith(ON_SHARED_SERVICE):
        service.stop()


@pytest.fixture(scope="session")
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service for all tests of the dashboard and all journeys that don't break it. Its start takes 8 s of a core.

    Its Keras folder has MNIST, if the reference data is there.
    """
    folder = tmp_path_factory.mktemp("service")
    with running_service(folder / "var", make_keras_home(folder)) as running:
        request.session.stash[SHARED_SERVICE] = running
        yield running


@pytest.fixture
def client(service: RunningService) -> Client:
    return service.client


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """The folder with the reference data; skips the test where there is none."""
    if not DATA.is_dir():
        pytest.skip(f"no reference data: {DATA} is absent; FITSERVE_TEST_DATA can name another folder")
    return DATA
