"""Which layers know only so many whole numbers of an input, and whether rows keep to them. Knows no Keras."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from models.graph import resolve
from models.spec import NetworkSpec

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
    """Those of the layers that take an input of the network as it is."""
    for node in resolve(spec):
        parameter = PARAMETERS.get(node.layer.type)
        for source in node.inputs if parameter else ():
            if parameter and source in spec.inputs:
                yield Vocabulary(source, node.name, parameter, node.layer.parameters[parameter])
