"""Makes the layers of a network and calls them."""

from collections.abc import Sequence
from typing import Any

import keras

from models.adaptation import with_stand_in
from models.building.components import make, resolve
from models.graph import Node


def make_layer(node: Node) -> keras.Layer:
    """The layer of a node, under its name; raises InvalidSpec."""
    layer: keras.Layer = make("layer", with_stand_in(node.layer), f"#/layers/{node.index}", name=node.name)
    return layer


def call_layer(layer: keras.Layer, node: Node, arrived: Sequence[Any]) -> Any:
    """What the layer makes of the tensors that arrive at it, handed over as its entry in the catalogue says."""
    tensors = resolve("layer", node.layer.type).tensors
    return layer(list(arrived)) if tensors and tensors.as_list else layer(*arrived)
