"""While the database's disk is full a job continues for a while, then pauses; nothing is retried for ever or lost."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from service.errors import DatabaseUnusable, DiskFull, StorageError
from tests.service.worker.bench import Bench, is_gone
from tests.service.worker.test_survival import release, start_holding_job


@contextlib.contextmanager
def writing_fails(bench: Bench, error: StorageError, while_true: Callable[[], bool]) -> Iterator[None]:
    """Nothing can be written for as long as the block lasts and that is true; what there is can be read."""
    database = bench.context.database
    write = database.write

    def fail_or_write() -> contextlib.AbstractContextManager[object]:
        return refuse() if while_true() else write()

    def refuse() -> NoReturn:
        raise error

    database.write = fail_or_write  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        database.write = write  # type: ignore[method-assign]


def is_supervised(job_id: str) -> bool:
    return any(thread.name.startswith(job_id) for thread in threading.enumerate())


def full() -> DiskFull:
    return DiskFull("The database's disk is full.")


def test_a_training_whose_events_find_no_room_for_long_is_paused(
    make_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = make_bench(disk_full_seconds=0.3, lease_seconds=6)
    bench.start_worker()
    job_id, child = start_holding_job(bench, tmp_path)
    with writing_fails(bench, full(), while_true=lambda: not is_gone(child)):
        while bench.job(job_id).status == "running":
            bench.step_without_database()
    job = bench.job(job_id)
    assert (job.status, job.status_reason, job.error) == ("paused", "disk_full", None)
    assert bench.left_behind() == []


def test_a_disk_that_is_full_for_a_moment_costs_nothing(bench: Bench, tmp_path: Path) -> None:
    job_id, _ = start_holding_job(bench, tmp_path)
    tries: list[int] = []
    with writing_fails(bench, full(), while_true=lambda: not tries.append(1)):  # type: ignore[func-returns-value]
        release(tmp_path)
        while len(tries) < 5:
            bench.step_without_database()
    job = bench.wait_for_status(job_id, "succeeded")
    assert (job.attempt, job.run) == (1, 1)


@pytest.mark.parametrize("error", [full(), DatabaseUnusable("The database is read-only.")])
def test_a_job_whose_failure_can_not_be_written_runs_again_once_it_can(
    make_bench: Callable[..., Bench], tmp_path: Path, error: StorageError
) -> None:
    bench = make_bench(disk_full_seconds=0.3, lease_seconds=1)
    bench.start_worker()
    job_id, child = start_holding_job(bench, tmp_path)
    with writing_fails(bench, error, while_true=lambda: True):
        release(tmp_path)
        while is_supervised(job_id):
            bench.step_without_database()
        assert is_gone(child)
        assert bench.job(job_id).status == "running"
    assert bench.wait_for_status(job_id, "succeeded").run == 2
    assert bench.left_behind() == []
