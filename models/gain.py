"""Finds trained networks that are no better than the naive guess."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.catalogue import load_catalogue
from models.spec import NetworkSpec

NO_GAIN = "not_better_than_baseline"
"""The type of the warning."""
COMPARED = {"validation": "validation", "test": "test", "train": "training"}
"""The splits on which a network is compared, and their names in sentences: the first one that has rows counts."""
LEAST_GAIN = 0.01
"""The part of the guess's loss by which a network must be better: less than that is often chance."""
ACCURACIES = ("Accuracy", "BinaryAccuracy", "CategoricalAccuracy", "SparseCategoricalAccuracy")
BALANCED_ACCURACY = "balanced_accuracy"
"""The mean recall of the classes."""
SURE = 2.0
"""The standard errors from which on a higher accuracy isn't chance."""


@dataclass(frozen=True)
class Reached:
    """What a network and the naive guess reach on the rows of a split, by the names of the metrics."""

    rows: int
    network: Mapping[str, float]
    guess: Mapping[str, float]


def find_no_gain(spec: NetworkSpec, guess: str, splits: Mapping[str, Reached | None]) -> str | None:
    """Why a network is no better than the naive guess, in a sentence with both numbers; None if it is better.

    `guess` describes the guess; a split without rows is None.
    """
    split = find_compared(splits)
    reached = splits[split] if split is not None else None
    if split is None or reached is None:
        return None
    name = _find_metric_without_gain(spec, reached)
    return None if name is None else _describe(name, reached, split, guess)


def find_no_balanced_gain(split: str, reached: Reached, support: Sequence[int]) -> str | None:
    """As `find_no_gain`, for a network that was trained with class weights.

    `support` is the number of rows of each class in the split. Such a network gives up accuracy, and loss on the rows
    as they are, for the classes with larger weights. So it is better if its loss is lower, or if its mean recall is
    higher than that of a guess that is the same for every row.
    """
    name, counts = BALANCED_ACCURACY, [count for count in support if count]
    share = reached.guess[name]
    error = math.sqrt(sum(share * (1 - share) / count for count in counts)) / len(counts)
    worse = reached.network[name] - share <= SURE * error and _has_no_lower_loss(reached)
    return _describe(name, reached, split, "always guessing the same") if worse else None


def find_compared(splits: Mapping[str, object]) -> str | None:
    """The split on which a network is compared: the first that has a true value. None if there is none."""
    return next((name for name in COMPARED if splits[name]), None)


def _describe(name: str, reached: Reached, split: str, guess: str) -> str:
    numbers = f"{name} {reached.network[name]:.4g} on the {COMPARED[split]} rows"
    return f"The network is no better than a naive guess: it has {numbers}; {guess} has {reached.guess[name]:.4g}."


def _find_metric_without_gain(spec: NetworkSpec, reached: Reached) -> str | None:
    accuracy, worse = _find_accuracy(spec), _has_no_lower_loss(reached)
    if accuracy is None:
        return "loss" if worse else None
    share, rows = reached.guess[accuracy], reached.rows
    gain = reached.network[accuracy] - share
    if gain <= 0:
        return accuracy
    # A network that fits its training rows too well may be far more often right and yet have a high loss.
    return "loss" if worse and gain <= SURE * math.sqrt(share * (1 - share) / rows) else None


def _has_no_lower_loss(reached: Reached) -> bool:
    gain = reached.guess["loss"] - reached.network["loss"]
    return not gain > LEAST_GAIN * abs(reached.guess["loss"])


def _find_accuracy(spec: NetworkSpec) -> str | None:
    """The name of the first metric that is an accuracy."""
    for metric in spec.metrics:
        entry = load_catalogue().find("metric", metric.type)
        if entry is not None and entry.type in ACCURACIES:
            return str(metric.parameters.get("name") or metric.type)
    return None
