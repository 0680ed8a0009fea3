"""Tells an observer how far a training is, and when it will end."""

import math
import time

from models.training.plan import Observer, Progress

REPORT_SECONDS = 0.2


class ProgressReporter:
    """Counts the steps of the whole training and reports them, at most five times a second."""

    def __init__(self, observer: Observer, epochs: int, steps: int) -> None:
        self.steps_done = 0
        self._observer = observer
        self._epochs = epochs
        self._steps = steps
        self._reported_at = -float("inf")
        self._first_call: tuple[int, float] | None = None

    def advance(self, steps: int) -> None:
        """Count steps that a call has done."""
        self.steps_done += steps
        if self._first_call is None:
            self._first_call = self.steps_done, time.monotonic()
        if time.monotonic() - self._reported_at >= REPORT_SECONDS:
            self.report()

    def report(self) -> None:
        """Report now, whenever the last time was."""
        self._reported_at = time.monotonic()
        epoch = max(1, math.ceil(self.steps_done / self._steps))
        self._observer.on_progress(
            Progress(
                epoch=epoch,
                epochs=self._epochs,
                step=self.steps_done - (epoch - 1) * self._steps,
                steps=self._steps,
                fraction=self.steps_done / (self._epochs * self._steps),
                eta_seconds=self._eta_seconds(),
            )
        )

    def _eta_seconds(self) -> float | None:
        """By the pace since the first call, which also compiled."""
        if self._first_call is None or self.steps_done == self._first_call[0]:
            return None
        steps, at = self._first_call
        seconds_per_step = (time.monotonic() - at) / (self.steps_done - steps)
        return seconds_per_step * (self._epochs * self._steps - self.steps_done)
