"""Reports the progress of a training and its estimated end to an observer."""

import math
import time

from models.training.plan import Observer, Progress

REPORT_SECONDS = 0.2


class ProgressReporter:
    """Counts the steps of the whole training and reports them, at most five times a second."""

    def __init__(self, observer: Observer, epochs: int, steps: int, steps_done: int = 0) -> None:
        self.epochs = epochs
        self._steps_done = steps_done
        self._observer = observer
        self._steps = steps
        self._reported_at = -float("inf")
        self._first_call: tuple[int, float] | None = None

    def advance(self, steps: int) -> None:
        """Count the steps of a finished call."""
        self._steps_done += steps
        if self._first_call is None:
            self._first_call = self._steps_done, time.monotonic()
        self._report_when_due()

    def go_on(self, _: int) -> None:
        """Report that the training is alive during validation, which takes time but has no steps."""
        self._report_when_due()

    def _report_when_due(self) -> None:
        if time.monotonic() - self._reported_at >= REPORT_SECONDS:
            self.report()

    def report(self) -> None:
        """Report immediately, regardless of the last report."""
        self._reported_at = time.monotonic()
        epoch = max(1, math.ceil(self._steps_done / self._steps))
        self._observer.on_progress(
            Progress(
                epoch=epoch,
                epochs=self.epochs,
                step=self._steps_done - (epoch - 1) * self._steps,
                steps=self._steps,
                fraction=min(1.0, self._steps_done / (self.epochs * self._steps)),
                eta_seconds=self._eta_seconds(),
            )
        )

    def _eta_seconds(self) -> float | None:
        """Estimate from the pace after the first call, which also compiled."""
        if self._first_call is None or self._steps_done == self._first_call[0]:
            return None
        steps, at = self._first_call
        seconds_per_step = (time.monotonic() - at) / (self._steps_done - steps)
        return max(0.0, seconds_per_step * (self.epochs * self._steps - self._steps_done))
