"""Builds a network that was sized first, and tries each layer on one row."""

from typing import Any

import keras
import numpy as np

from models.building.compiling import compile_network
from models.building.complaints import misfit
from models.building.layers import make_layers
from models.building.sizing import check_size
from models.errors import InvalidSpec
from models.limits import Limits
from models.spec import NetworkSpec


def build_network(spec: NetworkSpec, limits: Limits, seed: int | None = None) -> keras.Model:
    """The network of a spec that validation.py has accepted, compiled and with fresh weights.

    The same `seed` gives the same weights in every process. Raises InvalidSpec where layers don't fit or pass `limits`.
    """
    check_size(spec, limits)
    if seed is not None:
        keras.utils.set_random_seed(seed)
    ((input_name, input_),) = spec.inputs.items()
    inputs = outputs = keras.Input(input_.shape, name=input_name)
    row = np.zeros((1, *input_.shape), np.float32)
    for index, layer in enumerate(make_layers(spec)):
        try:
            row = try_layer(layer, row)
        except Exception as error:
            raise InvalidSpec(misfit(index, spec.layers[index], row.shape, error)) from error
        outputs = layer(outputs)
    network = keras.Model(inputs, outputs, name="network")
    compile_network(network, spec)
    return network


def try_layer(layer: keras.Layer, row: Any) -> Any:
    """What the layer makes of one row; its regularizers and constraints are run too, as training would."""
    outputs = layer(row)
    _ = layer.losses
    for weight in layer.trainable_weights:
        if weight.constraint is not None:
            weight.constraint(weight)
    return outputs
