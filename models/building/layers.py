"""Creates the layers of a network and calls them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import keras

from models.adaptation import with_placeholders
from models.building.components import make, resolve
from models.graph import Node, connect
from models.pretrained import NETWORK, PRETRAINED, inner_layers


def make_layer(node: Node) -> keras.Layer:
    """Create the layer of a node, with its name; raises InvalidSpec. A Pretrained layer becomes a nested network."""
    if node.layer.type == PRETRAINED:
        return make_pretrained(node)
    layer: keras.Layer = make("layer", with_placeholders(node.layer), f"#/layers/{node.index}", name=node.name)
    return layer


def make_pretrained(node: Node) -> keras.Model:
    """Create the layers of a Pretrained layer with fresh weights, whose names begin with the layer's name.

    `trainable` applies to all of them, as in Keras: frozen layers also normalize as in inference mode.
    """
    input_ = node.layer.parameters[NETWORK]["input"]
    with keras.name_scope(node.name):
        inputs = output = keras.Input(input_["shape"], name=input_["name"])
        tensors = {input_["name"]: inputs}
        for inner in connect(inner_layers(node.layer), [input_["name"]]):
            layer = make_layer(replace(inner, index=node.index))
            tensors[inner.name] = output = call_layer(layer, inner, [tensors[name] for name in inner.inputs])
        block = keras.Model(inputs, output, name=node.name)
    for each in block._flatten_layers():  # the block doesn't always pass the setting on to nested networks
        each.trainable = node.layer.parameters.get("trainable", True)
    return block


def call_layer(layer: keras.Layer, node: Node, arrived: Sequence[Any], **training: bool) -> Any:
    """Call the layer with its input tensors, passed as its entry in the catalogue specifies."""
    tensors = resolve("layer", node.layer.type).tensors
    taken = (list(arrived),) if tensors and tensors.as_list else arrived
    output = layer(*taken, **training)
    freeze(layer)
    return output


def freeze(layer: keras.Layer) -> None:
    """Freeze all weights of a built layer and its nested layers where `trainable` is false.

    Keras passes `trainable` to nested layers only when it changes, and only to those that already exist.
    """
    for each in layer._flatten_layers():
        for inner in () if each.trainable else each._flatten_layers(include_self=False):
            inner.trainable = False
        if isinstance(each, keras.layers.SpectralNormalization):
            each.call = partial(normalize_if_trainable, each)


def normalize_if_trainable(layer: keras.layers.SpectralNormalization, inputs: Any, training: bool = False) -> Any:
    """The output of SpectralNormalization. Keras's own call normalizes the weights in training even if frozen."""
    thawed = layer.trainable and layer.layer.trainable
    return keras.layers.SpectralNormalization.call(layer, inputs, training=training and thawed)
