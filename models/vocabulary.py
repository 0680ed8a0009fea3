"""Which layers know only so many whole numbers of an input, and whether rows keep to them. Knows no Keras."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from models.graph import connect, resolve
from models.pretrained import NETWORK, PRETRAINED, inner_layers
from models.spec import LayerSpec, NetworkSpec

PARAMETERS = {"Embedding": "input_dim", "ReversibleEmbedding": "input_dim", "CategoryEncoding": "num_tokens"}
"""The parameter that says from which number on a layer knows none."""


@dataclass(frozen=True)
class Vocabulary:
    """The whole numbers from 0 that a layer knows of the input that it takes."""

    input: str
    layer: str
    parameter: str
    """The one that sets the `size`."""
    size: int

    def unknown(self, values: np.ndarray) -> np.ndarray:
        """Which numbers (any shape) the layer doesn't know."""
        return (values < 0) | (values >= self.size) | (values != np.floor(values))

    def __str__(self) -> str:
        return f'the layer "{self.layer}" knows the whole numbers from 0 to {self.size - 1:,}'


def vocabularies(spec: NetworkSpec) -> Iterator[Vocabulary]:
    """Those of the layers that take an input of the network as it is, and of layers within them that do."""
    for node in resolve(spec):
        for source in node.inputs:
            if source in spec.inputs:
                for parameter, size in _known_numbers(node.layer):
                    yield Vocabulary(source, node.name, parameter, size)


def _known_numbers(layer: LayerSpec) -> Iterator[tuple[str, int]]:
    """How many numbers a layer knows, with the parameter that says it; likewise those within that take what it does."""
    if layer.type in PARAMETERS:
        yield PARAMETERS[layer.type], layer.parameters[PARAMETERS[layer.type]]
    elif layer.type == PRETRAINED:
        input_ = layer.parameters[NETWORK]["input"]["name"]
        for node in connect(inner_layers(layer), [input_]):
            yield from _known_numbers(node.layer) if input_ in node.inputs else ()
    elif "layer" in layer.parameters:
        yield from _known_numbers(LayerSpec.from_document(layer.parameters["layer"]))
