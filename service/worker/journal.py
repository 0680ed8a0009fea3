"""What a job's process reported and the database doesn't have yet: written in batches, the first epoch at once."""

import time
from typing import Any

from models.training.plan import Order
from service.context import Context
from service.operations.jobs import checkpoints
from service.operations.jobs import lifecycle as execution
from service.operations.jobs.lifecycle import Instructions, Lease, NewEvent
from service.storage.documents import KeptCheckpoint

BATCH_EVENTS = 500
BATCH_SECONDS = 0.2
MOST_PENDING = 10_000
"""With more than this the process is left waiting, until the database takes events again."""


class Journal:
    """Collects a job's events and writes them under its lease; `checkpoint` is the one that it goes on from."""

    def __init__(self, context: Context, lease: Lease, checkpoint: KeptCheckpoint | None = None) -> None:
        self._context = context
        self._lease = lease
        self._checkpoints = [] if checkpoint is None else [checkpoint.folder]
        """The keys of those that the job's row has pointed to and that are still there, the latest last."""
        self.began = checkpoint is not None
        """Whether the training has done a step, as far as is known."""
        self._pending: list[NewEvent] = []
        self._progress: dict[str, Any] | None = None
        self._best: dict[str, Any] | None = None
        self._epochs = 0
        self._urgent = False
        self._written_at = time.monotonic()

    def add(self, message: dict[str, Any]) -> None:
        """Take a `progress`, `epoch`, `order` or `checkpoint` message; of the progress in a batch only the latest is
        kept. A checkpoint is moved to where it outlives the process."""
        data = message["data"]
        self.began = self.began or message["type"] != "progress" or bool(data.get("step"))
        if message["type"] == "progress":
            self._progress = data
        elif message["type"] == "epoch":
            self._pending.append(NewEvent("epoch", data, epoch=data["epoch"]))
            self._best = message["best"] or self._best
            self._epochs += 1
            self._urgent = self._urgent or self._epochs == 1
        elif message["type"] == "order":
            order = Order.from_document(data)
            self._pending.append(NewEvent("message", {"text": _tell(order), "order": data}, order=order))
            self._urgent = True
        else:
            key = checkpoints.publish(self._context, self._lease.job_id, self._lease.staging_name, message["name"])
            checkpoint = KeptCheckpoint.from_document(data | {"folder": key})
            self._pending.append(NewEvent("checkpoint", data, checkpoint=checkpoint))

    def add_text(self, text: str) -> None:
        """Take what the process printed; what it prints in a row becomes one event."""
        if not text:
            return
        if self._pending and self._pending[-1].type == "message" and self._pending[-1].order is None:
            text = self._pending.pop().data["text"] + text
        self._pending.append(NewEvent("message", {"text": text}))

    @property
    def empty(self) -> bool:
        return not self._pending and self._progress is None

    @property
    def full(self) -> bool:
        return len(self._pending) > MOST_PENDING

    @property
    def due(self) -> bool:
        """Whether a batch should be written now."""
        if self.empty:
            return False
        waited = time.monotonic() - self._written_at
        return self._urgent or len(self._pending) >= BATCH_EVENTS or waited >= BATCH_SECONDS

    def write(self) -> Instructions:
        """Write one batch; returns what is asked of the job. Raises LeaseLost, DatabaseUnavailable: then nothing is
        lost."""
        batch = self._pending[:BATCH_EVENTS]
        progress = [] if self._progress is None else [NewEvent("progress", self._progress)]
        instructions = execution.record(
            self._context, self._lease, [*batch, *progress], progress=self._progress, best=self._best
        )
        self._checkpoints += [event.checkpoint.folder for event in batch if event.checkpoint is not None]
        # Those alone: should the lease be lost by now, there may be others, of the execution that has it.
        checkpoints.remove(self._context, self._checkpoints[:-1])
        del self._checkpoints[:-1]
        del self._pending[: len(batch)]
        self._progress = self._best = None
        self._urgent = False
        self._written_at = time.monotonic()
        return instructions


def _tell(order: Order) -> str:
    """An order that has taken effect, as a line of the log."""
    what = {"epochs": order.epochs, "learning rate": order.learning_rate}
    changes = ", ".join(f"{words} {value:,}" for words, value in what.items() if value is not None)
    return f"From epoch {order.epoch} on: {changes}\n"
