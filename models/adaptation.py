"""Layers that learn omitted parameters from the training rows, and their placeholders until then.

The learned values become parameters of the trained network's spec: they are saved, exported and loaded like posted
ones.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from models.spec import LayerSpec, NetworkSpec


def learns_from_rows(type_: str, parameters: Mapping[str, Any]) -> bool:
    """Whether a layer of this type with these parameters must learn from the rows before training."""
    if type_ == "Normalization":
        return parameters.get("mean") is None and parameters.get("variance") is None
    if type_ == "Discretization":
        return parameters.get("bin_boundaries") is None and parameters.get("num_bins") is not None
    return False


def needs_rows(spec: NetworkSpec) -> bool:
    """Whether a layer of the network must learn from the rows before training."""
    return any(learns_from_rows(layer.type, layer.parameters) for layer in spec.layers)


def with_placeholders(layer: LayerSpec) -> LayerSpec:
    """The layer with placeholders, so that it can be built before it has seen rows: no scaling, bins of equal width."""
    if not learns_from_rows(layer.type, layer.parameters):
        return layer
    if layer.type == "Normalization":
        return with_learned(layer, mean=0.0, variance=1.0)
    bins = layer.parameters["num_bins"]
    return with_learned(layer, num_bins=None, bin_boundaries=[2 * number / bins - 1 for number in range(1, bins)])


def with_learned(layer: LayerSpec, **learned: Any) -> LayerSpec:
    """The layer with the learned values among its parameters."""
    return dataclasses.replace(layer, parameters=layer.parameters | learned)
