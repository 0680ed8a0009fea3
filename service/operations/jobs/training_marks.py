"""What happened to a training besides its epochs: orders that took effect, pauses, and attempts that ended early."""

from dataclasses import dataclass

from service import statuses
from service.context import Context
from service.operations.jobs.client_jobs import JobView
from service.storage import jobs
from service.storage.records import Event

MOST_TRANSITIONS = 50
"""Of the transitions, the newest so many are marked."""
ORDER = "order"


@dataclass(frozen=True)
class Mark:
    """Something that happened after `epoch` finished epochs."""

    epoch: int
    type: str
    """ORDER, or the status that the job got: `paused`, or `queued` after an attempt that ended early."""
    epochs: int | None = None
    """The number of epochs that an order set."""
    learning_rate: float | None = None
    """The learning rate that an order set."""
    reason: str | None = None


def read(context: Context, view: JobView) -> list[Mark]:
    """The marks of a training, by epoch."""
    orders = [
        Mark(order.epoch - 1, ORDER, order.epochs, order.learning_rate)
        for order in view.job.orders
        if order.epoch is not None
    ]
    interruptions = [event for event in view.transitions[1:] if _interrupts(event)][-MOST_TRANSITIONS:]
    with context.database.read() as session:
        marks = [
            Mark(jobs.last_epoch(session, view.job, event.seq), event.data["status"], reason=event.data["reason"])
            for event in interruptions
        ]
    return sorted([*orders, *marks], key=lambda mark: mark.epoch)


def _interrupts(event: Event) -> bool:
    status, reason = event.data["status"], event.data["reason"]
    return status == statuses.PAUSED or (status == statuses.QUEUED and reason is not None)
