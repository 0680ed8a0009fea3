"""The automatic choices of a training: what its request leaves open is decided here, and what can't be trained is
refused."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from models.adaptation import find_unlearned, needs_rows
from models.catalogue import PLATEAU
from models.class_weights import class_weight_faults
from models.compatibility import PREPROCESSING, REFIT_INSTEAD, check_fit, check_kept
from models.dataset_descriptor import DatasetDescriptor
from models.errors import Fault, IncompleteVersion
from models.jobs.training import FEWEST_SNAPSHOTS, KEEP, SnapshotsRequest, TrainingRequest
from models.kept import Kept
from models.spec import NetworkSpec
from models.training.arithmetic import explain_arithmetic
from models.training.execution import Choice, choose_execution, requested
from models.training.monitoring import monitored_names
from models.training.plan import COMPILED, GRAPH
from models.training.schedules import has_schedule, with_defaults
from models.validation import check_component
from models.version_files import read_spec
from service.context import Context
from service.errors import InvalidRequest
from service.operations.catalog.resolve import check_trainable
from service.operations.catalog.target_scaling import check_target_scaling
from service.operations.jobs import client_jobs, orders
from service.operations.jobs.starts import Start
from service.storage.records import Dataset, DatasetVersion, Model

AUTO = "auto"
MEANS = ("sum_over_batch_size", "mean")
"""The reductions of losses that several hosts can divide among them."""
MOST_SNAPSHOTS = 1000
"""How many snapshots a job keeps at most unless its request says otherwise."""


def resolve(
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
    spec = model.spec
    preprocessing = _resolve_preprocessing(request.preprocessing, spec, start)
    request = replace(request, start_from=None if start is None else start.reference, preprocessing=preprocessing)
    kept = _find_kept(context, request, spec, start)
    last_layer = summary["layers"][-1]
    spec = kept.scaled(spec)
    check_fit(spec, tuple(last_layer["output_shape"]), descriptor, last_layer["name"], kept.encoding)
    check_kept(spec, kept.preprocessing, descriptor)
    check_target_scaling(context, spec.target_scaling, data, "#/dataset")
    execution, reason = _resolve_execution(request, spec, descriptor.splits["train"], summary["parameters"])
    request = replace(request, execution=execution, execution_reason=reason, fused=True)
    request = replace(request, snapshots=_resolve_snapshots(context, request.snapshots, summary["bytes"]))
    faults = [*find_own_faults(context, request, model), *_data_faults(request, spec, descriptor)]
    schedule_faults = find_component_faults(None, request.learning_rate_schedule)
    sound = replace(request, learning_rate_schedule=None) if schedule_faults else request
    resolved, monitor_faults = _resolve_monitors(sound, spec, validated=bool(descriptor.splits["validation"]))
    if faults := [*faults, *monitor_faults]:
        raise InvalidRequest(*faults)
    return resolved


def _data_faults(request: TrainingRequest, spec: NetworkSpec, descriptor: DatasetDescriptor) -> list[Fault]:
    """The faults of folds and class weights that don't suit the dataset."""
    faults: list[Fault] = []
    if request.folds is not None and request.folds > descriptor.splits["train"]:
        detail = f"The dataset has {descriptor.splits['train']} training rows, too few for {request.folds} folds."
        faults.append(Fault(detail, pointer="#/folds"))
    if request.class_weights is not None:
        faults += class_weight_faults(request.class_weights, spec.task, descriptor.target.classes)
    return faults


def find_own_faults(context: Context, request: TrainingRequest, model: Model) -> list[Fault]:
    """The faults of a request that concern neither the dataset nor the built network."""
    components = find_component_faults(request.optimizer, request.learning_rate_schedule)
    limits = orders.limit_faults(context, epochs=request.epochs, batch_size=request.batch_size, hosts=request.hosts)
    return [*limits, *components, *_option_faults(request, model), *_gang_faults(request, model)]


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


def _resolve_execution(request: TrainingRequest, spec: NetworkSpec, rows: int, parameters: int) -> Choice:
    choice = requested(request.execution)
    if request.execution == AUTO and request.hosts > 1:
        choice = Choice(GRAPH, "Steps of several hosts run as a graph, which exchanges gradients.")
    elif request.execution == AUTO:
        choice = choose_execution(spec, rows, request.batch_size, request.epochs, parameters)
    posted = spec.optimizer.type if request.optimizer is None else request.optimizer
    optimizer = posted if isinstance(posted, str) else str(posted.get("type"))
    arithmetic = explain_arithmetic(spec, optimizer, choice.execution, request.precision, request.hosts)
    sentences = (choice.reason, *arithmetic)
    return choice._replace(reason=" ".join(sentences))


def _resolve_snapshots(context: Context, posted: SnapshotsRequest | None, size: int) -> SnapshotsRequest | None:
    """The request with the number of snapshots that fit, unless it has a number; `size` is that of the weights."""
    if posted is None or posted.keep is not None:
        return posted
    if not context.settings.snapshot_bytes:
        return None
    fitting = context.settings.snapshot_bytes // max(1, size)
    return replace(posted, keep=min(fitting, MOST_SNAPSHOTS) if fitting >= FEWEST_SNAPSHOTS else 0)


def _option_faults(request: TrainingRequest, model: Model) -> Iterator[Fault]:
    optimizer = model.document["optimizer"] if request.optimizer is None else request.optimizer
    if has_schedule(optimizer) and (request.learning_rate_schedule or {}).get("type") == PLATEAU:
        detail = f"The optimizer's learning rate already has a schedule, which {PLATEAU} can't change:"
        yield Fault(f"{detail} omit it, or give the job an `optimizer` without a schedule.", "#/learning_rate_schedule")


def _gang_faults(request: TrainingRequest, model: Model) -> Iterator[Fault]:
    """The faults of a request for several hosts."""
    if request.hosts == 1:
        return
    if request.execution == COMPILED:
        detail = "On several hosts, steps run as a graph: XLA can't exchange gradients. Omit it, or set `graph`."
        yield Fault(detail, "#/execution", allowed=(AUTO, GRAPH))
    if request.folds is not None:
        yield Fault("Cross-validation runs on one host only: omit it, or `hosts`.", "#/folds")
    loss = model.document.get("loss")
    reduction = loss.get("reduction") if isinstance(loss, dict) else None
    if reduction not in (None, *MEANS):
        detail = f'The loss has the `reduction` "{reduction}". On several hosts it must be a mean over all rows.'
        yield Fault(detail, "#/hosts")


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
