"""Summarizes the layers of a network and the memory that their outputs take."""

import math
from typing import Any

import keras
import numpy as np

from models.building.inner_size import inner_activations
from models.pretrained import PRETRAINED

MOST_ROWS_AT_ONCE = 1024
MOST_ACTIVATIONS_AT_ONCE = 10_000_000


def summarize_network(network: keras.Model) -> dict[str, Any]:
    """A model's `summary`: the posted layers, without the input; shapes per row; `bytes` of the weights."""
    layers = [layer for layer in network.layers if not isinstance(layer, keras.layers.InputLayer)]
    return {
        "layers": [summarize_layer(layer) for layer in layers],
        "parameters": network.count_params(),
        "trainable_parameters": count(network.trainable_weights),
        "non_trainable_parameters": count(network.non_trainable_weights),
        "bytes": sum(math.prod(weight.shape) * np.dtype(weight.dtype).itemsize for weight in network.weights),
    }


def summarize_layer(layer: keras.Layer) -> dict[str, Any]:
    parents = layer._inbound_nodes[-1].input_tensors
    return {
        "name": layer.name,
        "type": PRETRAINED if isinstance(layer, keras.Model) else type(layer).__name__,
        "output_shape": list(layer.output.shape[1:]),
        "parameters": layer.count_params(),
        "weight_shapes": [list(weight.shape) for weight in layer.weights],
        "trainable": layer.trainable,
        "inputs": [parent._keras_history.operation.name for parent in parents],
    }


def rows_at_once(network: keras.Model) -> int:
    """The number of rows per call for which the outputs of all layers fit in memory, even in a wide network."""
    activations = count_activations(network)
    return max(1, min(MOST_ROWS_AT_ONCE, MOST_ACTIVATIONS_AT_ONCE // max(activations, 1)))


def count_activations(layer: keras.Layer) -> int:
    """The size of the outputs of a called layer and its nested layers, for one row."""
    inner = sum(map(count_activations, layer.layers)) if isinstance(layer, keras.Model) else inner_activations(layer)
    return math.prod(layer.output.shape[1:]) + inner


def count(weights: list[keras.Variable]) -> int:
    """The number of values in the weights."""
    return sum(math.prod(weight.shape) for weight in weights)


def print_summary(network: keras.Model) -> str:
    """The table that Keras prints."""
    lines: list[str] = []
    network.summary(line_length=80, print_fn=lambda line, line_break=True: lines.append(line))
    return "\n".join(lines)
