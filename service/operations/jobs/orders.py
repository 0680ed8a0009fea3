"""Orders of clients for training jobs: run, pause, stop, cancel, and new epochs or a new learning rate."""

from typing import Any

from models.errors import Fault
from models.jobs.assignment import Unfinished
from models.jobs.training import TrainingRequest
from models.training.plan import Order
from models.training.schedules import has_schedule
from service import statuses
from service.context import Context
from service.errors import Conflict, InvalidRequest
from service.operations.jobs import queue, training_progress
from service.storage import jobs, models
from service.storage.database import Session
from service.storage.records import Job


def move_towards(session: Session, job: Job, desired_status: str) -> None:
    """Order a locked job to reach a status. Does nothing if it has the status or the order already. Raises Conflict."""
    if job.status == statuses.PAUSED and job.desired_status == statuses.STOPPED and desired_status in RESUMING:
        _stop(session, job)  # a full disk paused it while it was stopping
        return
    if _is_ordered(job, desired_status):
        return
    if job.status in statuses.FINAL:
        raise Conflict(f'The job is final: its status "{job.status}" can\'t change.')
    ending = job.status in (statuses.STOPPING, statuses.CANCELLING) or job.desired_status == statuses.STOPPED
    if desired_status == statuses.CANCELLED:
        queue.cancel(session, job)
    elif ending or (job.closed and desired_status == statuses.PAUSED):
        raise Conflict(f'The job is about to end: its `desired_status` can\'t become "{desired_status}".')
    else:
        job.desired_status = desired_status
        MOVES[desired_status](session, job)


def _is_ordered(job: Job, desired_status: str) -> bool:
    reached = {
        statuses.CANCELLED: job.status == statuses.CANCELLED,
        statuses.STOPPED: job.status == statuses.SUCCEEDED,
        statuses.RUNNING: False,
        statuses.PAUSED: job.status == statuses.PAUSED,
    }
    ordered = job.desired_status == desired_status and job.status != statuses.FAILED
    impossible = desired_status == statuses.RUNNING and job.status in statuses.FINAL
    return reached[desired_status] or (ordered and not impossible)


def _run(session: Session, job: Job) -> None:
    # A job that is still pausing returns to the queue once its child process has written its checkpoint.
    if job.status == statuses.PAUSED:
        queue.move(session, job, statuses.QUEUED)


def _pause(session: Session, job: Job) -> None:
    waiting = job.status == statuses.QUEUED
    queue.move(session, job, statuses.PAUSED if waiting else statuses.PAUSING)


def _stop(session: Session, job: Job) -> None:
    if job.status in statuses.CLAIMED:
        queue.move(session, job, statuses.STOPPING)
    elif job.checkpoint is None:
        queue.move(session, job, statuses.CANCELLED, Unfinished.STOPPED_BEFORE_TRAINING.value)
    elif job.status == statuses.PAUSED:
        # A worker has to make the version from the checkpoint.
        queue.move(session, job, statuses.QUEUED)


RESUMING = (statuses.RUNNING, statuses.STOPPED)
MOVES = {statuses.RUNNING: _run, statuses.PAUSED: _pause, statuses.STOPPED: _stop}


def change_training(context: Context, session: Session, job: Job, changes: dict[str, Any]) -> None:
    """Order a locked job to change its `epochs` or its `learning_rate` from its next epoch on.

    Raises Conflict, InvalidRequest.
    """
    now = {"epochs": current_epochs(job), "learning_rate": current_learning_rate(job)}
    wanted = {name: changes[name] for name in now if name in changes and changes[name] != now[name]}
    if not wanted:
        return
    if job.status in statuses.FINAL:
        raise Conflict(f'The job is final: it is "{job.status}" and can\'t be changed.')
    if TrainingRequest.from_document(job.request).only_saves:
        raise Conflict("The job trains nothing: it makes a version of the snapshot that it starts from.")
    if job.closed or job.status in (statuses.STOPPING, statuses.CANCELLING):
        raise Conflict("The training has ended; its result is being saved.")
    if "learning_rate" in wanted and _is_scheduled(session, job):
        raise Conflict("A schedule sets the learning rate of this job.")
    _check_epochs(context, session, job, wanted.get("epochs"))
    # A training that resumes from a checkpoint may repeat epochs that were already reported: those don't change.
    earliest = jobs.last_epoch(session, job) + 1
    job.orders = [*job.orders, Order(len(job.orders) + 1, earliest=earliest, **wanted)]


def current_epochs(job: Job) -> int:
    """The `epochs` of the last order that changes them, or of the request."""
    ordered = [order.epochs for order in job.orders if order.epochs is not None]
    return ordered[-1] if ordered else TrainingRequest.from_document(job.request).epochs


def current_learning_rate(job: Job) -> float | None:
    """The `learning_rate` of the last order that changes it; None if no order does."""
    ordered = [order.learning_rate for order in job.orders if order.learning_rate is not None]
    return ordered[-1] if ordered else None


def progress(job: Job) -> dict[str, Any] | None:
    """The progress towards the epochs of the last order, which the child process may not have received yet."""
    reported, epochs = job.progress, current_epochs(job)
    if reported is None or reported["epochs"] == epochs:
        return reported
    return training_progress.with_epochs(reported, epochs, TrainingRequest.from_document(job.request).folds or 0)


def _is_scheduled(session: Session, job: Job) -> bool:
    request = TrainingRequest.from_document(job.request)
    optimizer = request.optimizer
    model = models.by_id(session, job.model_id)
    if optimizer is None and model is not None:
        optimizer = model.document.get("optimizer")
    return has_schedule(optimizer) or request.learning_rate_schedule is not None


def _check_epochs(context: Context, session: Session, job: Job, epochs: int | None) -> None:
    if epochs is None:
        return
    running = max(job.progress["epoch"] if job.progress else 1, jobs.last_epoch(session, job))
    if epochs < running:
        detail = f"Epoch {running:,} has already begun: `epochs` must be at least {running:,}. Or stop the job."
        raise InvalidRequest(Fault(detail, pointer="#/epochs"))
    if faults := limit_faults(context, epochs=epochs):
        raise InvalidRequest(*faults)


def limit_faults(context: Context, **wanted: int) -> list[Fault]:
    """The faults of the fields of a training job that exceed the operator's limits."""
    limits = context.settings.limits
    bounds = {"epochs": limits.epochs, "batch_size": limits.batch_size, "hosts": limits.hosts}
    return [
        Fault(
            f"`{name}` must be at most {most:,}, not {wanted[name]:,}. "
            f"The operator sets this limit with FITSERVE_MAX_{name.upper()}.",
            pointer=f"#/{name}",
        )
        for name, most in bounds.items()
        if name in wanted and wanted[name] > most
    ]
