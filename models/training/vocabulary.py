"""Checks that layers which know only so many whole numbers get no others, before TensorFlow stops at the first."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from models.datasets import Split
from models.errors import Fault, InvalidData
from models.graph import connect, resolve
from models.preprocessing import Preprocessing
from models.preprocessing.rows import input_rows
from models.pretrained import NETWORK, PRETRAINED, inner_layers
from models.spec import LayerSpec, NetworkSpec
from models.training.adaptation import parts
from models.training.plan import Rows

KNOWN = {"Embedding": "input_dim", "ReversibleEmbedding": "input_dim", "CategoryEncoding": "num_tokens"}
"""The parameter that says from which number on a layer knows none."""


def check_split(spec: NetworkSpec, preprocessing: Preprocessing, split: Split, folder: Path) -> None:
    """As check_vocabulary, for the rows of a split; a table is encoded in the `folder`, if there is a need."""
    if any(any(known_numbers(node.layer)) for node in resolve(spec)):
        check_vocabulary(spec, input_rows(preprocessing, split, folder))


def check_vocabulary(spec: NetworkSpec, inputs: Mapping[str, Rows]) -> None:
    """Raise InvalidData where rows of an input have numbers that the layer taking it doesn't know."""
    for node in resolve(spec):
        for parameter, known in known_numbers(node.layer):
            for source in node.inputs:
                rows = inputs.get(source)
                if rows is None or not len(rows):
                    continue
                least = min(float(part.min()) for part in parts(rows))
                greatest = max(float(part.max()) for part in parts(rows))
                if least < 0 or greatest >= known:
                    wrong = least if least < 0 else greatest
                    detail = f"`{source}` has the number {wrong:g}, but the layer {node.name} knows 0 to {known - 1}."
                    raise InvalidData(Fault(f"{detail} Set its `{parameter}` higher, or change the dataset."))


def known_numbers(layer: LayerSpec) -> Iterator[tuple[str, int]]:
    """How many numbers a layer knows, with the parameter that says it; likewise those within that take what it does."""
    if layer.type in KNOWN:
        yield KNOWN[layer.type], layer.parameters[KNOWN[layer.type]]
    elif layer.type == PRETRAINED:
        input_ = layer.parameters[NETWORK]["input"]["name"]
        for node in connect(inner_layers(layer), [input_]):
            yield from known_numbers(node.layer) if input_ in node.inputs else ()
    elif "layer" in layer.parameters:
        yield from known_numbers(LayerSpec.from_document(layer.parameters["layer"]))
