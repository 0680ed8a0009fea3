"""Layers that learn omitted parameters from the training rows, and their placeholders until then.

The learned values become parameters of the trained network's spec: they are saved, exported and loaded like posted
ones.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from models.spec import LayerSpec, NetworkSpec

LEARNED = {"Normalization": ("mean", "variance"), "Discretization": ("num_bins", "bin_boundaries")}
"""The parameters that layers learn from rows, by type."""


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


def find_unlearned(spec: NetworkSpec, version: NetworkSpec) -> LayerSpec | None:
    """The first layer that learns from rows and has no counterpart in the spec of a version: the layers of these types
    correspond in order. None if all have one."""
    ours, theirs = _learning(spec), _learning(version)
    types = [version.layers[place].type for place in theirs]
    fits = [spec.layers[place].type for place in ours] == types
    unlearned = [layer for layer in spec.layers if learns_from_rows(layer.type, layer.parameters)]
    return None if fits or not unlearned else unlearned[0]


def keep_learned(spec: NetworkSpec, version: NetworkSpec) -> NetworkSpec:
    """The spec with what the corresponding layers of a version have learned; find_unlearned finds none."""
    layers = list(spec.layers)
    for place, other in zip(_learning(spec), _learning(version), strict=False):
        if learns_from_rows(layers[place].type, layers[place].parameters):
            learned = version.layers[other].parameters
            layers[place] = with_learned(
                layers[place], **{name: learned.get(name) for name in LEARNED[layers[place].type]}
            )
    return dataclasses.replace(spec, layers=tuple(layers))


def _learning(spec: NetworkSpec) -> list[int]:
    """The indices of the layers of types that can learn from rows."""
    return [place for place, layer in enumerate(spec.layers) if layer.type in LEARNED]


def with_learned(layer: LayerSpec, **learned: Any) -> LayerSpec:
    """The layer with the learned values among its parameters."""
    return dataclasses.replace(layer, parameters=layer.parameters | learned)
