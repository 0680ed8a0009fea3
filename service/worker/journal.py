"""Events that a child process reported and that aren't in the database yet.

They are written in batches. The first epoch and changes that took effect are written immediately.
"""

import time
from dataclasses import dataclass
from typing import Any

from models.training.plan import Order
from service.context import Context
from service.errors import OutcomeUnknown
from service.event_text import describe_fold
from service.operations.jobs import leases, recording
from service.operations.jobs.leases import Instructions, Lease
from service.storage.documents import KeptCheckpoint
from service.storage.jobs import NewEvent, warn
from service.storage.training_snapshots import Changes
from service.worker.kept_checkpoints import KeptCheckpoints
from service.worker.kept_snapshots import KeptSnapshots

BATCH_EVENTS = 500
BATCH_SECONDS = 0.2
BEFORE_A_STEP = ("phase", "progress", "baseline", "warning")
"""The types of messages that a training may send before its first step."""
MAX_PENDING = 10_000
"""If more events wait, the supervisor stops reading from the child process until the database accepts events again."""


@dataclass(frozen=True)
class Batch:
    """Events that are written together, with the latest progress, the best epoch so far, the baseline, and the
    snapshots of the epochs."""

    events: list[NewEvent]
    progress: dict[str, Any] | None
    best: dict[str, Any] | None
    baseline: dict[str, Any] | None
    snapshots: Changes | None


class Journal:
    """Collects a job's events and writes them under its lease. `checkpoint` is the one from which the job resumes."""

    def __init__(self, context: Context, lease: Lease, checkpoint: KeptCheckpoint | None = None) -> None:
        self._context = context
        self._lease = lease
        self.checkpoints = KeptCheckpoints(context, lease, checkpoint)
        self.snapshots = KeptSnapshots(context, lease)
        self.began = checkpoint is not None
        """Whether the training is known to have done a step."""
        self._batch: Batch | None = None
        """A batch that couldn't be written yet. It stays as it is, because its outcome may be unknown."""
        self._outcome: OutcomeUnknown | None = None
        """Asks whether that batch was written; None if it certainly wasn't."""
        self._pending: list[NewEvent] = []
        self._progress: dict[str, Any] | None = None
        self._best: dict[str, Any] | None = None
        self._baseline: dict[str, Any] | None = None
        self._epochs = 0
        self._urgent = False
        self._written_at = time.monotonic()

    def add(self, message: dict[str, Any]) -> None:
        """Add a message that isn't the task's last one (service/worker/child.py). A batch keeps only the latest
        progress. The files of a checkpoint are moved into the artifact store."""
        data = message["data"]
        self.began = self.began or message["type"] not in BEFORE_A_STEP or bool(data.get("step"))
        if message["type"] == "phase":
            if message["line"]:
                self._pending.append(NewEvent("message", {"text": f"{message['line']}\n"}, is_told_once=True))
        elif message["type"] == "progress":
            self._progress = data
            self.snapshots.epochs = data.get("epochs", 0)
        elif message["type"] == "epoch":
            self._pending.append(NewEvent("epoch", data, epoch=data["epoch"]))
            self.snapshots.add(data["epoch"], message.get("snapshot"), message["best"])
            self._best = message["best"] or self._best
            self._epochs += 1
            self._urgent = self._urgent or self._epochs == 1
        elif message["type"] == "baseline":
            self._baseline = data
        elif message["type"] == "order":
            order = Order.from_document(data)
            self._pending.append(NewEvent("message", {"text": _describe_order(order), "order": data}, order=order))
            self._urgent = True
        elif message["type"] == "checkpoint":
            self._pending += self.checkpoints.publish(message["name"], data)
        elif message["type"] == "checkpoint_skipped":
            self._pending += self.checkpoints.skip(data, message["failure"])
        elif message["type"] == "snapshot_skipped":
            self._pending += self.snapshots.skip(data, message["failure"])
        elif message["type"] == "fold":
            self._pending.append(NewEvent("message", {"text": describe_fold(data), "fold": data}, fold=data["fold"]))
        elif message["type"] == "warning":
            self._pending.append(warn(data["type"], data["detail"]))
        else:
            self._pending += self.checkpoints.lose_latest(data["reason"])

    def add_text(self, text: str) -> None:
        """Add text that the child process printed. Consecutive texts become one event."""
        if not text:
            return
        if self._pending and self._pending[-1] == NewEvent("message", self._pending[-1].data):
            text = self._pending.pop().data["text"] + text
        self._pending.append(NewEvent("message", {"text": text}))

    @property
    def empty(self) -> bool:
        return self._batch is None and not self._pending and self._progress is None and self._baseline is None

    @property
    def full(self) -> bool:
        return len(self._pending) > MAX_PENDING

    @property
    def due(self) -> bool:
        """Whether a batch should be written now."""
        if self.empty:
            return False
        waited = time.monotonic() - self._written_at
        return self._urgent or len(self._pending) >= BATCH_EVENTS or waited >= BATCH_SECONDS

    def write(self) -> Instructions:
        """Write one batch and return the job's instructions.

        Raises LeaseLost, and DatabaseUnavailable or DiskFull: the next call then writes the batch, unless it finds that
        the batch was written after all.
        """
        batch = self._batch = self._batch or self._next_batch()
        try:
            if self._outcome is not None and self._outcome.was_committed():
                instructions = leases.renew(self._context, self._lease)
            else:
                self._outcome = None
                instructions = recording.record(
                    self._context,
                    self._lease,
                    batch.events,
                    progress=batch.progress,
                    best=batch.best,
                    baseline=batch.baseline,
                    snapshots=batch.snapshots,
                )
        except OutcomeUnknown as error:
            self._outcome = self._outcome or error
            raise
        self._batch = self._outcome = None
        self.checkpoints.remove_replaced(batch.events)
        self.snapshots.remove_unneeded()
        self._written_at = time.monotonic()
        return instructions

    def _next_batch(self) -> Batch:
        events = self._pending[:BATCH_EVENTS]
        del self._pending[: len(events)]
        if self._progress is not None:
            events.append(NewEvent("progress", self._progress))
        last_epoch = max((event.epoch for event in events if event.epoch is not None), default=None)
        snapshots = None if last_epoch is None else self.snapshots.settle(last_epoch)
        events += self.snapshots.reports
        self.snapshots.reports = []
        batch = Batch(events, self._progress, self._best, self._baseline, snapshots)
        self._progress = self._best = self._baseline = None
        self._urgent = False
        return batch


def _describe_order(order: Order) -> str:
    """An order that has taken effect, as a line of the log."""
    settings = {"epochs": order.epochs, "learning rate": order.learning_rate}
    changes = ", ".join(f"{name} {value:,}" for name, value in settings.items() if value is not None)
    return f"From epoch {order.epoch} on: {changes}\n"
