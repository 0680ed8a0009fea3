"""A job whose work is spread over shards is one job for its clients, whatever becomes of the shards."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from models.batches import blocks
from models.batches.results import stream_json_lines
from service import statuses
from service.context import Context
from service.errors import LeaseLost
from service.operations.catalog.uploads import IncomingFile
from service.operations.jobs import claims, client_jobs, leases, recording
from service.operations.jobs import lifecycle as execution
from service.operations.jobs.kinds import batch_prediction
from service.operations.jobs.leases import Lease
from service.operations.jobs.lifecycle import Sighting
from service.operations.upkeep import housekeeping
from service.storage import figures, jobs, usage
from service.storage.identifiers import new_identifier
from service.storage.jobs import NewEvent
from service.storage.paging import PageQuery
from service.storage.records import Job
from tests.contexts import default_context
from tests.databases import KINDS, migrated_settings
from tests.running_service import wait_for
from tests.s3_server import S3Server
from tests.service.api.fake_worker import FakeWorker
from tests.service.operations import stocked
from tests.service.operations.overlaps import overlap

KIND = batch_prediction.KIND
ROWS = [[float(number)] for number in range(9)]
SHARDS = 5
CRASH = {"code": "worker-process-died", "detail": "The process crashed.", "faults": []}
FULL = {"code": "disk-full", "detail": "The disk is full.", "faults": []}
REQUEST = {"model": "line", "version": None, "label": None, "variant": None}
Claimed = tuple[Lease, Job]


ON_BOTH = pytest.mark.parametrize("context", KINDS, indirect=True)
"""For tests in which several transactions meet."""


@pytest.fixture
def context(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    """With a version of `line`, whose predictions are divided into shards of two rows."""
    monkeypatch.setattr(blocks, "MOST_ROWS", 2)
    with migrated_settings(
        getattr(request, "param", "sqlite"), tmp_path, batch_shard_rows=2, orphan_hours=0.1
    ) as settings:
        context = stocked.stock(settings)
        stocked.train(context)
        stocked.work(context)
        yield context
        context.database.close()


def create(context: Context, rows: Any = ROWS) -> str:
    """Create a batch prediction for rows in a file; its id."""
    file = IncomingFile(context.artifacts.stage(new_identifier("up")), "rows.jsonl")
    file.write(b"\n".join(map(orjson.dumps, rows)))
    return batch_prediction.create(context, REQUEST | {"file": file.complete(), "extra": "refuse"})


def divide(context: Context, rows: Any = ROWS) -> str:
    """Create a batch prediction and let a worker divide it; its id."""
    job_id = create(context, rows)
    assert FakeWorker(context).run_next(KIND.name)
    return job_id


def undivided(context: Context, rows: Any = ROWS) -> Job:
    """The same batch prediction, of which one process has predicted all rows."""
    whole = replace(context, settings=replace(context.settings, batch_shard_rows=0))
    return read(whole, divide(whole, rows))


def read(context: Context, job_id: str) -> Job:
    return client_jobs.get(context, KIND, job_id).job


def parts(context: Context, job_id: str) -> list[Job]:
    with context.database.read() as session:
        return list(jobs.parts(session, job_id))


def claim(context: Context, kind: str = "batch_shard") -> Claimed:
    claimed = FakeWorker(context).claim(kind)
    assert claimed is not None
    return claimed


def claim_all(context: Context) -> list[Claimed]:
    return [claim(context) for _ in range(SHARDS)]


def finish(context: Context, *claimed: Claimed) -> None:
    for each in claimed:
        FakeWorker(context).finish(*each)


def transitions(context: Context, job_id: str) -> list[tuple[str, str | None]]:
    view = client_jobs.get(context, KIND, job_id)
    return [(event.data["status"], event.data["reason"]) for event in view.transitions]


def file_of(context: Context, job: Job) -> bytes:
    """The result as it is stored."""
    found = batch_prediction.result(context, job.id)
    return context.artifacts.existing_file(str((job.result or {})["folder"]), found.file.name).read_bytes()


def files_below(context: Context, *groups: str) -> list[str]:
    """What is stored in these groups for jobs that haven't ended well."""
    return [name for name in stocked.files_of(context) if name.startswith(groups)]


@ON_BOTH
def test_a_divided_job_runs_until_its_shards_are_joined_and_ends_as_one_process_would(context: Context) -> None:
    job_id = divide(context)
    whole = read(context, job_id)
    assert (whole.status, whole.owner, whole.shards, whole.result) == (statuses.RUNNING, None, SHARDS, None)
    assert whole.progress == {"step": 0, "steps": 9, "fraction": 0.0, "eta_seconds": None}
    assert [(part.kind, part.shard, part.project) for part in parts(context, job_id)] == [
        ("batch_shard", number, "default") for number in range(SHARDS)
    ]
    claimed = claim_all(context)
    finish(context, *reversed(claimed[1:]))
    assert FakeWorker(context).claim("batch_join") is None
    half = {"step": 1, "steps": 2, "fraction": 0.5, "eta_seconds": 4.0}
    recording.record(context, claimed[0][0], [NewEvent("progress", half)], progress=half)
    finish(context, claimed[0])
    assert FakeWorker(context).run_next("batch_join")

    done, alone = read(context, job_id), undivided(context)
    assert transitions(context, job_id) == [("queued", None), ("running", None), ("succeeded", None)]
    assert file_of(context, done) == file_of(context, alone)
    assert {**(done.result or {}), "folder": None} == {**(alone.result or {}), "folder": None}
    assert (done.attempt, alone.shards) == (1, None)
    assert parts(context, job_id) == []
    assert files_below(context, "shards", "uploads", ".staging") == []
    client_jobs.delete(context, KIND, job_id)
    client_jobs.delete(context, KIND, alone.id)
    assert files_below(context, "batch-predictions") == []


def test_the_progress_is_that_of_all_shards_together(context: Context) -> None:
    job_id = divide(context)
    first, second, *_ = claim_all(context)
    for (lease, _), step, eta in ((first, 1, 2.0), (second, 1, 0.5)):
        progress = {"step": step, "steps": 2, "fraction": 0.5, "eta_seconds": eta}
        recording.record(context, lease, [NewEvent("progress", progress)], progress=progress)
        wait_for(lambda: _is_due(context, job_id), 5, "the next progress to be due")
    assert read(context, job_id).progress == {"step": 2, "steps": 9, "fraction": 2 / 9, "eta_seconds": 7 / 2.5}
    execution.put_back(context, second[0], "worker_shutdown")
    recording.record(context, first[0], [NewEvent("progress", progress)], progress=progress)
    assert read(context, job_id).progress == {"step": 1, "steps": 9, "fraction": 1 / 9, "eta_seconds": 8 / 2}


def _is_due(context: Context, job_id: str) -> bool:
    with context.database.read() as session:
        (last,) = jobs.last_events(session, job_id, 1, ("progress",))
    return datetime.now(UTC) - last.at > timedelta(seconds=0.2)


def test_what_shards_print_is_in_the_log_of_the_job(context: Context) -> None:
    job_id = divide(context)
    lease, _ = claim(context)
    recording.record(context, lease, [NewEvent("message", {"text": "The child process crashed.\n"})])
    with context.database.read() as session:
        told = [event.data["text"] for event in jobs.events_after(session, job_id, 0, 100, types=("message",))]
    assert told == ["The child process crashed.\n"]


@ON_BOTH
def test_workers_that_end_shards_at_the_same_time_join_them_once(context: Context) -> None:
    job_id = create(context, [[float(number)] for number in range(24)])
    with ExitStack() as workers:
        for _ in range(4):
            workers.enter_context(FakeWorker(context))
        wait_for(lambda: read(context, job_id).status == statuses.SUCCEEDED, 60, "the job to succeed")
    assert [row["value"] for row in rows_of(context, job_id)] == [float(number) for number in range(24)]
    assert parts(context, job_id) == []


def rows_of(context: Context, job_id: str) -> list[Any]:
    folder = str((read(context, job_id).result or {})["folder"])
    path = context.artifacts.existing_file(folder, batch_prediction.result(context, job_id).file.name)
    return [orjson.loads(line) for chunk in stream_json_lines(path) for line in chunk.splitlines()]


def test_the_rows_of_a_dataset_are_divided_too(context: Context) -> None:
    request = REQUEST | {"dataset": "line", "dataset_version": None, "split": None}
    job_id = batch_prediction.create(context, request)
    FakeWorker(context).run_all()
    assert read(context, job_id).shards == 2
    assert [row["row"] for row in rows_of(context, job_id)] == [0, 1, 2, 3]


def test_hosts_share_the_shards_through_s3(s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "MOST_ROWS", 2)
    bucket = s3.make_bucket()
    one = stocked.make_context(tmp_path / "one", artifact_url=f"s3://{bucket}/fitserve", batch_shard_rows=2)
    elsewhere = replace(one.settings, data_dir=tmp_path / "two")
    assert elsewhere.database_url == one.settings.database_url
    two = default_context(elsewhere)
    stocked.train(one)
    stocked.work(one)
    job_id = divide(one)
    for host in (two, one, two, one, two):
        FakeWorker(host).run_next("batch_shard")
    assert FakeWorker(one).run_next("batch_join")
    assert file_of(two, read(two, job_id)) == file_of(one, undivided(one))
    assert [name for name in s3.names(bucket) if "/shards/" in name or "/uploads/" in name] == []
    for context in (one, two):
        context.database.close()


BAD = [*ROWS[:3], ["three"], *ROWS[4:7], ["seven"], ROWS[8]]
"""With bad rows in the second and in the fourth shard."""


@ON_BOTH
def test_the_error_of_the_first_shard_that_fails_counts(context: Context) -> None:
    job_id = divide(context, BAD)
    claimed = claim_all(context)
    finish(context, claimed[3])
    assert read(context, job_id).status == statuses.RUNNING
    assert [part.shard for part in parts(context, job_id)] == [0, 1, 2, 3]
    with pytest.raises(LeaseLost):
        leases.renew(context, claimed[4][0])
    finish(context, claimed[0], claimed[1])
    failed, alone = read(context, job_id), undivided(context, BAD)
    assert (failed.status, failed.error, failed.status_reason) == (alone.status, alone.error, alone.status_reason)
    assert failed.error is not None
    assert failed.error["faults"][0]["row"] == 3
    assert parts(context, job_id) == []
    assert files_below(context, "shards", "uploads") == []


def test_a_job_fails_only_after_the_shards_before_the_bad_one_have_succeeded(context: Context) -> None:
    rows = [*ROWS[:7], ["seven"], ROWS[8]]
    job_id = divide(context, rows)
    claimed = claim_all(context)
    finish(context, claimed[3], claimed[2], claimed[0])
    assert read(context, job_id).status == statuses.RUNNING
    finish(context, claimed[1])
    assert read(context, job_id).error == undivided(context, rows).error


@ON_BOTH
def test_a_cancelled_job_takes_its_shards_along(context: Context) -> None:
    job_id = divide(context)
    done, running, *_ = claim_all(context)
    finish(context, done)
    assert client_jobs.change(context, KIND, job_id, {"desired_status": "cancelled"}).job.status == statuses.CANCELLED
    assert parts(context, job_id) == []
    with pytest.raises(LeaseLost):
        leases.instructions(context, running[0])
    with pytest.raises(LeaseLost):
        execution.succeed(context, running[0], {})
    assert files_below(context, "shards", "uploads") == []


def test_only_the_shard_of_a_lost_worker_is_repeated(context: Context) -> None:
    job_id = divide(context)
    first, lost, *others = claim_all(context)
    finish(context, first, *others)
    assert [sighting.job_id for sighting in execution.sightings(context)] == [lost[1].id]
    assert execution.reap(context, Sighting(lost[1].id, lost[0].token, lost[1].renewals))
    with pytest.raises(LeaseLost):
        finish(context, lost)
    finish(context, claim(context))
    assert [part.token for part in parts(context, job_id)] == [1, 2, 1, 1, 1, 0]
    FakeWorker(context).run_all()
    assert file_of(context, read(context, job_id)) == file_of(context, undivided(context))


def test_a_worker_that_divided_the_rows_holds_no_lease_any_more(context: Context) -> None:
    job_id = create(context)
    lease, job = claim(context, KIND.name)
    finish(context, (lease, job))
    for use in (leases.renew, execution.put_back):
        with pytest.raises(LeaseLost):
            use(context, lease)
    assert not execution.reap(context, Sighting(job_id, lease.token, job.renewals))
    execution.succeed(context, lease, {"shards": []})  # again, since its COMMIT was not answered
    assert len(parts(context, job_id)) == SHARDS
    assert files_below(context, f"uploads/{job_id}") != []


def test_joining_that_crashes_again_and_again_fails_the_job(context: Context) -> None:
    job_id = divide(context)
    finish(context, *claim_all(context))
    for _ in range(context.settings.max_attempts):
        assert read(context, job_id).status == statuses.RUNNING
        execution.crashed(context, claim(context, "batch_join")[0], CRASH)
    failed = read(context, job_id)
    assert (failed.status, failed.error, failed.status_reason) == ("failed", CRASH, "worker_lost")
    assert files_below(context, "shards", "uploads", "batch-predictions") == []


def test_a_full_disk_pauses_the_job_which_then_continues_where_it_was(context: Context) -> None:
    job_id = divide(context)
    done, stuck, running = claim(context), claim(context), claim(context)
    finish(context, done)
    execution.fail(context, stuck[0], FULL, "disk_full")
    paused = read(context, job_id)
    assert (paused.status, paused.status_reason, paused.desired_status) == ("paused", "disk_full", "paused")
    assert [warning.type for warning in paused.warnings] == ["paused"]
    assert FakeWorker(context).claim("batch_shard") is None
    finish(context, running)
    client_jobs.change(context, KIND, job_id, {"desired_status": "running"})
    assert read(context, job_id).status == statuses.RUNNING
    assert [part.token for part in parts(context, job_id)] == [1, 1, 1, 0, 0]
    FakeWorker(context).run_all()
    assert file_of(context, read(context, job_id)) == file_of(context, undivided(context))


@pytest.mark.parametrize("context", ["postgresql"], indirect=True)
def test_a_job_is_paused_while_a_worker_claims_one_of_its_shards(context: Context) -> None:
    job_id = divide(context)
    stuck = claim(context)
    fail = partial(execution.fail, context, stuck[0], FULL, "disk_full")
    _, refusal = overlap(context, partial(claim, context), fail)
    assert refusal is None
    assert read(context, job_id).status == statuses.PAUSED
    assert [part.status for part in parts(context, job_id)] == ["paused", "running", "paused", "paused", "paused"]


@ON_BOTH
def test_shards_that_are_put_back_while_their_job_is_paused_wait_until_it_is_resumed(context: Context) -> None:
    job_id = divide(context)
    stuck, returned, forkless, crashed, lost = (lease for lease, _ in claim_all(context))
    execution.fail(context, stuck, FULL, "disk_full")
    execution.put_back(context, returned, "worker_shutdown")
    execution.lost_fork_server(context, forkless)
    execution.crashed(context, crashed, CRASH)
    (sighting,) = execution.sightings(context)
    assert sighting.job_id == lost.job_id
    execution.reap(context, sighting)
    assert [part.status for part in parts(context, job_id)] == ["paused"] * SHARDS
    assert FakeWorker(context).claim("batch_shard") is None
    client_jobs.change(context, KIND, job_id, {"desired_status": "running"})
    FakeWorker(context).run_all()
    assert file_of(context, read(context, job_id)) == file_of(context, undivided(context))


def test_the_job_counts_once_and_its_parts_only_in_queues_and_on_workers(context: Context) -> None:
    job_id = divide(context)
    claim(context)
    with context.database.read() as session:
        assert usage.count_queued(session, ["default"]) == {}
        assert usage.count_running(session, ["default"], claims.LIMITED) == {"default": 1}
        counted = [row[1:] for row in figures.job_counts(session) if row.kind.startswith("batch")]
        assert counted == [("batch_prediction", "running", 1)]
        assert [(row.kind, row.jobs) for row in figures.claimed(session)] == [("batch_shard", 1)]
        assert [(row.kind, row.jobs) for row in figures.queues(session)] == [("batch_shard", SHARDS - 1)]
        assert jobs.unfinished(session, model_id=str(read(context, job_id).model_id)) == job_id
    (view,) = client_jobs.list_page(context, KIND, PageQuery()).items
    assert (view.job.id, view.status_reason) == (job_id, "waiting_for_worker")


def test_the_cleanup_keeps_the_shards_of_a_job_until_it_ends(context: Context) -> None:
    job_id = divide(context)
    finish(context, *claim_all(context)[1:])
    housekeeping.clean_up(context, datetime.now(UTC) + timedelta(days=100))
    assert len(parts(context, job_id)) == SHARDS
    execution.put_all_back(context.database, "restored")  # as in a restored backup
    assert read(context, job_id).status == statuses.RUNNING
    FakeWorker(context).run_all()
    assert file_of(context, read(context, job_id)) == file_of(context, undivided(context))
