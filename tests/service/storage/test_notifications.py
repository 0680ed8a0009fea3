"""Workers learn from PostgreSQL that there may be a job to claim, and otherwise leave it alone."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import event

from service.operations.jobs import lifecycle
from service.storage import notifications
from service.storage.database import Database
from service.storage.notifications import Listener
from service.storage.unit_of_work import wake_workers
from service.worker import supervisor
from tests.databases import migrated_settings
from tests.postgresql_proxy import CommitProxy
from tests.postgresql_server import empty_database, migrated_database
from tests.running_service import wait_for
from tests.service.operations import stocked
from tests.service.worker.bench import Bench


class Sleeper:
    """Waits for notifications of a server, which it reaches through a proxy."""

    def __init__(self, url: str) -> None:
        self.proxy = CommitProxy(url)
        self._own = Database(self.proxy.url)
        self._woken = threading.Event()
        self.listener = Listener(self._own.engine, self._woken.set)
        self.listener.start()
        assert self.wakes(20)  # once when it begins to listen

    def wakes(self, seconds: float) -> bool:
        woken = self._woken.wait(seconds)
        self._woken.clear()
        return woken

    def close(self) -> None:
        self.listener.stop()
        self._own.close()
        self.proxy.__exit__()


@pytest.fixture
def url() -> Iterator[str]:
    with empty_database() as url:
        yield url


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """Of a client."""
    found = Database(url)
    yield found
    found.close()


@pytest.fixture
def sleeper(url: str) -> Iterator[Sleeper]:
    made = Sleeper(url)
    yield made
    made.close()


def queue_job(database: Database, *, fails: bool = False) -> None:
    with database.write() as session:
        wake_workers(session)
        if fails:
            raise LookupError


def test_a_queued_job_wakes_a_worker_when_it_is_committed(database: Database, sleeper: Sleeper) -> None:
    with database.write() as session:
        wake_workers(session)
        assert not sleeper.wakes(0.1)
    assert sleeper.wakes(20)


def test_a_job_that_is_put_back_wakes_a_worker(tmp_path: Path) -> None:
    with migrated_settings("postgresql", tmp_path) as settings:
        context = stocked.stock(settings)
        stocked.submit(context)
        lease, _ = stocked.claim(context)
        with closing(Sleeper(settings.database_url)) as sleeper, closing(context.database):
            lifecycle.put_back(context, lease)
            assert sleeper.wakes(20)


def test_other_writes_and_those_that_are_rolled_back_wake_nobody(database: Database, sleeper: Sleeper) -> None:
    with database.write():
        pass
    with pytest.raises(LookupError):
        queue_job(database, fails=True)
    assert not sleeper.wakes(0.2)


def test_a_worker_that_lost_its_connection_polls_until_it_listens_again(
    database: Database, sleeper: Sleeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "RETRY_SECONDS", 0.05)
    with sleeper.proxy.away():
        wait_for(lambda: not sleeper.listener.is_listening, 20)
        queue_job(database)
        assert not sleeper.wakes(0.1)
    assert sleeper.wakes(20)
    assert sleeper.listener.is_listening
    queue_job(database)
    assert sleeper.wakes(20)


def test_a_worker_that_never_hears_of_jobs_says_so_once(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(notifications, "RETRY_SECONDS", 0.01)
    woken = threading.Event()
    with CommitProxy(url) as proxy, closing(Database(proxy.url)) as own:
        listener = Listener(own.engine, woken.set)
        with proxy.away():
            refused = proxy.refused
            listener.start()
            wait_for(lambda: proxy.refused > refused + 3, 20)
        assert woken.wait(20)
        listener.stop()
    assert capsys.readouterr().out.count("no notifications of new jobs") == 1


def test_an_idle_worker_asks_for_no_jobs_and_starts_one_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "SAFETY_SECONDS", 600.0)
    with migrated_database() as url, closing(Bench(tmp_path, database_url=url)) as bench:
        worker = bench.start_worker()
        bench.wait_for(lambda: worker._listener.is_listening and any(found.ready for found in bench.workers()))
        asked: list[str] = []
        event.listen(bench.context.database.engine, "before_cursor_execute", lambda *found: asked.append(found[2]))
        until = time.monotonic() + 1
        bench.wait_for(lambda: time.monotonic() > until)
        # The claim with which it began may still have been on its way; polling would be dozens.
        assert sum("SKIP LOCKED" in statement for statement in asked) <= 1
        job_id = bench.submit({})
        bench.wait_for(lambda: bench.job(job_id).status == "succeeded")
