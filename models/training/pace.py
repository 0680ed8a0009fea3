"""Chooses the number of steps per graph call, so that orders take effect soon at little cost."""

import time

from models.training.gangs.gang import ALONE, Gang
from models.training.graph_calls import Results
from models.training.steps import EpochSteps

CALL_SECONDS = 0.3
GROWTH = 8
"""The maximum ratio of a call's steps to those of the previous call."""


class Pace:
    """Sizes calls by the duration of the previous call, in a gang by that of the leader's. The sizes don't affect the
    results."""

    def __init__(self, gang: Gang = ALONE) -> None:
        self._gang = gang
        self._steps = 1

    def run(self, steps: EpochSteps, begin: int) -> tuple[int, Results]:
        """Run the next call of `steps` from the step `begin`; returns the step after its last one, and the results."""
        end = self._gang.agree(lambda: min(begin + self.next_steps(), steps.steps))
        start = time.perf_counter()
        results = steps.run(begin, end)
        self.record(end - begin, time.perf_counter() - start)
        return end, results

    def next_steps(self) -> int:
        """The steps of the next call: 1 at first, because the first call also compiles."""
        return self._steps

    def record(self, steps: int, seconds: float) -> None:
        """Record the duration of a call."""
        fitting = int(CALL_SECONDS * steps / seconds) if seconds else GROWTH * steps
        self._steps = max(1, min(fitting, GROWTH * steps))
