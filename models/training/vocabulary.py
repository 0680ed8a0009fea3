"""Checks that layers which know only so many whole numbers get no others, before TensorFlow stops at the first."""

from collections.abc import Mapping

from models.errors import Fault, InvalidData
from models.graph import resolve
from models.spec import NetworkSpec
from models.training.adaptation import parts
from models.training.plan import Rows

KNOWN = {"Embedding": "input_dim", "ReversibleEmbedding": "input_dim", "CategoryEncoding": "num_tokens"}
"""The parameter that says from which number on a layer knows none."""


def check_vocabulary(spec: NetworkSpec, inputs: Mapping[str, Rows]) -> None:
    """Raise InvalidData where rows of an input have numbers that the layer taking it doesn't know."""
    for node in resolve(spec):
        parameter = KNOWN.get(node.layer.type, "")
        for source in node.inputs if parameter else ():
            rows, known = inputs.get(source), node.layer.parameters[parameter or ""]
            if rows is None or not len(rows):
                continue
            least = min(float(part.min()) for part in parts(rows))
            greatest = max(float(part.max()) for part in parts(rows))
            if least < 0 or greatest >= known:
                wrong = least if least < 0 else greatest
                detail = f"`{source}` has the number {wrong:g}, but the layer {node.name} knows 0 to {known - 1}."
                raise InvalidData(Fault(f"{detail} Set its `{parameter}` higher, or change the dataset."))
