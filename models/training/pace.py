"""How many steps a graph call takes, so that orders are heard soon without costing time."""

import time

from models.training.graph_calls import Results
from models.training.steps import EpochSteps

CALL_SECONDS = 0.3
GROWTH = 8
"""A call has at most this many times the steps of the one before, however fast that was."""


class Pace:
    """Sizes calls by the time that the last one took. The sizes never change what is computed."""

    def __init__(self) -> None:
        self._steps = 1

    def run(self, steps: EpochSteps, begin: int) -> tuple[int, Results]:
        """Run the next call's share of `steps`, from the step `begin` on: the step that it ended before, and what is
        known then."""
        end = min(begin + self.next_steps(), steps.steps)
        start = time.perf_counter()
        results = steps.run(begin, end)
        self.record(end - begin, time.perf_counter() - start)
        return end, results

    def next_steps(self) -> int:
        """Steps of the next call: 1 at first, for that one also compiles."""
        return self._steps

    def record(self, steps: int, seconds: float) -> None:
        """Learn from a call."""
        fitting = int(CALL_SECONDS * steps / seconds) if seconds else GROWTH * steps
        self._steps = max(1, min(fitting, GROWTH * steps))
