"""Two clients, or a client and a worker, change the same things: the second begins before the first has committed, and
sees what the first has done. On PostgreSQL: SQLite lets one begin after the other."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from models.errors import InvalidSpec
from models.jobs.training import TrainingRequest
from service.context import Context
from service.errors import (
    Conflict,
    Failed,
    InUse,
    InvalidRequest,
    LeaseLost,
    NameTaken,
    NotFound,
    NotReady,
    QueueFull,
    QuotaExceeded,
    StillRunning,
)
from service.operations import idempotency
from service.operations.access import keys, projects
from service.operations.catalog import dataset_versions, datasets, model_imports, models, variants, versions
from service.operations.catalog.uploads import DATA_FILE, ReceivedFile
from service.operations.jobs import client_jobs, leases, queue, waiting
from service.operations.jobs import lifecycle as execution
from service.operations.jobs.kinds import batch_prediction, evaluation
from service.operations.jobs.kinds import training as training_jobs
from service.operations.jobs.kinds import variant as variant_jobs
from service.operations.upkeep import housekeeping, workers
from service.storage import jobs
from service.storage.identifiers import new_identifier
from service.storage.records import IdempotencyKey, Job, Label, Worker
from tests.databases import migrated_settings
from tests.running_service import wait_for
from tests.service.api.fake_worker import FakeWorker, model_file
from tests.service.operations import stocked
from tests.service.operations.overlaps import is_waiting, outcome, overlap

LATEST: dict[str, Any] = {"model": "line", "version": None, "label": None, "dataset": "line", "dataset_version": None}
VARIANT: dict[str, Any] = {"type": "int8", "dataset": None, "dataset_version": None, "max_accuracy_drop": 0.01}
TABLE = {"name": "table", "source": "inline", "rows": [{"x": 1, "y": 1}, {"x": 2, "y": 2}], "target": "y"}
ROWS = {"append": [{"x": 3, "y": 3}]}
ERROR = {"code": "invalid-data", "detail": "It is damaged.", "faults": []}


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """With the dataset and the model `line`, and version 1 of that."""
    with migrated_settings("postgresql", tmp_path) as settings:
        context = stocked.stock(settings)
        stocked.train(context)
        yield context
        context.database.close()


@pytest.fixture
def everything(tmp_path: Path) -> Iterator[Context]:
    """With the project `vision`, which is empty."""
    with migrated_settings("postgresql", tmp_path) as settings:
        context = Context.from_settings(settings)
        projects.create(context, "vision", {})
        yield context
        context.database.close()


def train(context: Context, **options: Any) -> str:
    return training_jobs.create(context, TrainingRequest.from_document(stocked.TRAINING).to_document() | options)


def evaluate(context: Context) -> str:
    return evaluation.create(context, LATEST | {"split": "train", "threshold": None, "variant": None})


def predict(context: Context, **options: Any) -> str:
    return batch_prediction.create(context, LATEST | {"split": None, "variant": None} | options)


def make_variant(context: Context) -> str:
    return variants.create(context, VARIANT, model_name="line", number=1)


def start_from_version(context: Context) -> str:
    return train(context, start_from={"model": None, "version": 1, "label": None})


def reuse_layers(context: Context) -> str:
    layers = [{"type": "Pretrained", "model": "line", "version": 1}]
    return models.create(context, stocked.LINE | {"name": new_identifier("m"), "layers": layers})[1]


def receive(context: Context, name: str, content: bytes) -> ReceivedFile:
    folder = context.artifacts.stage(new_identifier("upload"))
    (folder / DATA_FILE).write_bytes(content)
    return ReceivedFile(folder, name, len(content), sha256(content).hexdigest())


def predict_file(context: Context) -> str:
    file = receive(context, "rows.json", b'[{"input": [1]}]')
    return predict(context, dataset=None, file=file, extra=None)


def import_version(context: Context) -> model_imports.VersionImport:
    return model_imports.add_version(context, "line", {"file": receive(context, "line.keras", model_file())})


def claim(context: Context, kind: str) -> leases.Lease:
    claimed = execution.claim(context, "wk_test", [kind], ["cpu"], {})
    assert claimed is not None
    return claimed[0]


def succeed(context: Context, kind: str) -> None:
    """As a worker does."""
    claimed = execution.claim(context, "wk_test", [kind], ["cpu"], {"threads": 1})
    assert claimed is not None
    FakeWorker(context).finish(*claimed)


def cancel(context: Context, job_id: str) -> None:
    with context.database.write() as session:
        job = jobs.get(session, job_id, lock=True)
        assert job is not None
        queue.cancel(session, job)


def status_of(context: Context, job_id: str) -> str:
    job = stocked.job(context, job_id)
    assert job is not None
    return job.status


DELETIONS: dict[str, Callable[[Context], None]] = {
    "model": lambda context: models.delete(context, "line"),
    "dataset": lambda context: datasets.delete(context, "line"),
    "version": lambda context: versions.delete(context, "line", 1),
}
USES = {
    "training": (train, ("model", "dataset")),
    "evaluation": (evaluate, ("model", "dataset", "version")),
    "prediction": (predict, ("model", "dataset", "version")),
    "variant": (make_variant, ("model", "dataset", "version")),
    "file": (predict_file, ("model", "version")),
    "start": (start_from_version, ("model", "version")),
    "layers": (reuse_layers, ("model", "version")),
}
PAIRS = [(use, deleted) for use, (_, needed) in USES.items() for deleted in needed]


@pytest.mark.parametrize(("use", "deleted"), PAIRS)
def test_what_a_new_job_needs_is_not_deleted_and_no_job_needs_what_is_being_deleted(
    context: Context, use: str, deleted: str
) -> None:
    create, delete = partial(USES[use][0], context), partial(DELETIONS[deleted], context)
    job_id, refusal = overlap(context, create, delete)
    assert isinstance(refusal, InUse), refusal
    assert status_of(context, job_id) == "queued"
    cancel(context, job_id)
    done, refusal = overlap(context, delete, create)
    assert done is None
    assert isinstance(refusal, InvalidRequest | NotFound | InvalidSpec), refusal


def test_a_label_points_to_no_version_that_is_being_deleted(context: Context) -> None:
    put = partial(versions.put_label, context, "line", "best", 1)
    delete = partial(versions.delete, context, "line", 1)
    _, refusal = overlap(context, put, delete)
    assert isinstance(refusal, InUse)
    versions.delete_label(context, "line", "best")
    _, refusal = overlap(context, delete, put)
    assert isinstance(refusal, InvalidRequest)
    with context.database.read() as session:
        assert session.query(Label).count() == 0


def test_the_cleanup_removes_no_version_that_gets_a_label(context: Context) -> None:
    put = partial(versions.put_label, context, "line", "best", 1)
    _, removed = overlap(context, put, partial(versions.delete_unlabelled, context, 0))
    assert removed == 0
    assert versions.get(context, "line", 1).number == 1


def test_no_model_serves_a_label_that_is_being_deleted(context: Context) -> None:
    versions.put_label(context, "line", "best", 1)
    serve = partial(models.change, context, "line", {"serve": "best"})
    delete = partial(versions.delete_label, context, "line", "best")
    _, refusal = overlap(context, serve, delete)
    assert isinstance(refusal, InUse)
    models.change(context, "line", {"serve": None})
    _, refusal = overlap(context, delete, serve)
    assert isinstance(refusal, InvalidRequest)


def test_a_variant_of_a_version_that_is_being_deleted_is_not_kept(context: Context) -> None:
    job_id = make_variant(context)
    _, refusal = overlap(context, lambda: succeed(context, "variant"), lambda: versions.delete(context, "line", 1))
    assert refusal is None or isinstance(refusal, InUse)
    assert status_of(context, job_id) == "succeeded"


def test_a_variant_is_made_once(context: Context) -> None:
    _, refusal = overlap(context, lambda: make_variant(context), lambda: make_variant(context))
    assert isinstance(refusal, Conflict)


def test_a_variant_that_a_prediction_needs_is_not_deleted(context: Context) -> None:
    make_variant(context)
    succeed(context, "variant")
    delete = partial(variants.delete, context, "line", 1, "int8")
    job_id, refusal = overlap(context, lambda: predict(context, variant="int8"), delete)
    assert isinstance(refusal, InUse)
    client_jobs.change(context, batch_prediction.KIND, job_id, {"desired_status": "cancelled"})
    _, refusal = overlap(context, delete, lambda: predict(context, variant="int8"))
    assert isinstance(refusal, InvalidRequest)


def test_a_failed_variant_is_deleted_while_a_client_changes_one_of_its_jobs(context: Context) -> None:
    attempts = []
    for _ in range(2):
        attempts.append(make_variant(context))
        execution.fail(context, claim(context, "variant"), ERROR)
    change = partial(client_jobs.change, context, variant_jobs.KIND, attempts[0], {"metadata": {"note": "look"}})
    _, done = overlap(context, change, lambda: variants.delete(context, "line", 1, "int8"))
    assert done is None
    assert [stocked.job(context, job_id) for job_id in attempts] == [None, None]


@pytest.mark.parametrize("create", [datasets.create, models.create], ids=["dataset", "model"])
def test_a_name_is_taken_once(context: Context, create: Callable[[Context, Any], Any]) -> None:
    document = (stocked.DATASET if create is datasets.create else stocked.LINE) | {"name": "new"}
    _, refusal = overlap(context, lambda: create(context, document), lambda: create(context, document))
    assert isinstance(refusal, NameTaken)


def test_a_project_is_created_once(everything: Context) -> None:
    create = partial(projects.create, everything, "audio", {})
    _, refusal = overlap(everything, create, create)
    assert isinstance(refusal, NameTaken)


def in_vision(everything: Context) -> dict[str, Callable[[], Any]]:
    vision = everything.in_project("vision")
    return {
        "dataset": lambda: datasets.create(vision, stocked.DATASET),
        "model": lambda: models.create(vision, stocked.LINE),
        "key": lambda: keys.create(everything, "mine", ["read"], "vision"),
    }


@pytest.mark.parametrize("made", ["dataset", "model", "key"])
def test_a_project_is_deleted_only_if_nothing_is_being_made_in_it(everything: Context, made: str) -> None:
    make, delete = in_vision(everything)[made], partial(projects.delete, everything, "vision")
    _, refusal = overlap(everything, make, delete)
    assert isinstance(refusal, InUse), refusal


@pytest.mark.parametrize("made", ["dataset", "key"])
def test_nothing_is_made_in_a_project_that_is_being_deleted(everything: Context, made: str) -> None:
    make, delete = in_vision(everything)[made], partial(projects.delete, everything, "vision")
    _, refusal = overlap(everything, delete, make)
    assert isinstance(refusal, NotFound | InvalidRequest), refusal


def test_two_quotas_are_changed(everything: Context) -> None:
    change = partial(projects.change, everything, "vision")
    overlap(everything, lambda: change({"queued_jobs": 3}), lambda: change({"running_jobs": 2}))
    quotas = projects.get(everything, "vision").project.quotas
    assert (quotas.queued_jobs, quotas.running_jobs) == (3, 2)


def test_a_key_is_revoked_once(everything: Context) -> None:
    key, _ = keys.create(everything, "mine", ["read"])
    revoke = partial(keys.revoke, everything, key.id)
    first, second = overlap(everything, revoke, revoke)
    assert first.revoked_at == second.revoked_at


def test_every_change_of_a_dataset_is_kept(context: Context) -> None:
    change = partial(datasets.change, context, "line")
    overlap(context, lambda: change({"metadata": {"a": "1"}}), lambda: change({"metadata": {"b": "1"}}))
    assert datasets.get(context, "line").dataset.metadata_ == {"a": "1", "b": "1"}


def test_versions_of_a_dataset_have_numbers_of_their_own_and_rows_are_appended_once(context: Context) -> None:
    datasets.create(context, TABLE)
    stocked.work(context)
    append = partial(dataset_versions.create, context, "table", ROWS)
    first, refusal = overlap(context, append, append)
    assert isinstance(refusal, Conflict)
    assert first[0].number == 2


def test_imported_and_trained_versions_have_numbers_of_their_own(context: Context) -> None:
    first, second = overlap(context, lambda: import_version(context), lambda: import_version(context))
    assert (first.number, second.number) == (2, 3)
    for _ in range(2):
        train(context)
    overlap(context, lambda: import_version(context), lambda: succeed(context, "training"))
    overlap(context, lambda: succeed(context, "training"), lambda: import_version(context))
    assert models.get(context, "line").model.last_version == 7


def test_a_version_of_a_dataset_that_a_new_job_reads_is_not_deleted(context: Context) -> None:
    datasets.create(context, TABLE)
    stocked.work(context)
    dataset_versions.create(context, "table", ROWS)
    stocked.work(context)
    use = partial(train, context, dataset="table", dataset_version=1)
    delete = partial(dataset_versions.delete, context, "table", 1)
    job_id, refusal = overlap(context, use, delete)
    assert isinstance(refusal, InUse)
    client_jobs.change(context, training_jobs.KIND, job_id, {"desired_status": "cancelled"})
    _, refusal = overlap(context, delete, use)
    assert isinstance(refusal, InvalidRequest)


def test_a_version_to_which_rows_are_being_appended_is_not_deleted(context: Context) -> None:
    datasets.create(context, TABLE)
    stocked.work(context)
    dataset_versions.create(context, "table", ROWS)
    stocked.work(context)
    append = partial(dataset_versions.create, context, "table", ROWS)
    _, refusal = overlap(context, append, lambda: dataset_versions.delete(context, "table", 2))
    assert isinstance(refusal, InUse)


def test_a_dataset_is_its_newest_version_whichever_import_ends_last(context: Context) -> None:
    datasets.create(context, TABLE)
    stocked.work(context)
    worker = FakeWorker(context)
    for _ in range(2):
        dataset_versions.create(context, "table", {"file": [receive(context, "table.csv", b"x,y\n1,1\n2,2\n")]})
    second, third = worker.claim("import"), worker.claim("import")
    assert second is not None
    assert third is not None
    overlap(context, partial(worker.finish, *third), partial(worker.finish, *second))
    assert datasets.get(context, "table").dataset.version == 3


def test_no_job_waits_for_a_dataset_whose_import_has_failed(context: Context) -> None:
    datasets.create(context, stocked.DATASET | {"name": "later"})
    lease = claim(context, "import")
    job_id, _ = overlap(context, lambda: train(context, dataset="later"), lambda: execution.fail(context, lease, ERROR))
    assert status_of(context, job_id) == "failed"
    datasets.create(context, stocked.DATASET | {"name": "last"})
    lease = claim(context, "import")
    _, refusal = overlap(context, lambda: execution.fail(context, lease, ERROR), lambda: train(context, dataset="last"))
    assert isinstance(refusal, NotReady)


def test_a_job_that_waits_for_a_dataset_is_claimed_when_the_import_succeeds_meanwhile(context: Context) -> None:
    datasets.create(context, stocked.DATASET | {"name": "later"})
    job_id, _ = overlap(context, lambda: train(context, dataset="later"), lambda: succeed(context, "import"))
    assert waiting.find_checkable(context) == [job_id]


def test_a_job_ends_as_what_was_committed_first(context: Context) -> None:
    job_id = train(context)
    lease = claim(context, "training")
    order = partial(client_jobs.change, context, training_jobs.KIND, job_id, {"desired_status": "cancelled"})
    _, second = overlap(context, lambda: execution.fail(context, lease, ERROR), order)
    assert isinstance(second, Conflict)
    assert status_of(context, job_id) == "failed"
    job_id = train(context)
    lease = claim(context, "training")
    order = partial(client_jobs.change, context, training_jobs.KIND, job_id, {"desired_status": "cancelled"})
    overlap(context, order, lambda: execution.fail(context, lease, ERROR))
    assert status_of(context, job_id) == "cancelled"


def test_every_order_for_a_training_is_kept(context: Context) -> None:
    job_id = train(context)
    change = partial(training_jobs.change, context, job_id)
    overlap(context, lambda: change({"epochs": 5}), lambda: change({"learning_rate": 0.5}))
    overlap(context, lambda: change({"metadata": {"a": 1}}), lambda: change({"metadata": {"b": 1}}))
    job = client_jobs.get(context, training_jobs.KIND, job_id).job
    assert [order.number for order in job.orders] == [1, 2]
    assert job.metadata_ == {"a": 1, "b": 1}


def test_a_training_that_ends_takes_no_order_and_one_with_an_order_does_not_end(context: Context) -> None:
    job_id = train(context)
    lease = claim(context, "training")
    order = partial(training_jobs.change, context, job_id, {"epochs": 5})
    _, instructions = overlap(context, order, partial(leases.close, context, lease, 0))
    assert (instructions.closed, len(instructions.orders)) == (False, 1)
    order = partial(training_jobs.change, context, job_id, {"epochs": 6})
    _, refusal = overlap(context, partial(leases.close, context, lease, 1), order)
    assert isinstance(refusal, Conflict)


def test_a_waiting_job_is_checked_once_and_is_not_queued_when_it_was_cancelled(context: Context) -> None:
    datasets.create(context, stocked.DATASET | {"name": "later"})
    checked, cancelled = (train(context, dataset="later") for _ in range(2))
    succeed(context, "import")
    overlap(context, partial(waiting.check, context, checked), partial(waiting.check, context, checked))
    view = client_jobs.get(context, training_jobs.KIND, checked)
    assert [event.data["reason"] for event in view.transitions] == ["waiting_for_dataset", None]
    order = partial(training_jobs.change, context, cancelled, {"desired_status": "cancelled"})
    overlap(context, order, partial(waiting.check, context, cancelled))
    assert status_of(context, cancelled) == "cancelled"


def test_a_waiting_job_reads_no_version_that_is_being_deleted(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets.create(context, TABLE)
    waited = train(context, dataset="table")
    succeed(context, "import")
    find_unready, deleting, checked = client_jobs.find_unready, threading.Event(), threading.Event()

    def let_check_continue() -> None:
        deleting.set()
        wait_for(lambda: checked.is_set() or is_waiting(context), 20)

    def delete_first_version() -> None:
        with context.database.only_if(let_check_continue):
            dataset_versions.delete(context, "table", 1)

    def find_while_the_version_is_deleted(*resources: Any) -> str | None:
        found = find_unready(*resources)
        dataset_versions.create(context, "table", ROWS)
        succeed(context, "import")
        deletion.append(thread.submit(delete_first_version))
        deleting.wait(20)
        return found

    deletion: list[Future[None]] = []
    with ThreadPoolExecutor(1) as thread, monkeypatch.context() as patch:
        patch.setattr(client_jobs, "find_unready", find_while_the_version_is_deleted)
        waiting.check(context, waited)
        checked.set()
        deletion[0].result(timeout=20)
    assert waiting.find_checkable(context) == [waited]
    waiting.check(context, waited)
    job = stocked.job(context, waited)
    assert job is not None
    assert job.dataset_version == 2


def test_a_dry_run_ends_while_a_worker_builds_it(context: Context) -> None:
    model, job_id = models.begin_dry_run(context, stocked.LINE | {"name": "dry"})
    lease = claim(context, "build")
    fail = partial(execution.fail, context, lease, ERROR)
    _, failed = overlap(context, fail, partial(models.end_dry_run, context, model, job_id))
    assert isinstance(failed, Failed)
    assert stocked.job(context, job_id) is None


def test_a_job_is_put_back_by_one_reaper_and_its_worker_writes_nothing_more(context: Context) -> None:
    train(context)
    lease = claim(context, "training")
    (sighting,) = execution.sightings(context)
    reap = partial(execution.reap, context, sighting)
    abandoned, missed = overlap(context, reap, reap)
    assert (abandoned is None, missed) == (False, None)
    lease = claim(context, "training")
    (sighting,) = execution.sightings(context)
    _, refusal = overlap(context, partial(execution.reap, context, sighting), partial(leases.renew, context, lease))
    assert isinstance(refusal, LeaseLost)


def test_a_final_job_is_deleted_while_another_client_changes_it(context: Context) -> None:
    job_id = train(context)
    client_jobs.change(context, training_jobs.KIND, job_id, {"desired_status": "cancelled"})
    change = partial(client_jobs.change, context, training_jobs.KIND, job_id, {"metadata": {"note": "look"}})
    delete = partial(client_jobs.delete, context, training_jobs.KIND, job_id)
    _, done = overlap(context, change, delete)
    assert done is None
    assert isinstance(outcome(change), NotFound)


def test_one_request_uses_an_idempotency_key(context: Context) -> None:
    def use() -> Any:
        return idempotency.claim(context, ("default", "/v1/models", "key"), "the same")

    first, refusal = overlap(context, use, use)
    assert isinstance(refusal, StillRunning)
    idempotency.release(context, first)
    old = datetime.now(UTC) - 2 * idempotency.RETENTION
    first = use()
    with context.database.write() as session:
        session.query(IdempotencyKey).update({"created_at": old})
    second, refusal = overlap(context, use, use)
    assert isinstance(second, idempotency.Claim)
    assert isinstance(refusal, StillRunning)
    for held in (first, second):
        idempotency.release(context, held)


def test_what_a_request_creates_belongs_to_the_one_that_has_the_key(context: Context) -> None:
    scope = ("default", "/v1/datasets", "key")
    first = idempotency.claim(context, scope, "the same")
    assert isinstance(first, idempotency.Claim)
    with context.database.write() as session:
        session.query(IdempotencyKey).update({"created_at": datetime.now(UTC) - timedelta(minutes=6)})
    create = partial(datasets.create, context, stocked.DATASET | {"name": "new"})
    second, refusal = overlap(
        context, partial(idempotency.claim, context, scope, "the same"), lambda: create(claim=first)
    )
    assert isinstance(refusal, StillRunning)
    dataset, _ = create(claim=second)
    assert [view.dataset.name for view in [datasets.get(context, "new")]] == [dataset.name]
    for held in (first, second):
        idempotency.release(context, held)


def test_the_last_place_in_the_queue_is_taken_once(context: Context) -> None:
    limited = replace(context, settings=replace(context.settings, max_queued_jobs=1))
    models.create(context, stocked.LINE | {"name": "other"})
    datasets.create(context, stocked.DATASET | {"name": "other"})
    stocked.work(context)
    _, refusal = overlap(context, lambda: train(limited), lambda: train(limited, model="other", dataset="other"))
    assert isinstance(refusal, QueueFull)


def test_a_quota_is_not_exceeded_by_two_requests_or_two_workers(everything: Context) -> None:
    projects.change(everything, "vision", {"queued_jobs": 1})
    vision = everything.in_project("vision")
    _, refusal = overlap(
        everything,
        lambda: datasets.create(vision, stocked.DATASET),
        lambda: datasets.create(vision, stocked.DATASET | {"name": "other"}),
    )
    assert isinstance(refusal, QuotaExceeded)
    projects.change(everything, "vision", {"queued_jobs": None, "running_jobs": 1})
    models.create(vision, stocked.LINE)
    stocked.work(everything)
    for _ in range(2):
        train(vision)
    claim_one = partial(execution.claim, everything, "wk_test", ["training"], ["cpu"], {})
    first, second = overlap(everything, claim_one, claim_one)
    assert first is not None
    assert second is None


def test_a_worker_that_is_believed_to_have_crashed_reports_again(everything: Context) -> None:
    def worker() -> Worker:
        return Worker(id="wk_1", host="here", process={}, slots=1, versions={}, ready=True, problem=None)

    workers.record_heartbeat(everything, worker())
    remove = partial(workers.forget, everything, "wk_1")
    _, done = overlap(everything, remove, lambda: workers.record_heartbeat(everything, worker()))
    assert done is None
    assert [view.worker.id for view in workers.alive(everything)] == ["wk_1"]
    assert overlap(everything, remove, remove) == (None, None)


def test_who_drains_a_worker_learns_of_the_job_that_it_claims_meanwhile(context: Context) -> None:
    workers.record_heartbeat(
        context,
        Worker(id="wk_test", host="here", process={}, slots=1, versions={}, ready=True, problem=None),
    )
    train(context)
    train(context)
    drain = partial(workers.change, context, "wk_test", {"desired_status": "draining"})
    (lease, _), view = overlap(context, lambda: stocked.claim(context), drain)
    assert (view.running, view.running_jobs) == ([lease.job_id], 1)
    assert execution.claim(context, "wk_test", ["training"], ["cpu"], {}) is None


def test_an_expired_job_is_removed_while_a_client_changes_it(context: Context) -> None:
    job_id = train(context)
    training_jobs.change(context, job_id, {"desired_status": "cancelled"})
    change = partial(training_jobs.change, context, job_id, {"metadata": {"note": "look"}})
    forgetting = replace(context, settings=replace(context.settings, job_retention_days=1))
    tomorrow = datetime.now(UTC) + timedelta(days=2)
    _, done = overlap(context, change, partial(housekeeping.clean_up, forgetting, tomorrow))
    assert done is None
    assert stocked.job(context, job_id) is None


def test_what_is_read_is_of_one_moment(context: Context) -> None:
    with context.database.read() as session:
        before = session.query(Job).count()
        train(context)
        assert session.query(Job).count() == before
