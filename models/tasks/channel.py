"""How a task reports while it runs, and hears of orders."""

from collections.abc import Sequence
from typing import Any, Protocol

from models.training.plan import Command, Order


class Channel(Protocol):
    """The way to whoever watches the task."""

    def progress(self, data: dict[str, Any]) -> None:
        """Say how far the task is."""

    def epoch(self, data: dict[str, Any], best: dict[str, Any] | None) -> None:
        """Report an epoch that ended, and the best one so far."""

    def order_taken(self, order: Order, step: int) -> None:
        """Report that an order has taken effect, after so many steps."""

    def checkpoint(self, name: str, data: dict[str, Any]) -> None:
        """Hand over a checkpoint: the folder `name` in the task's own, complete and on the disk."""

    def command(self) -> Command:
        """What the task should do now."""

    def orders(self) -> Sequence[Order]:
        """The orders that came since the task began."""

    def may_end(self) -> bool:
        """Whether the task may end its work; False when an order has come that wasn't heard yet."""
