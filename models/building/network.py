"""Builds a network after sizing it, and tries each layer on one row."""

import inspect
import json
import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.building.compiling import compile_network
from models.building.complaints import Shape, row_shape, shape_fault
from models.building.layers import call_layer, make_layer
from models.building.sizing import check_size
from models.catalogue import load_catalogue
from models.errors import Fault, InvalidSpec
from models.graph import Node, resolve
from models.limits import Limits
from models.spec import NetworkSpec
from models.target_scale import TargetScale

# TensorFlow warns about functions that are traced repeatedly, as in trying layers, and about tables in exports.
logging.getLogger("tensorflow").setLevel(logging.ERROR)


TRIED_ONCE = ("activations", "convolutional", "merging", "normalization", "pooling", "regularization")
"""The categories of layers of which one try is enough for all with the same parameters and inputs of the same shapes.
Others may refuse certain values."""


def build_network(
    spec: NetworkSpec, limits: Limits, seed: int | None = None, scale: TargetScale | None = None
) -> keras.Model:
    """Build the network of a validated spec, compiled and with fresh weights.

    The same `seed` gives the same weights in every process. `scale` is that of the targets that it learns.
    Raises InvalidSpec if layers don't fit or exceed `limits`.
    """
    check_size(spec, limits)
    if seed is not None:
        keras.utils.set_random_seed(seed)
    inputs = {name: keras.Input(input_.shape, name=name) for name, input_ in spec.inputs.items()}
    rows: dict[str, Any] = {name: np.zeros((1, *input_.shape), np.float32) for name, input_ in spec.inputs.items()}
    tensors: dict[str, Any] = {**inputs}
    tried: dict[str, Any] = {}
    for node in resolve(spec):
        layer = make_layer(node)
        arrived = [rows[name] for name in node.inputs]
        try:
            tensors[node.name] = output = call_layer(layer, node, [tensors[name] for name in node.inputs])
            key = trial_key(node, arrived)
            rows[node.name] = tried[key] if key in tried else try_layer(layer, node, arrived)
        except Exception as error:
            raise InvalidSpec(shape_fault(node, [row.shape for row in arrived], error)) from error
        if key:
            tried[key] = rows[node.name]
        check_output_shape(node, output.shape, rows[node.name].shape)
    first, *others = inputs.values()
    network = keras.Model([first, *others] if others else first, output, name="network")
    compile_network(network, spec, scale)
    return network


def trial_key(node: Node, arrived: Sequence[Any]) -> str:
    """What a try of a layer depends on; empty if each layer of its type must be tried."""
    entry = load_catalogue().find("layer", node.layer.type)
    if entry is None or entry.category not in TRIED_ONCE:
        return ""
    return json.dumps([entry.type, node.layer.parameters, [tuple(row.shape) for row in arrived]], sort_keys=True)


def try_layer(layer: keras.Layer, node: Node, arrived: Sequence[Any]) -> Any:
    """Call the layer on one row, including its regularizers and constraints, as in training; return its output.

    It runs as a graph, which is many times faster for long sequences. Training mode is only traced, because running it
    would change the layer's state.
    """

    def call(*rows: tf.Tensor, **training: bool) -> tf.Tensor:
        outputs = call_layer(layer, node, rows, **training)
        _ = layer.losses
        layer._clear_losses()
        return outputs

    if "training" in inspect.signature(layer.call).parameters:
        signature = [tf.TensorSpec(row.shape, tf.float32) for row in arrived]
        tf.function(partial(call, training=True), input_signature=signature, autograph=False).get_concrete_function()
    outputs = tf.function(call, autograph=False)(*map(tf.convert_to_tensor, arrived))
    for weight in layer.trainable_weights:
        if weight.constraint is not None:
            weight.constraint(weight)
    return outputs


def check_output_shape(node: Node, declared: Shape, actual: Shape) -> None:
    """Refuse a layer whose output has another shape than it declares to the layers after it."""
    if tuple(declared[1:]) != tuple(actual[1:]):
        detail = f"{node.layer.type} doesn't work here: it outputs the shape {row_shape(actual)}, but Keras expects"
        raise InvalidSpec(Fault(f"{detail} {row_shape(declared)}.", f"#/layers/{node.index}"))
