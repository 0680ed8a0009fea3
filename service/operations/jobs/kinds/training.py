"""Training jobs: refusing what is bound to fail, queueing, ordering, their metrics."""

import secrets
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from models.catalogue import PLATEAU
from models.class_weights import class_weight_faults
from models.compatibility import check_fit, check_same_weights
from models.errors import Fault
from models.spec import NetworkSpec
from models.training.execution import choose_execution
from models.training.monitoring import monitored_names
from models.training.schedules import has_schedule, with_defaults
from models.validation import check_component
from service import statuses
from service.context import Context
from service.errors import InvalidRequest
from service.operations import idempotency
from service.operations.catalog.sources import Source, find_source, hold, lock
from service.operations.idempotency import Claim
from service.operations.jobs import client_jobs, orders, outcomes, queue
from service.operations.jobs.client_jobs import JobView, find, find_model_and_dataset, made_before
from service.storage import jobs
from service.storage.database import Session
from service.storage.records import Dataset, Model

AUTO = "auto"
START = "#/start_from"
MOST_CHOSEN = 10_000
"""Epochs that a query asks for by their numbers; databases take only so many values at once."""

Item = TypeVar("Item")


def create(context: Context, request: dict[str, Any], wait: float, claim: Claim | None = None) -> JobView:
    """Queue a training job; `request` has every member of the contract, defaults filled in.

    With the `claim` of an earlier request it is the job that that one made. Raises InvalidRequest, InvalidData,
    NotReady, QueueFull.
    """
    job_id = made_before(context, claim) or _make(context, request, claim)
    return client_jobs.get(context, statuses.TRAINING, job_id, wait)


def _make(context: Context, request: dict[str, Any], claim: Claim | None) -> str:
    """Queue the job; its id."""
    with context.database.read() as session:
        model, dataset = find_model_and_dataset(session, request["model"], request["dataset"])
        sources = _find_start(session, request["start_from"], model)
    request = _resolve(context, request, model, dataset) | {"start_from": _describe_start(sources)}
    with context.database.write() as session:
        lock(session, sources, model)
        # They may have been deleted meanwhile, and others made under their names.
        find_model_and_dataset(session, request["model"], request["dataset"], (model.id, dataset.id))
        job = queue.enqueue(
            context, session, statuses.TRAINING, request,
            model_id=model.id, model_name=model.name, dataset_id=dataset.id, dataset_name=dataset.name,
            priority=request["priority"], queue=request["queue"],
        )  # fmt: skip
        hold(session, job, sources)
        idempotency.note(session, claim, job.id)
    return job.id


def _find_start(session: Session, posted: dict[str, Any] | None, model: Model) -> list[Source]:
    """The version to start from, whose weights fit the model's layers; none where training starts afresh."""
    if posted is None:
        return []
    source = find_source(session, posted, START, own=model)
    check_same_weights(model.summary or {}, source.model.summary or {}, START)
    return [source]


def _describe_start(sources: list[Source]) -> dict[str, Any] | None:
    """`start_from` by model and number, which no label that is moved later changes."""
    return {"model": sources[0].model.name, "version": sources[0].version.number} if sources else None


def _resolve(context: Context, request: dict[str, Any], model: Model, dataset: Dataset) -> dict[str, Any]:
    """The request with everything chosen that was left to us, refused when it is bound to fail."""
    descriptor, summary = {"name": dataset.name, **(dataset.descriptor or {})}, model.summary or {}
    spec = NetworkSpec.from_document({"task": model.task, **model.document})
    last_layer = summary["layers"][-1]
    check_fit(spec, tuple(last_layer["output_shape"]), descriptor, last_layer["name"])
    request = {**request, "seed": secrets.randbits(31) if request["seed"] is None else request["seed"]}
    if request["execution"] == AUTO:
        request["execution"] = choose_execution(
            spec, descriptor["splits"]["train"], request["batch_size"], request["epochs"], summary["parameters"]
        )
    components = find_component_faults(request)
    faults = [*orders.limit_faults(context, request), *components, *_option_faults(request, model)]
    if request["class_weights"] is not None:
        faults += class_weight_faults(request["class_weights"], spec.task, descriptor["target"].get("classes"))
    sound = request | {"learning_rate_schedule": None} if components else request
    monitors, monitor_faults = _resolve_monitors(sound, spec, descriptor)
    if faults := [*faults, *monitor_faults]:
        raise InvalidRequest(*faults)
    return request | monitors


def _option_faults(request: dict[str, Any], model: Model) -> Iterator[Fault]:
    if request["queue"] not in queue.QUEUES:
        yield Fault("No worker takes jobs from that queue.", pointer="#/queue", allowed=queue.QUEUES)
    optimizer = model.document["optimizer"] if request["optimizer"] is None else request["optimizer"]
    if has_schedule(optimizer) and (request["learning_rate_schedule"] or {}).get("type") == PLATEAU:
        detail = f"The optimizer's learning rate has a schedule already, which {PLATEAU} can't change:"
        yield Fault(f"{detail} leave it out, or give the job an `optimizer` without one.", "#/learning_rate_schedule")


def find_component_faults(request: dict[str, Any]) -> list[Fault]:
    """The faults of the optimizer and the schedule in a request, or in as much of one as there is."""
    kinds = {"optimizer": "optimizer", "learning_rate_schedule": "schedule"}
    posted = {name: kind for name, kind in kinds.items() if request.get(name) is not None}
    return [fault for name, kind in posted.items() for fault in check_component(kind, request[name], f"#/{name}")]


def _resolve_monitors(
    request: dict[str, Any], spec: NetworkSpec, descriptor: dict[str, Any]
) -> tuple[dict[str, Any], list[Fault]]:
    """`early_stopping` and `learning_rate_schedule`, complete with what they monitor, and the faults of that."""
    validated = bool(descriptor["splits"]["validation"])
    allowed = monitored_names(spec, validated)
    resolved: dict[str, Any] = {}
    faults = []
    for name in ("early_stopping", "learning_rate_schedule"):
        posted = request[name]
        if posted is not None and name == "learning_rate_schedule":
            posted = with_defaults(posted)
        if posted is not None and "monitor" in posted:
            posted = {**posted, "monitor": posted["monitor"] or ("val_loss" if validated else "loss")}
            if posted["monitor"] not in allowed:
                why = "" if validated or not posted["monitor"].startswith("val_") else " There are no validation rows."
                detail = f'There is no "{posted["monitor"][:64]}" to monitor.{why}'
                faults.append(Fault(detail, pointer=f"#/{name}/monitor", allowed=tuple(allowed)))
        resolved[name] = posted
    return resolved, faults


def change(context: Context, job_id: str, changes: dict[str, Any]) -> JobView:
    """Order a job to run, pause, stop or cancel, and to train other `epochs` or with another `learning_rate`;
    or change its `metadata`.

    Raises NotFound, Conflict, InvalidRequest.
    """
    with context.database.write() as session:
        job = find(session, statuses.TRAINING, job_id, lock=True)
        client_jobs.note(job, changes)
        orders.change_training(context, session, job, changes)
        if (desired := changes.get("desired_status")) is not None:
            orders.move_towards(session, job, desired)
    if job.status in statuses.FINAL:
        outcomes.clear(context, job)
    return client_jobs.get(context, statuses.TRAINING, job_id)


def epochs(context: Context, job_id: str, after: int = 0, points: int | None = None) -> list[dict[str, Any]]:
    """The metrics of the epochs after `after`, thinned to `points` evenly chosen ones. Raises NotFound."""
    with context.database.read() as session:
        job = find(session, statuses.TRAINING, job_id)
        if points is None or points > MOST_CHOSEN:
            found = jobs.epochs_after(session, job, after)
            return found if points is None else list(choose_evenly(found, points))
        numbers = jobs.epoch_numbers(session, job, after)
        return jobs.epochs(session, job, choose_evenly(numbers, points))


def choose_evenly(items: Sequence[Item], most: int) -> Sequence[Item]:
    """At most `most` of the items, the last and then the first among them."""
    if len(items) <= most:
        return items
    last = len(items) - 1
    return [items[round(i * last / (most - 1))] for i in range(most)] if most > 1 else items[-1:]
