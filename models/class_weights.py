"""Class weights in the loss: checks posted weights and computes the weight of each row."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from models.errors import Fault
from models.spec import Task
from models.suggestions import nearest
from models.targets import class_name
from models.values.pointers import pointer_to

BALANCED = "balanced"
MEMBER = "class_weights"
MOST = 1e6


def class_weight_faults(posted: Any, task: Task, classes: list[Any] | None) -> Iterator[Fault]:
    """The faults of posted class weights for a network of this task that learns these classes.

    Class weights are `"balanced"`, or an object by class; the default weight of a class is 1.
    """
    if task not in (Task.BINARY, Task.MULTICLASS) or classes is None:
        yield Fault(f"A {task.value} network has no single class per row: omit the class weights.", pointer_to(MEMBER))
        return
    if posted == BALANCED:
        return
    if not isinstance(posted, dict) or not posted:
        yield Fault(f'Class weights must be "{BALANCED}", or an object with a number per class.', pointer_to(MEMBER))
        return
    names = {class_name(known): known for known in classes}
    for name, weight in posted.items():
        if name not in names:
            detail = f'There is no class "{name[:64]}".'
            allowed, suggestion = tuple(names)[:100], nearest(name, names)
            yield Fault(detail, pointer_to(MEMBER, name), allowed=allowed, did_you_mean=suggestion)
        elif isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= MOST:
            yield Fault(f"A weight must be a number from 0 to {MOST:g}.", pointer_to(MEMBER, name))
    if all(weight == 0 for weight in posted.values()) and len(posted) == len(names):
        yield Fault("At least one weight must be greater than 0.", pointer_to(MEMBER))


def row_weights(posted: Any, indices: np.ndarray, classes: list[Any]) -> np.ndarray:
    """The weight of each row (rows,), float32, by the index of its class.

    Balanced weights are inversely proportional to the number of rows of the class, and 1 on average over the rows, as
    in scikit-learn's `compute_class_weight`.
    """
    if posted == BALANCED:
        counts = np.bincount(indices, minlength=len(classes))
        weights = len(indices) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    else:
        weights = np.array([posted.get(class_name(known), 1.0) for known in classes])
    return weights.astype(np.float32)[indices]
