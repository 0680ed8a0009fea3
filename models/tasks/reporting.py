"""How far a task is, told now and then."""

import time

from models.tasks.channel import Channel

REPORT_SECONDS = 0.2


class Reporter:
    """Tells the channel how far a task is, at most five times a second."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._reported_at = -float("inf")
        self._first: tuple[float, float] | None = None
        """When the first step was done, and what share of the work that was: it takes longer than others."""

    def tell(self, step: int, steps: int | None, fraction: float) -> None:
        """So many steps of so many are done, None where they aren't counted, which is this share of the work."""
        now = time.monotonic()
        first_at, first = self._first = self._first or (now, fraction)
        if now - self._reported_at < REPORT_SECONDS and fraction < 1:
            return
        self._reported_at = now
        eta = (now - first_at) / (fraction - first) * (1 - fraction) if fraction > first else None
        self._channel.progress({"step": step, "steps": steps, "fraction": fraction, "eta_seconds": eta})
