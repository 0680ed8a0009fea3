"""Rate-limited reports of a task's progress."""

import time

from models.tasks.channel import Channel

REPORT_SECONDS = 0.2


class Reporter:
    """Reports a task's progress to the channel, at most every REPORT_SECONDS."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._reported_at = -float("inf")
        self._first: tuple[float, float] | None = None
        """When the first step ended, and the fraction done by then. The estimate excludes this step: it is slower."""

    def report(self, step: int, steps: int | None, fraction: float) -> None:
        """Report that `step` of `steps` are done, which is `fraction` of the work. `steps` is None if it's unknown."""
        now = time.monotonic()
        first_at, first = self._first = self._first or (now, fraction)
        if now - self._reported_at < REPORT_SECONDS and fraction < 1:
            return
        self._reported_at = now
        eta = (now - first_at) / (fraction - first) * (1 - fraction) if fraction > first else None
        self._channel.progress({"step": step, "steps": steps, "fraction": fraction, "eta_seconds": eta})
