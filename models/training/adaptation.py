"""Computes omitted parameters of layers from the training rows, before the first step."""

import dataclasses
import math
from collections.abc import Iterator, Mapping

import keras
import numpy as np

from models.adaptation import learns_from_rows, with_learned
from models.graph import resolve
from models.spec import LayerSpec, NetworkSpec
from models.training.plan import Rows

ROWS_AT_ONCE = 4096
MOST_SORTED = 10_000_000
"""The maximum of numbers that are sorted for the boundaries of bins; more rows are sampled evenly."""


def adapt(spec: NetworkSpec, inputs: Mapping[str, Rows]) -> NetworkSpec:
    """The spec with what its layers Normalization and Discretization learn from the training rows of `inputs`.

    `inputs` are processed, rows first. Validation has checked that these layers take an input of the network.
    """
    layers = list(spec.layers)
    for node in resolve(spec):
        if learns_from_rows(node.layer.type, node.layer.parameters):
            (source,) = node.inputs
            layers[node.index] = learn(node.layer, inputs[source])
    return dataclasses.replace(spec, layers=tuple(layers))


def learn(layer: LayerSpec, rows: Rows) -> LayerSpec:
    """The layer with the statistics of the rows among its parameters."""
    parameters = {name: value for name, value in layer.parameters.items() if value is not None}
    if layer.type == "Normalization":
        normalization = keras.layers.Normalization(axis=parameters.get("axis", -1))
        normalization.build((None, *rows[:1].shape[1:]))
        normalization.adapt(parts(rows))
        mean, variance = (np.asarray(state).tolist() for state in normalization.weights[:2])
        return with_learned(layer, mean=mean, variance=variance)
    bins = parameters["num_bins"]
    stride = math.ceil(len(rows) * rows[:1].size / MOST_SORTED)
    boundaries = np.quantile(rows[::stride], np.linspace(0, 1, bins + 1)[1:-1])
    return with_learned(layer, num_bins=None, bin_boundaries=boundaries.tolist())


def parts(rows: Rows) -> Iterator[np.ndarray]:
    """The rows in blocks of a few thousand: all of them may be larger than memory."""
    return (rows[start : start + ROWS_AT_ONCE] for start in range(0, len(rows), ROWS_AT_ONCE))
