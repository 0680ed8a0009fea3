"""Describes a dataset's data: the inputs and target of its descriptor, as clients see them."""

from typing import Any

import numpy as np

from models.datasets.examples import Examples
from models.datasets.target_options import MEMBER, find_positive
from models.errors import Fault, InvalidData
from models.values.columns import Texts
from models.values.pointers import pointer_to
from models.values.statistics import mean_and_deviation

MAX_CLASSES = 10_000
MIN_ROWS_OF_CLASSES = 10
"""If a target has at least this many distinct texts, each must occur twice on average for them to be classes."""
MAX_CLASS_NAME = 256
"""The maximum length of a class name, in characters."""
MAX_GUESSED_CLASSES = 20
"""The largest number of distinct integers that are treated as classes."""
MAX_LISTED_NUMBERS = 100
"""The largest number of distinct integers that are listed, so that a classification may use them as classes."""


def has_classes(examples: Examples) -> bool:
    """Whether each row's target is treated as one of several classes rather than as a number.

    Targets are classes if the source names classes, and if they are text or booleans. Integers are classes if they are
    all 0 or 1, or if there are at most 20 distinct ones and each occurs twice on average. A task may use integers
    either way.
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
    """Why a text target can't be learned, as a sentence: nearly every row has a distinct value. None if it can.

    A few rows are always accepted, and so are classes that the source itself names.
    """
    targets = examples.targets
    if not isinstance(targets, Texts) or examples.classes:
        return None
    distinct = len(targets.counts())
    if distinct < MIN_ROWS_OF_CLASSES or 2 * distinct <= len(targets):
        return None
    detail = f'The target "{examples.target_name}" has {distinct:,} distinct texts in {len(targets):,} rows'
    return f"{detail}; classes must have at least two rows on average. Choose another target."


def describe_tensors(examples: Examples) -> list[dict[str, Any]]:
    """One entry per tensor."""
    tensors = (examples.tensors or {}).items()
    return [
        {"name": name, "type": "number", "shape": list(values.shape[1:]), "missing": 0} | _statistics(values)
        for name, values in tensors
    ]


def describe_target(examples: Examples, wanted: Any = None) -> dict[str, Any]:
    """The target: a `category` with classes and counts, `labels` (several per row), or a `number`.

    A few integers that aren't treated as classes have `classes` and `counts` too, so that a classification may use
    them. `exclusive` means that every row has exactly one label. Of two classes the last is the `positive_class`: the
    `wanted` one, or else the one that find_positive chooses. Raises InvalidData if there is no such class.
    """
    targets = examples.targets
    entry: dict[str, Any] = {"name": examples.target_name}
    if examples.target_unit is not None:
        entry["unit"] = examples.target_unit
    if isinstance(targets, Texts):
        return entry | {"type": "category"} | _list_classes(targets.counts(), examples.classes, wanted)
    if targets.ndim == 2 and targets.dtype == bool:
        if wanted is not None:
            detail = "A target with lists of labels has no positive class."
            raise InvalidData(Fault(detail, pointer_to(MEMBER, "positive_class")))
        return entry | _describe_labels(targets, list(examples.classes or range(targets.shape[1])))
    if has_classes(examples):
        return entry | {"type": "category"} | _count_classes(targets, examples.classes, wanted)
    entry |= {"type": "number", "shape": list(targets.shape[1:])} | _statistics(targets)
    if (
        targets.ndim == 1
        and np.array_equal(targets, np.rint(targets))
        and not (np.abs(targets) >= 2.0**63).any()
        and len(np.unique(targets)) <= MAX_LISTED_NUMBERS
    ):
        return entry | _count_classes(targets.astype(np.int64), None, wanted)
    if wanted is not None:
        find_positive([], [], wanted)
    return entry


def with_positive_class(target: dict[str, Any]) -> dict[str, Any]:
    """A target with its `positive_class` if it has two classes of which every row has one. Targets of older releases
    don't say which class is positive: it was always the last."""
    classes = target.get("classes", ())
    is_decision = len(classes) == 2 and target.get("exclusive", True)
    return {"positive_class": classes[1]} | target if is_decision else target


def _describe_labels(targets: np.ndarray, classes: list[Any]) -> dict[str, Any]:
    _check_names(classes)
    exclusive = bool((targets.sum(axis=1) == 1).all())
    counts = targets.sum(axis=0).tolist()
    return with_positive_class({"type": "labels", "classes": classes, "counts": counts, "exclusive": exclusive})


def _count_classes(targets: np.ndarray, classes: tuple[Any, ...] | None, wanted: Any) -> dict[str, Any]:
    occurring, counts = np.unique(targets, return_counts=True)
    return _list_classes(dict(zip(occurring.tolist(), counts.tolist(), strict=True)), classes, wanted)


def _list_classes(found: dict[Any, int], classes: tuple[Any, ...] | None, wanted: Any) -> dict[str, Any]:
    if len(found) > MAX_CLASSES:
        detail = f"The target has {len(found):,} distinct values; the limit is {MAX_CLASSES:,} classes."
        raise InvalidData(Fault(detail, pointer_to("target")))
    names = list(classes or found)
    _check_names(names)
    positive = find_positive(names, [found.get(name, 0) for name in names], wanted)
    if positive is None:
        return {"classes": names, "counts": [found.get(name, 0) for name in names]}
    # a single output is the score of the last class
    names.sort(key=lambda name: name == positive)
    return {"classes": names, "counts": [found.get(name, 0) for name in names], "positive_class": positive}


def _check_names(classes: list[Any]) -> None:
    """Raise InvalidData for the longest class name if it is too long."""
    longest = max((name for name in classes if isinstance(name, str)), key=len, default="")
    if len(longest) > MAX_CLASS_NAME:
        detail = f'The class "{longest[:50]}…" has {len(longest):,} characters; a class has at most {MAX_CLASS_NAME}.'
        raise InvalidData(Fault(detail, pointer_to("target")))


def _statistics(values: np.ndarray) -> dict[str, float]:
    mean, deviation = mean_and_deviation(values)
    return {
        "mean": float(mean),
        "std": float(deviation),
        "min": float(values.min()),
        "max": float(values.max()),
    }
