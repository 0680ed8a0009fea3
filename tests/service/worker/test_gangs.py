"""Training jobs on several workers: claimed as one, with fake tasks where no network is needed."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from service.errors import DatabaseUnavailable
from service.identity import identify
from service.operations.jobs import gangs, leases
from service.operations.jobs import lifecycle as execution
from service.operations.jobs.kinds import training as training_jobs
from service.operations.jobs.leases import Lease
from service.operations.upkeep import workers
from service.storage import jobs
from service.storage.database import Session
from service.storage.records import Job, Worker
from tests.databases import KINDS, migrated_settings
from tests.service.worker.bench import Bench

TRAINING = ["training", "training_member"]


@pytest.fixture(params=KINDS)
def bench(
    request: pytest.FixtureRequest, make_bench: Callable[..., Bench], tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """A bench without a worker, on each kind of database."""
    with migrated_settings(request.param, tmp_path_factory.mktemp("database")) as settings:
        yield make_bench(database_url=settings.database_url)


def run_worker(bench: Bench, name: str, slots: int = 1, **columns: Any) -> str:
    """Let a worker send a heartbeat; its id."""
    given = {"queues": ["cpu"], "versions": {"fitserve": "1"}, "ready": True, **columns}
    now = datetime.now(UTC)
    worker = Worker(id=f"wk_{name}", host=name, process=identify(1), slots=slots, heartbeat_at=now, **given)
    workers.record_heartbeat(bench.context, worker)
    return worker.id


def claim(bench: Bench, worker: str) -> Job | None:
    """The job that the worker claims now."""
    if not execution.may_claim(bench.context, worker, TRAINING, ["cpu"]):
        return None
    claimed = execution.claim(bench.context, worker, TRAINING, ["cpu"], {})
    return None if claimed is None else claimed[1]


def claim_id(bench: Bench, worker: str) -> str | None:
    """The id of that job, or of the job that it helps."""
    job = claim(bench, worker)
    return None if job is None else job.leader or job.id


def helpers(bench: Bench, job_id: str) -> list[Job]:
    with bench.context.database.read() as session:
        return list(jobs.helping(session, job_id))


def instructions(bench: Bench, job_id: str) -> leases.Instructions:
    return leases.instructions(bench.context, bench.lease(job_id))


def test_it_begins_once_enough_workers_are_free(bench: Bench) -> None:
    first, busy = run_worker(bench, "a"), run_worker(bench, "b")
    alone = bench.submit({})
    assert claim_id(bench, busy) == alone
    gang = bench.submit({}, hosts=2)
    assert claim(bench, first) is None
    view = training_jobs.client_jobs.get(bench.context, training_jobs.KIND, gang)
    assert (view.status_reason, view.free_workers) == ("waiting_for_workers", 1)
    execution.cancelled(bench.context, bench.lease(alone))
    assert claim_id(bench, first) == gang
    (helper,) = helpers(bench, gang)
    assert (helper.status, helper.queue, helper.kind) == ("queued", busy, "training_member")
    assert claim_id(bench, busy) == gang
    assert not instructions(bench, gang).lost
    assert training_jobs.client_jobs.get(bench.context, training_jobs.KIND, gang).free_workers is None


@pytest.mark.parametrize(
    "columns",
    [{"queues": ["gpu"]}, {"ready": False}, {"problem": "no space"}, {"versions": {"fitserve": "2"}}],
    ids=str,
)
def test_only_workers_that_could_run_it_help(bench: Bench, columns: dict[str, Any]) -> None:
    first, _ = run_worker(bench, "a"), run_worker(bench, "b", **columns)
    bench.submit({}, hosts=2)
    alone = bench.submit({})
    assert claim_id(bench, first) == alone


def test_workers_may_have_other_patches_of_python_and_those_with_the_same_versions_count(bench: Bench) -> None:
    versions = {"fitserve": "1", "tensorflow": "2.21.0", "keras": "3.15.1"}
    first = run_worker(bench, "a", versions=versions | {"python": "3.11.9"})
    newer = run_worker(bench, "b", versions=versions | {"keras": "3.15.2"})
    gang = bench.submit({}, hosts=2)
    assert [claim(bench, worker) for worker in (first, newer)] == [None, None]
    view = training_jobs.client_jobs.get(bench.context, training_jobs.KIND, gang)
    assert (view.status_reason, view.free_workers) == ("waiting_for_workers", 1)
    same = run_worker(bench, "c", versions=versions | {"python": "3.11.10"})
    assert [claim_id(bench, worker) for worker in (first, same)] == [gang, gang]


def test_slots_are_kept_for_a_gang_whose_turn_it_is(bench: Bench) -> None:
    first, second = run_worker(bench, "a"), run_worker(bench, "b")
    running = bench.submit({})
    assert claim_id(bench, second) == running
    gang, later = bench.submit({}, hosts=2), bench.submit({})
    assert claim(bench, first) is None
    execution.cancelled(bench.context, bench.lease(running))
    assert claim_id(bench, second) == gang
    assert claim_id(bench, first) == gang
    assert bench.job(later).status == "queued"


def test_two_gangs_never_hold_half_of_the_workers_each(bench: Bench) -> None:
    names = [run_worker(bench, name) for name in "abc"]
    first, second = bench.submit({}, hosts=2), bench.submit({}, hosts=2)
    assert [claim_id(bench, name) for name in names] == [first, first, None]
    assert bench.job(second).status == "queued"


def test_workers_that_claim_at_the_same_time_begin_whole_gangs(bench: Bench) -> None:
    names = [run_worker(bench, name) for name in "abcd"]
    trainings = [bench.submit({}, hosts=2) for _ in range(2)]

    def claim_one(worker: str) -> str | None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                if (job_id := claim_id(bench, worker)) is not None:
                    return job_id
            except DatabaseUnavailable:
                continue  # a worker retries too
        return None

    with ThreadPoolExecutor(len(names)) as pool:
        claimed = list(pool.map(claim_one, names))
    assert sorted(map(str, claimed)) == sorted(trainings * 2)
    assert (
        len({bench.job(gang).owner for gang in trainings} | {helpers(bench, gang)[0].owner for gang in trainings}) == 4
    )


@pytest.mark.parametrize("bench", ["postgresql"], indirect=True)
def test_no_worker_claims_what_is_behind_a_gang_while_another_worker_begins_that(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = (run_worker(bench, name) for name in "abc")
    gang, later = bench.submit({}, hosts=3), bench.submit({})
    lock_gangs, meanwhile = jobs.lock_gangs, []

    def claim_meanwhile(session: Session) -> bool:
        meanwhile.append(thread.submit(claim_id, bench, second).result(20))
        return lock_gangs(session)

    with ThreadPoolExecutor(1) as thread, monkeypatch.context() as patch:
        patch.setattr(jobs, "lock_gangs", claim_meanwhile)
        assert claim_id(bench, first) == gang
    assert meanwhile == [None]
    assert [claim_id(bench, worker) for worker in (second, third)] == [gang, gang]
    assert bench.job(later).status == "queued"


def test_another_slot_of_a_worker_may_help_too(bench: Bench) -> None:
    first, second = run_worker(bench, "a", slots=2), run_worker(bench, "b", slots=2)
    trainings = [bench.submit({}, hosts=2) for _ in range(2)]
    assert [claim_id(bench, first) for _ in range(2)] == trainings
    assert [claim_id(bench, second) for _ in range(2)] == trainings


def test_a_draining_worker_keeps_its_place(bench: Bench) -> None:
    first, second = run_worker(bench, "a"), run_worker(bench, "b")
    gang, _ = bench.submit({}, hosts=2), bench.submit({})
    claim(bench, first)
    workers.change(bench.context, second, {"desired_status": "draining"})
    assert claim_id(bench, second) == gang
    assert claim(bench, second) is None


def test_gangs_that_begin_at_the_same_time_rarely_get_the_same_port() -> None:
    assert len({gangs.choose_port("127.0.0.1", range(20000, 30000)) for _ in range(10)}) > 5


def begin(bench: Bench) -> tuple[str, str]:
    """The ids of a running gang's job and of the job that helps it."""
    first, second = run_worker(bench, "a"), run_worker(bench, "b")
    gang = bench.submit({}, hosts=2)
    assert [claim_id(bench, worker) for worker in (first, second)] == [gang, gang]
    (helper,) = helpers(bench, gang)
    return gang, helper.id


@pytest.mark.parametrize("order", ["cancelled", "paused"])
def test_the_helpers_end_with_the_job(bench: Bench, order: str) -> None:
    gang, helper = begin(bench)
    bench.order(gang, order)
    assert bench.job(helper).status == "running"
    if order == "cancelled":
        execution.cancelled(bench.context, bench.lease(gang))
    else:
        execution.put_back(bench.context, bench.lease(gang))
    assert bench.job(gang).status == order
    assert bench.job(helper).status == "cancelling"


def test_a_helper_that_crashes_is_a_crash_of_the_job(bench: Bench) -> None:
    gang, helper = begin(bench)
    execution.crashed(bench.context, bench.lease(helper), {"code": "x", "detail": "", "faults": []})
    assert bench.job(helper).status == "cancelled"
    assert instructions(bench, gang).lost
    execution.lost_worker(bench.context, bench.lease(gang), {})
    job = bench.job(gang)
    assert (job.status, job.status_reason, job.attempt, job.deaths) == ("queued", "worker_lost", 2, 1)


@pytest.mark.parametrize("reason", ["worker_shutdown", "inputs_unavailable"])
def test_a_helper_that_its_worker_puts_back_is_none(bench: Bench, reason: str) -> None:
    gang, helper = begin(bench)
    execution.put_back(bench.context, bench.lease(helper), reason)
    assert instructions(bench, gang).lost
    execution.lost_worker(bench.context, bench.lease(gang), {})
    job = bench.job(gang)
    assert (job.status, job.attempt, job.deaths) == ("queued", 1, 0)


def test_a_helper_that_never_begins_gives_the_slots_back(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(gang_seconds=0.0)
    first, _ = run_worker(bench, "a"), run_worker(bench, "b")
    gang = bench.submit({}, hosts=2)
    assert claim_id(bench, first) == gang
    assert instructions(bench, gang).lost
    execution.lost_worker(bench.context, bench.lease(gang), {})
    assert (bench.job(gang).status, bench.job(gang).deaths) == ("queued", 0)
    assert [helper.status for helper in helpers(bench, gang)] == ["cancelled"]


def test_a_helper_whose_worker_has_ended_is_not_waited_for(bench: Bench) -> None:
    first, second = run_worker(bench, "a"), run_worker(bench, "b")
    gang = bench.submit({}, hosts=2)
    assert claim_id(bench, first) == gang
    assert not instructions(bench, gang).lost
    workers.forget(bench.context, second)
    assert instructions(bench, gang).lost
    execution.lost_worker(bench.context, bench.lease(gang), {})
    assert (bench.job(gang).status, bench.job(gang).attempt, bench.job(gang).deaths) == ("queued", 1, 0)


def test_the_next_execution_does_not_count_earlier_helpers(bench: Bench) -> None:
    gang, helper = begin(bench)
    earlier = Lease(helper, bench.job(helper).token)
    execution.lost_worker(bench.context, bench.lease(gang), {})
    execution.cancelled(bench.context, earlier)
    first, second = "wk_a", "wk_b"
    assert claim_id(bench, first) == gang
    assert claim_id(bench, second) == gang
    assert not instructions(bench, gang).lost
