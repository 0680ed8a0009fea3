"""Training jobs: checking and queueing them, changing them, and reading their metrics."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

from models.adaptation import find_unlearned, needs_rows
from models.catalogue import PLATEAU
from models.class_weights import class_weight_faults
from models.compatibility import PREPROCESSING, REFIT_INSTEAD, check_fit, check_kept
from models.errors import Fault, IncompleteVersion
from models.jobs.evaluation import EvaluationRequest
from models.jobs.training import (
    FEWEST_SNAPSHOTS,
    KEEP,
    SnapshotsRequest,
    TrainingAssignment,
    TrainingRequest,
    TrainingResult,
)
from models.kept import Kept
from models.spec import NetworkSpec
from models.training.arithmetic import explain_arithmetic
from models.training.execution import Choice, choose_execution, requested
from models.training.monitoring import monitored_names
from models.training.schedules import has_schedule, with_defaults
from models.validation import check_component
from models.version_details import TrainingMode
from models.version_files import read_spec
from service import statuses
from service.config import Settings
from service.context import Context
from service.errors import InvalidRequest, NotFound
from service.operations import idempotency
from service.operations.catalog import sources
from service.operations.catalog.resolve import check_trainable
from service.operations.catalog.target_scaling import check_target_scaling
from service.operations.catalog.uploads import removed_unless_committed
from service.operations.idempotency import Claim
from service.operations.jobs import client_jobs, inputs, orders, queue, snapshot_files, snapshots, starts
from service.operations.jobs.client_jobs import JobView
from service.operations.jobs.kind import Byproduct, Kind, Success
from service.operations.jobs.starts import Start
from service.storage import jobs, models
from service.storage.artifact_keys import execution_name, key_below, snapshots_key, upload_key, versions_key
from service.storage.database import Session
from service.storage.records import Dataset, DatasetVersion, Job, Model, Version

AUTO = "auto"
MOST_SNAPSHOTS = 1000
"""How many snapshots a job keeps at most unless its request says otherwise."""
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

    def slots(self, settings: Settings) -> int:
        return settings.worker_slots

    def describe(self, context: Context, job: Job) -> TrainingAssignment:
        artifacts = context.artifacts
        with context.database.read() as session:
            model = models.by_id(session, job.model_id)
        if model is None:
            raise NotFound("The model of the job was deleted.")
        request = TrainingRequest.from_document(job.request)
        copied = {0: artifacts.folder(upload_key(job.id))} if self.has_upload(job.request) else {}
        taken = key_below(snapshots_key(job.id), execution_name(job.id, job.token))
        return TrainingAssignment(
            spec=NetworkSpec.from_document({"task": model.task, **model.document}),
            request=request,
            dataset=inputs.dataset_folder(context, job),
            pretrained=None if model.folder is None else artifacts.folder(model.folder),
            sources=copied or inputs.source_folders(context, job),
            orders=tuple(job.orders),
            checkpoints=tuple(map(artifacts.folder, () if job.checkpoint is None else job.checkpoint.folders)),
            snapshots=None if request.snapshots is None else artifacts.grow(taken),
            snapshot_bytes=context.settings.snapshot_bytes,
            compiled_code=context.settings.compiled_code,
            compiled_code_bytes=context.settings.compiled_code_bytes,
            **inputs.bounds(context, job),
        )

    def check(self, context: Context, job: Job) -> dict[str, Any]:
        request = TrainingRequest.from_document(job.request)
        with context.database.read() as session:
            model, dataset = client_jobs.find_model_and_dataset(session, request.model, request.dataset)
            start = starts.find_again(session, job, request.start_from, model)
            data = client_jobs.find_data(session, dataset, job.dataset_version)
        return _resolve(context, request, model, dataset, data, start).to_document()

    def has_upload(self, request: dict[str, Any]) -> bool:
        return "training_job" in (request.get("start_from") or {})

    def remove_files(self, context: Context, job: Job) -> None:
        super().remove_files(context, job)
        snapshot_files.remove_all(context, job.id)

    def output_key(self, job: Job, execution: str) -> str:
        return key_below(versions_key(job.model_id), execution)

    def record_success(self, session: Session, job: Job, key: str | None, result: dict[str, Any]) -> Success | None:
        trained = TrainingResult.from_document(result)
        model = models.by_id(session, job.model_id, lock=True)
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
        details=replace(trained.version, training=TrainingMode(request.precision, request.execution)),
        created_at=datetime.now(UTC),
    )
    session.add(version)
    session.flush()
    return version


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
        request = _resolve(context, request, model, dataset, data, start)
    elif faults := _find_own_faults(context, request, model):
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
            model_id=model.id, model_name=model.name, priority=request.priority, queue=request.queue, **columns,
        )  # fmt: skip
        sources.protect_versions(session, job, taken_from)
        idempotency.record_resource(session, claim, job.id)


def _find_kept(context: Context, request: TrainingRequest, spec: NetworkSpec, start: Start | None) -> Kept:
    """What the training keeps of the versions that its weights come from. Raises InvalidRequest."""
    if request.preprocessing != KEEP:
        return Kept()
    if start is None:
        return Kept.of_layers(spec)
    folder = context.artifacts.folder(start.folder)
    try:
        unlearned = find_unlearned(spec, read_spec(folder)) if needs_rows(spec) else None
        kept = Kept.of_version(folder, spec)
    except IncompleteVersion as error:
        raise InvalidRequest(
            Fault(error.detail, f"{start.pointer}/{'version' if start.source else 'epoch'}")
        ) from error
    if unlearned is not None:
        detail = f"The version has no layer from which a {unlearned.type} could keep what it learned."
        raise InvalidRequest(Fault(f"{detail} {REFIT_INSTEAD}", PREPROCESSING))
    return kept


def _resolve_preprocessing(posted: str | None, spec: NetworkSpec, start: Start | None) -> str | None:
    """KEEP unless the request says otherwise; None if there is nothing to keep. Raises InvalidRequest."""
    if start is not None or Kept.of_layers(spec):
        return posted or KEEP
    if posted is not None:
        detail = "There is no version whose preprocessing could be kept: omit this, or set `start_from`."
        raise InvalidRequest(Fault(detail, PREPROCESSING))
    return None


def _resolve(
    context: Context,
    request: TrainingRequest,
    model: Model,
    dataset: Dataset,
    data: DatasetVersion | None,
    start: Start | None,
) -> TrainingRequest:
    """The request with all automatic choices made.

    Raises InvalidRequest, InvalidData, NotTrainable if the training can't succeed.
    """
    check_trainable(model)
    descriptor, summary = client_jobs.describe_data(dataset, data), model.summary or {}
    spec = NetworkSpec.from_document({"task": model.task, **model.document})
    preprocessing = _resolve_preprocessing(request.preprocessing, spec, start)
    request = replace(request, start_from=None if start is None else start.reference, preprocessing=preprocessing)
    kept = _find_kept(context, request, spec, start)
    last_layer = summary["layers"][-1]
    spec = kept.scaled(spec)
    check_fit(spec, tuple(last_layer["output_shape"]), descriptor, last_layer["name"], kept.encoding)
    check_kept(spec, kept.preprocessing, descriptor)
    check_target_scaling(context, spec.target_scaling, data, "#/dataset")
    execution, reason = _resolve_execution(request, spec, descriptor["splits"]["train"], summary["parameters"])
    request = replace(request, execution=execution, execution_reason=reason, fused=True)
    request = replace(request, snapshots=_resolve_snapshots(context, request.snapshots, summary["bytes"]))
    faults = _find_own_faults(context, request, model)
    if request.folds is not None and request.folds > descriptor["splits"]["train"]:
        detail = f"The dataset has {descriptor['splits']['train']} training rows, too few for {request.folds} folds."
        faults.append(Fault(detail, pointer="#/folds"))
    if request.class_weights is not None:
        faults += class_weight_faults(request.class_weights, spec.task, descriptor["target"].get("classes"))
    schedule_faults = find_component_faults(None, request.learning_rate_schedule)
    sound = replace(request, learning_rate_schedule=None) if schedule_faults else request
    resolved, monitor_faults = _resolve_monitors(sound, spec, validated=bool(descriptor["splits"]["validation"]))
    if faults := [*faults, *monitor_faults]:
        raise InvalidRequest(*faults)
    return resolved


def _resolve_execution(request: TrainingRequest, spec: NetworkSpec, rows: int, parameters: int) -> Choice:
    choice = requested(request.execution)
    if request.execution == AUTO:
        choice = choose_execution(spec, rows, request.batch_size, request.epochs, parameters)
    posted = spec.optimizer.type if request.optimizer is None else request.optimizer
    optimizer = posted if isinstance(posted, str) else str(posted.get("type"))
    sentences = (choice.reason, *explain_arithmetic(spec, optimizer, choice.execution, request.precision))
    return choice._replace(reason=" ".join(sentences))


def _resolve_snapshots(context: Context, posted: SnapshotsRequest | None, size: int) -> SnapshotsRequest | None:
    """The request with the number of snapshots that fit, unless it has a number; `size` is that of the weights."""
    if posted is None or posted.keep is not None:
        return posted
    if not context.settings.snapshot_bytes:
        return None
    fitting = context.settings.snapshot_bytes // max(1, size)
    return replace(posted, keep=min(fitting, MOST_SNAPSHOTS) if fitting >= FEWEST_SNAPSHOTS else 0)


def _find_own_faults(context: Context, request: TrainingRequest, model: Model) -> list[Fault]:
    """The faults of a request that concern neither the dataset nor the built network."""
    components = find_component_faults(request.optimizer, request.learning_rate_schedule)
    limits = orders.limit_faults(context, epochs=request.epochs, batch_size=request.batch_size)
    return [*limits, *components, *_option_faults(request, model)]


def _option_faults(request: TrainingRequest, model: Model) -> Iterator[Fault]:
    if request.queue not in queue.QUEUES:
        yield Fault("No worker claims jobs from that queue.", pointer="#/queue", allowed=queue.QUEUES)
    optimizer = model.document["optimizer"] if request.optimizer is None else request.optimizer
    if has_schedule(optimizer) and (request.learning_rate_schedule or {}).get("type") == PLATEAU:
        detail = f"The optimizer's learning rate already has a schedule, which {PLATEAU} can't change:"
        yield Fault(f"{detail} omit it, or give the job an `optimizer` without a schedule.", "#/learning_rate_schedule")


def find_component_faults(optimizer: Any, learning_rate_schedule: Any) -> list[Fault]:
    """The faults of a posted optimizer and of a posted schedule; either may be None."""
    posted = {"optimizer": ("optimizer", optimizer), "learning_rate_schedule": ("schedule", learning_rate_schedule)}
    found = {name: posted_ for name, posted_ in posted.items() if posted_[1] is not None}
    return [fault for name, (kind, document) in found.items() for fault in check_component(kind, document, f"#/{name}")]


def _resolve_monitors(
    request: TrainingRequest, spec: NetworkSpec, *, validated: bool
) -> tuple[TrainingRequest, list[Fault]]:
    """The request with default monitors for early stopping and schedule, and the faults of the monitors."""
    stopping, schedule = request.early_stopping, request.learning_rate_schedule
    usual = "val_loss" if validated else "loss"
    faults: list[Fault] = []
    if stopping is not None:
        monitor = stopping.monitor or usual
        stopping = replace(stopping, monitor=monitor)
        faults += _monitor_faults("early_stopping", monitor, spec, validated)
    if schedule is not None:
        schedule = with_defaults(schedule)
        if "monitor" in schedule:
            schedule["monitor"] = schedule["monitor"] or usual
            faults += _monitor_faults("learning_rate_schedule", schedule["monitor"], spec, validated)
    return replace(request, early_stopping=stopping, learning_rate_schedule=schedule), faults


def _monitor_faults(field: str, monitor: str, spec: NetworkSpec, validated: bool) -> Iterator[Fault]:
    allowed = monitored_names(spec, validated)
    if monitor not in allowed:
        why = "" if validated or not monitor.startswith("val_") else " The dataset has no validation rows."
        detail = f'There is no metric "{monitor[:64]}" to monitor.{why}'
        yield Fault(detail, pointer=f"#/{field}/monitor", allowed=tuple(allowed))


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
    if job.status in statuses.FINAL:
        KIND.remove_inputs(context, job)
    return client_jobs.get(context, KIND, job_id)


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
