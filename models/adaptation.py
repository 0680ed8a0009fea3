"""Which layers take from the training rows what their parameters don't say, and what stands there until then.

What they learnt becomes parameters of the trained network's spec: it is kept, exported and loaded like posted ones.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from models.spec import LayerSpec, NetworkSpec


def learns_from_rows(type_: str, parameters: Mapping[str, Any]) -> bool:
    """Whether a layer of this type with these parameters has something left to learn before training."""
    if type_ == "Normalization":
        return parameters.get("mean") is None and parameters.get("variance") is None
    if type_ == "Discretization":
        return parameters.get("bin_boundaries") is None and parameters.get("num_bins") is not None
    return False


def needs_rows(spec: NetworkSpec) -> bool:
    """Whether some layer of a network has something left to learn before training."""
    return any(learns_from_rows(layer.type, layer.parameters) for layer in spec.layers)


def with_stand_in(layer: LayerSpec) -> LayerSpec:
    """The layer as it can be built before it has seen rows: numbers as they are, bins of the same width."""
    if not learns_from_rows(layer.type, layer.parameters):
        return layer
    if layer.type == "Normalization":
        return with_learnt(layer, mean=0.0, variance=1.0)
    bins = layer.parameters["num_bins"]
    return with_learnt(layer, num_bins=None, bin_boundaries=[2 * number / bins - 1 for number in range(1, bins)])


def with_learnt(layer: LayerSpec, **learnt: Any) -> LayerSpec:
    """The layer with what it learnt among its parameters."""
    return dataclasses.replace(layer, parameters=layer.parameters | learnt)
