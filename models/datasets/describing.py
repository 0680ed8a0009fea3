"""Describes a dataset's data: the inputs and the target of its descriptor."""

from dataclasses import replace
from typing import Any

import numpy as np

from models.dataset_descriptor import InputDescriptor, TargetDescriptor
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


def describe_tensors(examples: Examples) -> list[InputDescriptor]:
    """One entry per tensor."""
    tensors = (examples.tensors or {}).items()
    return [InputDescriptor(name, "number", list(values.shape[1:]), **_statistics(values)) for name, values in tensors]


def describe_target(examples: Examples, wanted: Any = None) -> TargetDescriptor:
    """The target: a `category` with classes and counts, `labels` (several per row), or a `number`.

    A few integers that aren't treated as classes have `classes` and `counts` too, so that a classification may use
    them. `exclusive` means that every row has exactly one label. Of two classes the last is the `positive_class`: the
    `wanted` one, or else the one that find_positive chooses. Raises InvalidData if there is no such class.
    """
    targets = examples.targets
    entry = TargetDescriptor(examples.target_name, "category", unit=examples.target_unit)
    if isinstance(targets, Texts):
        return _list_classes(entry, targets.counts(), examples.classes, wanted)
    if targets.ndim == 2 and targets.dtype == bool:
        if wanted is not None:
            detail = "A target with lists of labels has no positive class."
            raise InvalidData(Fault(detail, pointer_to(MEMBER, "positive_class")))
        return _describe_labels(entry, targets, list(examples.classes or range(targets.shape[1])))
    if has_classes(examples):
        return _count_classes(entry, targets, examples.classes, wanted)
    entry = replace(entry, type="number", shape=list(targets.shape[1:]), **_statistics(targets))
    if (
        targets.ndim == 1
        and np.array_equal(targets, np.rint(targets))
        and not (np.abs(targets) >= 2.0**63).any()
        and len(np.unique(targets)) <= MAX_LISTED_NUMBERS
    ):
        return _count_classes(entry, targets.astype(np.int64), None, wanted)
    if wanted is not None:
        find_positive([], [], wanted)
    return entry


def _describe_labels(entry: TargetDescriptor, targets: np.ndarray, classes: list[Any]) -> TargetDescriptor:
    _check_names(classes)
    exclusive = bool((targets.sum(axis=1) == 1).all())
    counts = targets.sum(axis=0).tolist()
    return replace(entry, type="labels", classes=classes, counts=counts, exclusive=exclusive).with_positive_class()


def _count_classes(
    entry: TargetDescriptor, targets: np.ndarray, classes: tuple[Any, ...] | None, wanted: Any
) -> TargetDescriptor:
    occurring, counts = np.unique(targets, return_counts=True)
    return _list_classes(entry, dict(zip(occurring.tolist(), counts.tolist(), strict=True)), classes, wanted)


def _list_classes(
    entry: TargetDescriptor, found: dict[Any, int], classes: tuple[Any, ...] | None, wanted: Any
) -> TargetDescriptor:
    if len(found) > MAX_CLASSES:
        detail = f"The target has {len(found):,} distinct values; the limit is {MAX_CLASSES:,} classes."
        raise InvalidData(Fault(detail, pointer_to("target")))
    names = list(classes or found)
    _check_names(names)
    positive = find_positive(names, [found.get(name, 0) for name in names], wanted)
    if positive is not None:
        # a single output is the score of the last class
        names.sort(key=lambda name: name == positive)
    return replace(entry, classes=names, counts=[found.get(name, 0) for name in names], positive_class=positive)


def _check_names(classes: list[Any]) -> None:
    """Raise InvalidData for the longest class name if it is too long."""
    longest = max((name for name in classes if isinstance(name, str)), key=len, default="")
    if len(longest) > MAX_CLASS_NAME:
        detail = f'The class "{longest[:50]}…" has {len(longest):,} characters; a class has at most {MAX_CLASS_NAME}.'
        raise InvalidData(Fault(detail, pointer_to("target")))


def _statistics(values: np.ndarray) -> dict[str, Any]:
    mean, deviation = mean_and_deviation(values)
    return {
        "mean": float(mean),
        "std": float(deviation),
        "min": float(values.min()),
        "max": float(values.max()),
    }
