"""What a dataset's data are like: the inputs and target of its descriptor, as clients see them."""

from typing import Any

import numpy as np

from models.datasets.examples import Examples
from models.errors import Fault, InvalidData
from models.values.columns import Texts
from models.values.pointers import pointer_to
from models.values.statistics import mean_and_deviation

MAX_CLASSES = 10_000
MIN_ROWS_OF_CLASSES = 10
"""So many different texts must occur twice on average to be classes."""
MAX_CLASS_NAME = 256
"""Characters that the name of a class may have."""
MAX_GUESSED_CLASSES = 20
"""How many different whole numbers may still be taken for classes."""
MAX_LISTED_NUMBERS = 100
"""How many different whole numbers are listed, so that a classification may take them for classes."""


def has_classes(examples: Examples) -> bool:
    """Whether each row's target is taken for one of several classes, rather than for a number.

    It is where the source names classes. Text and booleans are. Whole numbers are if they are all 0 or 1, or if there
    are at most 20 different ones and each occurs twice on average. A task may still use such numbers either way.
    """
    targets = examples.targets
    if isinstance(targets, Texts):
        return True
    if targets.ndim > 1 or targets.dtype.kind not in "biu":
        return False
    if examples.classes or targets.dtype.kind == "b":
        return True
    distinct = np.unique(targets)
    return set(distinct.tolist()) <= {0, 1} or (
        len(distinct) <= MAX_GUESSED_CLASSES and 2 * len(distinct) <= len(targets)
    )


def find_too_many_classes(examples: Examples) -> str | None:
    """Why a target of text can't be learnt from, as a sentence: nearly every row has a value of its own.

    A handful of rows is always taken, and so are classes that the source itself names.
    """
    targets = examples.targets
    if not isinstance(targets, Texts) or examples.classes:
        return None
    distinct = len(targets.counts())
    if distinct < MIN_ROWS_OF_CLASSES or 2 * distinct <= len(targets):
        return None
    detail = f'The target "{examples.target_name}" has {distinct:,} different texts in {len(targets):,} rows'
    return f"{detail}: that is no class of rows, which has two at least on average. Choose another target."


def describe_tensors(examples: Examples) -> list[dict[str, Any]]:
    """One entry for each tensor."""
    features = {"features": list(examples.features)} if examples.features else {}
    tensors = (examples.tensors or {}).items()
    return [
        {"name": name, "type": "number", "shape": list(values.shape[1:]), "missing": 0} | features | _statistics(values)
        for name, values in tensors
    ]


def describe_target(examples: Examples) -> dict[str, Any]:
    """The target: a `category` with classes and counts, `labels` (several a row), or a `number`.

    A few whole numbers that aren't taken for classes have `classes` and `counts` too, so that a classification may
    use them. `exclusive` says that every row has exactly one label.
    """
    targets = examples.targets
    entry: dict[str, Any] = {"name": examples.target_name}
    if isinstance(targets, Texts):
        return entry | {"type": "category"} | _list_classes(targets.counts(), examples.classes)
    if targets.ndim == 2 and targets.dtype == bool:
        classes = list(examples.classes or range(targets.shape[1]))
        _check_names(classes)
        exclusive = bool((targets.sum(axis=1) == 1).all())
        return entry | {
            "type": "labels",
            "classes": classes,
            "counts": targets.sum(axis=0).tolist(),
            "exclusive": exclusive,
        }
    if has_classes(examples):
        return entry | {"type": "category"} | _count_classes(targets, examples.classes)
    entry |= {"type": "number", "shape": list(targets.shape[1:])} | _statistics(targets)
    if (
        targets.ndim == 1
        and np.array_equal(targets, np.rint(targets))
        and len(np.unique(targets)) <= MAX_LISTED_NUMBERS
    ):
        entry |= _count_classes(targets.astype(np.int64), None)
    return entry


def _count_classes(targets: np.ndarray, classes: tuple[Any, ...] | None) -> dict[str, list]:
    occurring, counts = np.unique(targets, return_counts=True)
    return _list_classes(dict(zip(occurring.tolist(), counts.tolist(), strict=True)), classes)


def _list_classes(found: dict[Any, int], classes: tuple[Any, ...] | None) -> dict[str, list]:
    if len(found) > MAX_CLASSES:
        detail = f"The target has {len(found):,} different values; there can be {MAX_CLASSES:,} classes at most."
        raise InvalidData(Fault(detail, pointer_to("target")))
    names = list(classes or found)
    _check_names(names)
    return {"classes": names, "counts": [found.get(name, 0) for name in names]}


def _check_names(classes: list[Any]) -> None:
    """Raise InvalidData for the longest of the classes' names, if it is too long."""
    longest = max((name for name in classes if isinstance(name, str)), key=len, default="")
    if len(longest) > MAX_CLASS_NAME:
        detail = f'The class "{longest[:50]}…" has {len(longest):,} characters; a class has {MAX_CLASS_NAME} at most.'
        raise InvalidData(Fault(detail, pointer_to("target")))


def _statistics(values: np.ndarray) -> dict[str, float]:
    mean, deviation = mean_and_deviation(values)
    return {
        "mean": float(mean),
        "std": float(deviation),
        "min": float(values.min()),
        "max": float(values.max()),
    }
