"""Training jobs: checking and queueing them, changing them, and reading their metrics."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

from models.jobs.evaluation import EvaluationRequest
from models.jobs.training import TrainingAssignment, TrainingRequest, TrainingResult
from models.training.plan import BFLOAT16
from models.training.precision import find_bfloat16_layers
from models.version_details import TrainingMode
from service import statuses
from service.config import Settings
from service.context import Context
from service.errors import InvalidRequest
from service.operations import idempotency
from service.operations.catalog import sources
from service.operations.catalog.resolve import check_trainable
from service.operations.catalog.uploads import removed_unless_committed
from service.operations.idempotency import Claim
from service.operations.jobs import (
    client_jobs,
    gangs,
    orders,
    queue,
    snapshot_files,
    snapshots,
    starts,
    training_assignments,
    training_choices,
)
from service.operations.jobs.client_jobs import JobView
from service.operations.jobs.kind import Byproduct, Kind, Success
from service.operations.jobs.starts import Start
from service.storage import jobs, models
from service.storage.artifact_keys import execution_name, key_below, snapshots_key, upload_key, versions_key
from service.storage.database import Session
from service.storage.records import Dataset, DatasetVersion, Job, Model, Version

MAX_CHOSEN = 10_000
"""The epochs that one query selects by number at most: databases limit the number of parameters."""

Item = TypeVar("Item")


class Training(Kind):
    """Trains a model on a dataset. Its result is a new version of the model."""

    name = "training"
    prefix = "tj"
    words = "training job"
    assignment = TrainingAssignment
    resumable: ClassVar = True
    trains: ClassVar = True
    helped_by: ClassVar = "training_member"

    def slots(self, settings: Settings) -> int:
        return settings.worker_slots

    def describe(self, context: Context, job: Job) -> TrainingAssignment:
        taken = key_below(snapshots_key(job.id), execution_name(job.id, job.token))
        with context.database.read() as session:
            gang = gangs.find_membership(session, job)
        return training_assignments.describe(
            context,
            job,
            gang,
            is_copied=self.has_upload(job.request),
            snapshots=None if job.request.get("snapshots") is None else context.artifacts.grow(taken),
        )

    def check(self, context: Context, job: Job) -> dict[str, Any]:
        request = TrainingRequest.from_document(job.request)
        with context.database.read() as session:
            model, dataset = client_jobs.find_model_and_dataset(session, request.model, request.dataset)
            start = starts.find_again(session, job, request.start_from, model)
            data = client_jobs.find_data(session, dataset, job.dataset_version)
        return training_choices.resolve(context, request, model, dataset, data, start).to_document()

    def has_upload(self, request: dict[str, Any]) -> bool:
        return training_assignments.has_upload(request)

    def remove_files(self, context: Context, job: Job) -> None:
        super().remove_files(context, job)
        snapshot_files.remove_all(context, job.id)

    def output_key(self, job: Job, execution: str) -> str:
        return key_below(versions_key(job.model_id), execution)

    def record_success(self, session: Session, job: Job, key: str | None, result: dict[str, Any]) -> Success | None:
        trained = TrainingResult.from_document(result)
        model = models.by_id(session, job.model_id)
        if model is None or key is None:
            return None
        version = _add_version(session, job, model, key, trained)
        label = TrainingRequest.from_document(job.request).label
        if label is not None:
            models.point_label(session, model, label, version.number)
        if trained.evaluation is None:
            return Success(trained.status_reason)
        evaluation, points = trained.evaluation.without_points()
        made = Byproduct("evaluation", EvaluationRequest("test", evaluation.threshold), evaluation, points)
        return Success(trained.status_reason, [made])


def _add_version(session: Session, job: Job, model: Model, key: str, trained: TrainingResult) -> Version:
    request = TrainingRequest.from_document(job.request)
    start = request.start_from
    model.last_version += 1
    job.version = model.last_version
    version = Version(
        model_id=model.id,
        number=model.last_version,
        job_id=job.id,
        trained_by=start.training_job if request.only_saves and start is not None else None,
        epoch=start.epoch if request.only_saves and start is not None else None,
        dataset_id=job.dataset_id or "",
        dataset_name=job.dataset_name or "",
        dataset_version=job.dataset_version,
        folder=key,
        servable=trained.version.servable,
        details=replace(trained.version, training=_training_mode(model, request)),
        created_at=datetime.now(UTC),
    )
    session.add(version)
    session.flush()
    return version


def _training_mode(model: Model, request: TrainingRequest) -> TrainingMode:
    lowered = find_bfloat16_layers(model.spec) if request.precision == BFLOAT16 else ()
    return TrainingMode(request.precision, request.execution, len(lowered))


KIND = Training()


def create(context: Context, request: dict[str, Any], claim: Claim | None = None) -> str:
    """Queue a training job and return its id. `request` has every field of the contract, with defaults filled in.

    If the model or the dataset isn't ready yet, the job waits, and what can't be known before is checked then. If an
    earlier request with the same `claim` created a job, returns the id of that one. Raises InvalidRequest, InvalidData,
    NotReady, NotTrainable, QueueFull.
    """
    made = client_jobs.made_before(context, claim)
    return made or snapshots.again_if_removed(lambda: _insert(context, request, claim))


def _insert(context: Context, posted: dict[str, Any], claim: Claim | None) -> str:
    """Queue the job; returns its id."""
    with context.database.read() as session:
        model, dataset = client_jobs.find_model_and_dataset(session, posted["model"], posted["dataset"])
        check_trainable(model)
        start = starts.find(session, posted["start_from"], model)
        data = client_jobs.find_data(session, dataset, posted.get("dataset_version"))
    seed = secrets.randbits(31) if posted["seed"] is None else posted["seed"]
    request = TrainingRequest.from_document(posted | {"seed": seed, "start_from": None})
    unready = client_jobs.find_unready(model, dataset)
    if unready is None:
        request = training_choices.resolve(context, request, model, dataset, data, start)
    elif faults := training_choices.find_own_faults(context, request, model):
        raise InvalidRequest(*faults)
    else:
        request = replace(request, start_from=None if start is None else start.reference)
    columns = client_jobs.data_columns(dataset, data, posted.get("dataset_version"))
    columns |= {"metadata_": posted.get("metadata", {}), "waits_for": unready}
    return enqueue(context, request, model, dataset, data, start, claim, **columns)


def enqueue(
    context: Context,
    request: TrainingRequest,
    model: Model,
    dataset: Dataset,
    data: DatasetVersion | None,
    start: Start | None,
    claim: Claim | None,
    **columns: Any,
) -> str:
    """Queue a training whose request was checked; returns its id. Raises InvalidRequest, Removed, QueueFull."""
    job_id = queue.new_id(KIND)
    with removed_unless_committed(context.artifacts, upload_key(job_id)):
        starts.copy(context, start, job_id)
        _add(context, job_id, request, model, dataset, data, start, claim, columns)
    return job_id


def _add(
    context: Context,
    job_id: str,
    request: TrainingRequest,
    model: Model,
    dataset: Dataset,
    data: DatasetVersion | None,
    start: Start | None,
    claim: Claim | None,
    columns: dict[str, Any],
) -> None:
    taken_from = [] if start is None or start.source is None else [start.source]
    with context.database.write() as session:
        sources.lock_models(session, taken_from, model)
        client_jobs.lock_used(session, model, dataset, data)
        job = queue.enqueue(
            context, session, KIND, request, id=job_id, parent=None if start is None else start.parent,
            model_id=model.id, model_name=model.name, priority=request.priority, queue=request.queue,
            hosts=request.hosts, **columns,
        )  # fmt: skip
        sources.protect_versions(session, job, taken_from)
        idempotency.record_resource(session, claim, job.id)


def change(context: Context, job_id: str, changes: dict[str, Any]) -> JobView:
    """Order a job to run, pause, stop or cancel, or change its `epochs`, `learning_rate` or `metadata`.

    Raises NotFound, Conflict, InvalidRequest.
    """
    with context.database.write() as session:
        job = client_jobs.find(session, KIND, job_id, lock=True)
        client_jobs.change_metadata(job, changes)
        orders.change_training(context, session, job, changes)
        if (desired := changes.get("desired_status")) is not None:
            orders.move_towards(session, job, desired)
        changed = client_jobs.view(session, [job])[0]
    if job.status in statuses.FINAL:
        KIND.remove_inputs(context, job)
    return changed


def epochs(context: Context, job_id: str, after: int = 0, points: int | None = None) -> list[dict[str, Any]]:
    """The metrics of the epochs after `after`, or of at most `points` evenly spaced ones of them. Raises NotFound."""
    with context.database.read() as session:
        job = client_jobs.find(session, KIND, job_id)
        if points is None or points > MAX_CHOSEN:
            found = jobs.epochs_after(session, job, after)
            return found if points is None else list(choose_evenly(found, points))
        numbers = jobs.epoch_numbers(session, job, after)
        return jobs.epochs(session, job, choose_evenly(numbers, points))


def choose_evenly(items: Sequence[Item], most: int) -> Sequence[Item]:
    """At most `most` evenly spaced items. They include the last item, and the first if `most` is at least 2."""
    if len(items) <= most:
        return items
    last = len(items) - 1
    return [items[round(i * last / (most - 1))] for i in range(most)] if most > 1 else items[-1:]
