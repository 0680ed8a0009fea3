"""Sizes a layer's internals: its copies for the steps of a sequence, and the scores between steps."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import keras

from models.building.complaints import Shape
from models.catalogue.parameters import SEQUENCE_LAYERS
from models.pretrained import NETWORK


def count_layers(layer: Mapping[str, Any], shape: Shape) -> int:
    """The number of layers and cells, including nested ones, into which a posted layer is unrolled for this input
    shape; each of them enlarges the graph, which costs time and memory."""
    copies, within = 1, shape
    if layer["type"] == "TimeDistributed":
        copies, within = count_steps_of(shape), (shape[0], *shape[2:])
    elif layer.get("unroll"):
        copies = count_steps_of(shape)
    elif layer["type"] == "Bidirectional" and not layer.get("backward_layer"):
        copies = 2
    inner = sum(count_layers(one, within) for one in layers_within(layer))
    return 1 + copies * inner if inner else copies


def count_recurrent_steps(layer: Mapping[str, Any], shape: Shape) -> int:
    """The number of sequential time steps of a posted layer for one row."""
    if layer["type"] in SEQUENCE_LAYERS:
        return count_steps_of(shape)
    if layer["type"] == "TimeDistributed":
        return count_steps_of(shape) * count_recurrent_steps(layer["layer"], (shape[0], *shape[2:]))
    return sum(count_recurrent_steps(one, shape) for one in layers_within(layer))


def count_steps_of(shape: Shape) -> int:
    """The length of the sequences."""
    return shape[1] or 1 if len(shape) > 2 else 1


def layers_within(layer: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The layers and cells nested in a posted layer."""
    for name in ("layer", "backward_layer", "cell"):
        if layer.get(name):
            yield layer[name]
    for name in ("layers", "cells"):
        yield from layer.get(name) or ()
    yield from (layer.get(NETWORK) or {}).get("layers", ())


def inner_activations(layer: keras.Layer) -> int:
    """The numbers that one row produces inside a called layer: an attention's scores for each pair of query and value
    steps, or the comparisons with which the export looks up a number's bin or index."""
    shapes = [tensor.shape for tensor in keras.tree.flatten(layer.input)]
    if isinstance(layer, keras.layers.Discretization):
        return math.prod(shapes[0][1:]) * len(layer.bin_boundaries or ())
    if isinstance(layer, keras.layers.IntegerLookup):
        return math.prod(shapes[0][1:]) * int(layer.vocabulary_size())
    heads = count_heads(layer)
    if not heads:
        return 0
    query, value = (math.prod(shape[1:-1]) for shape in shapes[:2])
    additive = isinstance(layer, keras.layers.AdditiveAttention) or getattr(layer, "score_mode", "dot") == "concat"
    return heads * query * value * (shapes[0][-1] if additive else 1)


def count_heads(layer: keras.Layer) -> int:
    """The number of scores that an attention computes per pair of steps; 0 for other layers."""
    if isinstance(layer, keras.layers.MultiHeadAttention):
        return int(layer.num_heads)
    if isinstance(layer, keras.layers.GroupQueryAttention):
        return int(layer.num_query_heads)
    return int(isinstance(layer, keras.layers.Attention))
