"""A new kind of job is one file: it goes through the real queue and a real worker, and nothing else changes."""

from collections.abc import Callable

import pytest

from service.operations.jobs import client_jobs, registry
from service.storage.paging import PageQuery
from service.worker.processes import TASK, ProcessStarter
from service.worker.supervisor import Supervisor
from tests.service.worker import sleep_kind
from tests.service.worker.bench import Bench
from tests.service.worker.fake_tasks import PRELOADED

LONGER_THAN_THE_TEST = 600.0


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, make_bench: Callable[..., Bench]) -> Bench:
    """With the kind registered, as a file in the folder of kinds is, and the worker's own way to find tasks.

    The order of the fixtures matters: the worker must have ended before its kind is unknown again.
    """
    monkeypatch.setitem(registry.KINDS, sleep_kind.KIND.name, sleep_kind.KIND)
    bench = make_bench()
    bench.supervisor = Supervisor(bench.context, ProcessStarter("forkserver", TASK, PRELOADED))
    return bench


def test_a_job_of_a_new_kind_runs_to_success(bench: Bench) -> None:
    job_id = sleep_kind.create(bench.context, 0.01)
    assert job_id.startswith("sj_")
    job = bench.wait_for_status(job_id, "succeeded")
    assert job.result is not None
    assert job.status_reason == "rested"
    assert job.result["slept"] >= 0.01
    assert bench.context.artifacts.existing_file(job.result["folder"], "dream.txt").read_bytes() == b"sheep"
    assert bench.transitions(job_id) == [("queued", None), ("running", None), ("succeeded", "rested")]
    assert bench.left_behind() == []


def test_jobs_of_a_new_kind_have_slots_of_their_own(bench: Bench) -> None:
    sleeping = [sleep_kind.create(bench.context, LONGER_THAN_THE_TEST) for _ in range(3)]
    build = bench.submit_build({})
    for job_id in sleeping[:2]:
        bench.wait_for_status(job_id, "running")
    bench.wait_for(lambda: bench.job(build).started_at)
    assert bench.job(sleeping[2]).status == "queued"


def test_jobs_of_a_new_kind_are_listed_cancelled_and_deleted_as_others_are(bench: Bench) -> None:
    context, kind = bench.context, sleep_kind.KIND
    done, asleep = sleep_kind.create(context, 0), sleep_kind.create(context, LONGER_THAN_THE_TEST)
    bench.wait_for_status(done, "succeeded")
    bench.wait_for_status(asleep, "running")
    client_jobs.change(context, kind, asleep, {"desired_status": "cancelled"})
    bench.wait_for_status(asleep, "cancelled")
    assert [view.job.id for view in client_jobs.list_page(context, kind, PageQuery()).items] == [asleep, done]
    client_jobs.delete(context, kind, done)
    assert context.artifacts.names("results") == []
    assert [view.job.id for view in client_jobs.list_page(context, kind, PageQuery()).items] == [asleep]
