"""Checks the threshold from which a class counts as predicted."""

from collections.abc import Iterator
from typing import Any

from models.errors import Fault
from models.spec import Task

NO_THRESHOLD = "Only binary and multilabel tasks have a threshold."


def threshold_faults(threshold: Any, task: Any) -> Iterator[Fault]:
    """The faults of a posted threshold for a network of this task; null is the default."""
    if threshold is None:
        return
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
        yield Fault("A threshold must be a number from 0 to 1.", "#/threshold")
    elif task in list(Task) and not Task(task).has_threshold:
        yield Fault(f"{NO_THRESHOLD} The task is {task}: omit it.", "#/threshold")
