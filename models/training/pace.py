"""How many steps a graph call takes, so that orders are heard soon without costing time."""

CALL_SECONDS = 0.3
GROWTH = 8
"""A call has at most this many times the steps of the one before, however fast that was."""


class Pace:
    """Sizes calls by the time that the last one took. The sizes never change what is computed."""

    def __init__(self) -> None:
        self._steps = 1

    def next_steps(self) -> int:
        """Steps of the next call: 1 at first, for that one also compiles."""
        return self._steps

    def record(self, steps: int, seconds: float) -> None:
        """Learn from a call."""
        fitting = int(CALL_SECONDS * steps / seconds) if seconds else GROWTH * steps
        self._steps = max(1, min(fitting, GROWTH * steps))
