"""What a network consists of, and how much memory its outputs take."""

import math
from typing import Any

import keras
import numpy as np

from models.building.inner_size import inner_activations
from models.pretrained import PRETRAINED

MOST_ROWS_AT_ONCE = 1024
MOST_ACTIVATIONS_AT_ONCE = 10_000_000


def summarize_network(network: keras.Model) -> dict[str, Any]:
    """A model's `summary`: the client's layers, without the input; shapes of a row, `bytes` of weights."""
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
    """How many rows a call may take without its layers' outputs filling the memory, however wide the network is."""
    activations = count_activations(network)
    return max(1, min(MOST_ROWS_AT_ONCE, MOST_ACTIVATIONS_AT_ONCE // max(activations, 1)))


def count_activations(layer: keras.Layer) -> int:
    """How many numbers a row makes in the outputs of a layer that was called, and of those within it."""
    inner = sum(map(count_activations, layer.layers)) if isinstance(layer, keras.Model) else inner_activations(layer)
    return math.prod(layer.output.shape[1:]) + inner


def count(weights: list[keras.Variable]) -> int:
    """How many numbers some weights hold."""
    return sum(math.prod(weight.shape) for weight in weights)


def print_summary(network: keras.Model) -> str:
    """The table that Keras prints."""
    lines: list[str] = []
    network.summary(line_length=80, print_fn=lambda line, line_break=True: lines.append(line))
    return "\n".join(lines)
