"""How a task reports while it runs, and hears of orders."""

from typing import Any, Protocol


class Channel(Protocol):
    """The way to whoever watches the task."""

    def progress(self, data: dict[str, Any]) -> None:
        """Say how far the task is."""

    def epoch(self, data: dict[str, Any], best: dict[str, Any] | None) -> None:
        """Report an epoch that ended, and the best one so far."""

    def stop_requested(self) -> bool:
        """Whether the task should end now and keep what it has."""
