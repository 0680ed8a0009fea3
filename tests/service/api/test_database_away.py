"""What goes on while the database doesn't answer."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest

from service.context import Context
from service.errors import DatabaseUnavailable, DatabaseUnusable, StorageError, TransactionAborted
from service.storage.database import Database, Session
from tests.running_service import wait_for
from tests.service.api.api_client import ApiClient
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.front_client import FrontClient
from tests.service.api.metrics_page import read_page
from tests.service.api.shared_routes import make_front

UNAVAILABLE = DatabaseUnavailable("The database doesn't answer.", retry_after=5)
ABORTED = TransactionAborted("Two transactions waited for each other.", retry_after=5)
DAMAGED = DatabaseUnusable("The database is damaged.")


class LeavingDatabase(Database):
    """A database that can be away."""

    away: StorageError | None = None
    """What it fails with while it is away."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._answers = threading.Event()
        self._answers.set()
        self.waiting = 0
        """The units of work that have waited for it while it was silent."""
        self.deadlocks: list[TransactionAborted] = []
        """With which it aborts the next writes. All projects share them."""

    @contextmanager
    def read(self) -> Iterator[Session]:
        self._check()
        with super().read() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        self._check()
        with super().write() as session:
            yield session
            if self.deadlocks:
                raise self.deadlocks.pop()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Let the database answer nothing during the block."""
        self._answers.clear()
        try:
            yield
        finally:
            self._answers.set()

    def _check(self) -> None:
        self.waiting += not self._answers.is_set()
        self._answers.wait()
        if self.away is not None:
            raise self.away


@pytest.fixture
def database(context: Context) -> Iterator[LeavingDatabase]:
    database = LeavingDatabase(context.settings.database_url)
    yield database
    database.close()


@pytest.fixture
def api(context: Context, database: LeavingDatabase) -> ApiClient:
    return ApiClient(FrontClient(make_front(replace(context, database=database))))


@pytest.mark.parametrize(("failure", "status"), [(UNAVAILABLE, 503), (DAMAGED, 500)], ids=["unavailable", "damaged"])
def test_loaded_versions_go_on_predicting(
    api: ApiClient, worker: FakeWorker, database: LeavingDatabase, failure: StorageError, status: int
) -> None:
    api.make_line()
    api.train_line()
    path, body = "/v1/models/line/predictions", {"instances": [[10]]}
    before = api.post(path, body, expect=200)
    database.away = failure
    assert api.post(path, body, expect=200) == before
    api.post("/v1/models/line/versions/1/predictions", body, expect=status)


def test_variants_go_on_predicting(api: ApiClient, worker: FakeWorker, database: LeavingDatabase) -> None:
    api.make_line()
    api.train_line()
    api.post("/v1/models/line/versions/1/variants", {"type": "int8"}, Prefer="wait=20")
    path, body = "/v1/models/line/predictions?variant=int8", {"instances": [[10]]}
    before = api.post(path, body, expect=200)
    database.away = UNAVAILABLE
    assert api.post(path, body, expect=200) == before


def test_everything_else_says_so_and_when_to_try_again(api: ApiClient, database: LeavingDatabase) -> None:
    database.away = UNAVAILABLE
    assert api.get("/v1/models", expect=503)["type"] == "/problems/database-unavailable"
    assert api.get("/readyz", expect=503)["parts"]["database"]["status"] != "ready"
    api.get("/healthz")


def test_a_database_that_is_silent_holds_up_no_probe_and_no_known_key(
    context: Context, api: ApiClient, worker: FakeWorker, database: LeavingDatabase
) -> None:
    api.make_line()
    api.train_line()
    body = {"instances": [[10]]}
    api.post("/v1/models/line/predictions", body, expect=200)
    with ThreadPoolExecutor(2 * context.settings.api_threads) as clients, database.silent():
        asked = [clients.submit(api.http.get, "/v1/datasets") for _ in range(2 * context.settings.api_threads)]
        wait_for(lambda: database.waiting >= context.settings.api_threads, what="all threads to wait for the database")
        api.get("/healthz")
        api.post("/v1/models/line/predictions", body, expect=200)
        assert not any(one.done() for one in asked)


def test_a_change_that_is_aborted_because_of_others_is_made_again(
    api: ApiClient, worker: FakeWorker, database: LeavingDatabase
) -> None:
    api.make_line()
    database.deadlocks += [ABORTED] * 3
    assert api.patch("/v1/models/line", {"metadata": {"a": "1"}})["metadata"] == {"a": "1"}
    database.deadlocks += [ABORTED] * 4
    assert api.patch("/v1/models/line", {"metadata": {"b": "1"}}, 503)["type"] == "/problems/database-unavailable"
    assert api.get("/v1/models/line")["metadata"] == {"a": "1"}


def test_metrics_show_everything_else(api: ApiClient, database: LeavingDatabase) -> None:
    assert read_page(api).value("fitserve_database_up") == 1
    database.away = UNAVAILABLE
    page = wait_for(lambda: page if not (page := read_page(api)).value("fitserve_database_up") else None)
    assert page.value("fitserve_api_processes") == 1
    assert page.value("fitserve_disk_free_bytes", disk="artifacts") > 0
    assert not {"fitserve_jobs", "fitserve_queue_jobs", "fitserve_workers"} & page.families.keys()


def test_a_name_with_a_nul_is_not_found_without_asking_the_database(api: ApiClient, database: LeavingDatabase) -> None:
    api.get("/v1/models")  # the process knows now that the service has no keys
    database.away = UNAVAILABLE
    for path in ("/v1/models/a%00", "/v1/datasets/%00/rows", "/v1/training-jobs/%00", "/v1/models/line/labels/a%00b"):
        assert api.http.get(path).status_code == 404


def test_a_served_label_is_remembered(api: ApiClient, worker: FakeWorker, database: LeavingDatabase) -> None:
    api.make_line()
    api.train_line(label="champion")
    api.train_line()
    api.patch("/v1/models/line", {"serve": "champion"})
    for away in (None, UNAVAILABLE):
        database.away = away
        assert api.post("/v1/models/line/predictions", {"instances": [[1]]}, 200)["version"] == 1
