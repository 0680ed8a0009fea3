"""An app with a database and a folder of its own for each test, and a worker that only pretends."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.api.front.app import Front
from service.context import Context
from tests.journeys.specs import LINE, LINE_DATASET, named
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.api_server import Server, running_api
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.front_client import FrontClient
from tests.service.api.keys import Keys
from tests.service.api.prepared_data import PreparedData
from tests.service.api.shared_routes import make_front


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return PreparedData(tmp_path_factory.mktemp("prepared"))


@pytest.fixture
def context(tmp_path: Path, prepared: PreparedData) -> Iterator[Context]:
    context = prepared.context(tmp_path)
    yield context
    context.database.close()


@pytest.fixture
def app(context: Context) -> Front:
    return make_front(context)


@pytest.fixture
def api(app: Front) -> ApiClient:
    return ApiClient(FrontClient(app))


@pytest.fixture
def of(api: ApiClient) -> Keys:
    """An administrator of the app, with its first key."""
    return Keys(api)


@pytest.fixture
def idle_worker(context: Context) -> FakeWorker:
    """A worker that does a job when the test says so."""
    return FakeWorker(context)


@pytest.fixture
def worker(idle_worker: FakeWorker) -> Iterator[FakeWorker]:
    """A worker that does every job at once."""
    with idle_worker:
        yield idle_worker


def train_line(api: ApiClient, worker: FakeWorker) -> None:
    for dataset in (LINE_DATASET, named(LINE_DATASET, "tested", split={"test": 0.5})):
        api.post("/v1/datasets", dataset, 202, Prefer="wait=0")
    api.post("/v1/models", LINE, 202, Prefer="wait=0")
    worker.run_all()
    api.post("/v1/training-jobs", TRAINING, 202)
    worker.run_all()


@pytest.fixture
def trained(api: ApiClient, context: Context, prepared: PreparedData) -> ApiClient:
    """A client of an app with a version of `line`, which predicts what it is given, and the datasets `line` and
    `tested`, half of whose rows are test rows."""
    prepared.copy(train_line, context)
    return api


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An api in a process of its own, over real HTTP. A module's tests share it: starting one takes 2 s."""
    with running_api(tmp_path_factory.mktemp("server")) as server:
        yield server
