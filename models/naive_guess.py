"""What would be guessed without a network: how often each class occurs, the mean, or the last value of a series.

A result is compared with it, because a network that has learnt nothing also has a loss and an accuracy.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models.dataset_descriptor import DatasetDescriptor
from models.datasets import Dataset, Split
from models.documents import Document
from models.scores import Activation, as_outputs
from models.targets import Form, TargetEncoding, class_name


@dataclass(frozen=True)
class NaiveGuess(Document):
    """A guess that is the same for every row, or repeats a value of the row."""

    values: tuple[float, ...]
    """The share of each class in the training rows, or the mean of each number of a target."""
    features: tuple[int, ...] = ()
    """For a series whose steps contain the past of its targets: for each target, the feature whose last value is
    repeated."""

    @classmethod
    def fit(cls, dataset: Dataset, encoding: TargetEncoding) -> "NaiveGuess":
        """The guess from the dataset's training rows."""
        targets = encoding.translate(dataset.targets("train"), dataset.descriptor.target.classes)
        features: tuple[int, ...] = ()
        if encoding.form is Form.NUMBERS:
            means = encoding.numbers(np.asarray(targets)).mean(axis=0, dtype=np.float64)
            features = find_past(dataset.descriptor)
        elif encoding.form is Form.MULTI_HOT:
            means = np.asarray(targets).mean(axis=0, dtype=np.float64)
        else:
            indices = encoding.class_indices(targets)
            means = np.bincount(indices, minlength=len(encoding.classes or ())) / len(indices)
        return cls(tuple(means.reshape(-1).tolist()), features)

    @classmethod
    def _read(cls, document: dict[str, Any]) -> "NaiveGuess":
        return replace(super()._read(document), values=tuple(document["values"]), features=tuple(document["features"]))

    def outputs(self, split: Split, encoding: TargetEncoding, activation: Activation | None) -> np.ndarray:
        """The guess for the rows of a split as a network would output it: float32, rows first.

        `activation` is the network's (models/scores.py).
        """
        rows, values = len(split.targets), np.array(self.values)
        if encoding.form is Form.NUMBERS:
            guesses = np.broadcast_to(values.reshape(encoding.shape), (rows, *encoding.shape))
            if self.features:
                (sequences,) = (split.tensors or {}).values()
                last = sequences[:, -1, list(self.features)]
                between = (1,) * (len(encoding.shape) - 1)
                guesses = np.broadcast_to(last.reshape(rows, *between, -1), guesses.shape)
            return guesses.astype(np.float32) if encoding.scale is None else encoding.scale.apply(guesses)
        if encoding.form is Form.BINARY:
            values = values[1:]
        outputs = as_outputs(values, activation).astype(np.float32)
        return np.broadcast_to(outputs, (rows, *outputs.shape))

    def describe(self, encoding: TargetEncoding) -> str:
        """The guess as the subject of a sentence."""
        if self.features:
            return f'repeating the last value of "{encoding.name}"'
        if encoding.form is Form.NUMBERS:
            return "always guessing the mean of the training rows"
        if encoding.form is Form.MULTI_HOT:
            return "always guessing how often each label occurs in the training rows"
        most = class_name((encoding.classes or [])[int(np.argmax(self.values))])
        return f'always guessing how often each class occurs in the training rows (most often "{most}")'


def find_past(descriptor: DatasetDescriptor) -> tuple[int, ...]:
    """For each target of a dataset's windows, the index of the feature that has its past values; empty if one of them
    has none."""
    if descriptor.window is not None:
        past = descriptor.window.past
    else:  # a dataset of an older release
        features, name = descriptor.inputs[0].features or [], descriptor.target.name
        past = [features.index(name) if name in features else None]
    known = tuple(place for place in past if place is not None)
    return known if len(known) == len(past) else ()
