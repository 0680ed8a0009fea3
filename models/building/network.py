"""Builds a network that was sized first, and tries each layer on one row."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from models.building.compiling import compile_network
from models.building.complaints import misfit
from models.building.layers import call_layer, make_layer
from models.building.sizing import check_size
from models.errors import InvalidSpec
from models.graph import Node, resolve
from models.limits import Limits
from models.spec import NetworkSpec


def build_network(spec: NetworkSpec, limits: Limits, seed: int | None = None) -> keras.Model:
    """The network of a spec that validation.py has accepted, compiled and with fresh weights.

    The same `seed` gives the same weights in every process. Raises InvalidSpec where layers don't fit or pass `limits`.
    """
    check_size(spec, limits)
    if seed is not None:
        keras.utils.set_random_seed(seed)
    inputs = {name: keras.Input(input_.shape, name=name) for name, input_ in spec.inputs.items()}
    rows: dict[str, Any] = {name: np.zeros((1, *input_.shape), np.float32) for name, input_ in spec.inputs.items()}
    tensors: dict[str, Any] = {**inputs}
    for node in resolve(spec):
        layer = make_layer(node)
        arrived = [rows[name] for name in node.inputs]
        try:
            rows[node.name] = try_layer(layer, node, arrived)
        except Exception as error:
            raise InvalidSpec(misfit(node, [row.shape for row in arrived], error)) from error
        tensors[node.name] = output = call_layer(layer, node, [tensors[name] for name in node.inputs])
    first, *others = inputs.values()
    network = keras.Model([first, *others] if others else first, output, name="network")
    compile_network(network, spec)
    return network


def try_layer(layer: keras.Layer, node: Node, arrived: Sequence[Any]) -> Any:
    """What the layer makes of one row; its regularizers and constraints are run too, as training would."""
    outputs = call_layer(layer, node, arrived)
    _ = layer.losses
    for weight in layer.trainable_weights:
        if weight.constraint is not None:
            weight.constraint(weight)
    return outputs
