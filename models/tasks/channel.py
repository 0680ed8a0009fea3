"""The channel through which a running task reports and receives orders."""

from collections.abc import Sequence
from typing import Any, Protocol

from models.errors import BadCheckpoint
from models.jobs.assignment import Phase
from models.training.plan import Command, Order


class Channel(Protocol):
    """A task's connection to its supervisor."""

    def phase(self, phase: Phase, line: str = "") -> None:
        """Report that a phase begins, with a line for the job's log. If the task runs again, the log has it once."""

    def progress(self, data: dict[str, Any]) -> None:
        """Report the task's progress."""

    def epoch(self, data: dict[str, Any], best: dict[str, Any] | None, snapshot: dict[str, Any] | None = None) -> None:
        """Report an epoch that has ended, the best epoch so far, and the epoch's snapshot, if there is one: the
        `bytes` and the `sha256` of its file, or the `weights` to write into it, in Base64."""

    def snapshot_skipped(self, error: OSError, epoch: int) -> None:
        """Report that the snapshot of an epoch couldn't be written."""

    def baseline(self, metrics: dict[str, float]) -> None:
        """Report the metrics of the naive guess, by the names of an epoch's metrics."""

    def order_taken(self, order: Order, step: int) -> None:
        """Report that an order has taken effect after `step` steps."""

    def checkpoint(self, name: str, data: dict[str, Any]) -> None:
        """Report a checkpoint: the subfolder `name` of the task's folder, complete and synced to the disk."""

    def checkpoint_skipped(self, error: OSError, data: dict[str, Any]) -> None:
        """Report that a checkpoint couldn't be written, and its position as in `checkpoint`."""

    def checkpoint_unreadable(self, error: BadCheckpoint) -> None:
        """Report that the latest checkpoint can't be read. The task resumes from the one before."""

    def fold(self, data: dict[str, Any]) -> None:
        """Report a finished fold of a cross-validation: its number as `fold`, the number of `folds`, and `metrics`."""

    def warning(self, type_: str, detail: str) -> None:
        """Report something that the client should know although the task hasn't failed: a type of the job's `warnings`,
        and a sentence."""

    def command(self) -> Command:
        """The command that the task must follow now."""

    def orders(self) -> Sequence[Order]:
        """The orders received since the task began."""

    def may_end(self) -> bool:
        """Whether the task may end; False if there is an order that the task hasn't read yet."""
