"""Layers that accept only a limited range of integers, and checks that rows are within it. It needs no Keras."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from models.graph import connect, resolve
from models.pretrained import NETWORK, PRETRAINED, inner_layers
from models.spec import LayerSpec, NetworkSpec

PARAMETERS = {"Embedding": "input_dim", "ReversibleEmbedding": "input_dim", "CategoryEncoding": "num_tokens"}
"""The parameter that sets the size of a layer's vocabulary."""


@dataclass(frozen=True)
class Vocabulary:
    """The integers, from `lowest` to below `size`, that a layer accepts from its input, or the input itself."""

    input: str
    layer: str
    """Empty if it is the input's type that accepts no others, as in networks of ONNX files."""
    parameter: str
    """The parameter that sets the `size`, if there is one."""
    size: int
    lowest: int = 0

    def unknown(self, values: np.ndarray) -> np.ndarray:
        """The numbers, from values of any shape, that the layer doesn't know."""
        return (values < self.lowest) | (values >= self.size) | (values != np.floor(values))

    def __str__(self) -> str:
        what = f'layer "{self.layer}"' if self.layer else "input"
        return f"the {what} accepts integers from {self.lowest:,} to {self.size - 1:,}"


def vocabularies(spec: NetworkSpec) -> Iterator[Vocabulary]:
    """The vocabularies of the layers, including nested ones, that take an input of the network directly."""
    for node in resolve(spec):
        for source in node.inputs:
            if source in spec.inputs:
                for parameter, size in _known_numbers(node.layer):
                    yield Vocabulary(source, node.name, parameter, size)


def _known_numbers(layer: LayerSpec) -> Iterator[tuple[str, int]]:
    """The vocabulary size of a layer with the parameter that sets it, and those of nested layers on the same input."""
    if layer.type in PARAMETERS:
        yield PARAMETERS[layer.type], layer.parameters[PARAMETERS[layer.type]]
    elif layer.type == PRETRAINED:
        input_ = layer.parameters[NETWORK]["input"]["name"]
        for node in connect(inner_layers(layer), [input_]):
            yield from _known_numbers(node.layer) if input_ in node.inputs else ()
    elif "layer" in layer.parameters:
        yield from _known_numbers(LayerSpec.from_document(layer.parameters["layer"]))
