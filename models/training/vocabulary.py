"""Checks that layers which know only so many whole numbers get no others, before TensorFlow stops at the first."""

from collections.abc import Mapping

import numpy as np

from models.errors import Fault, InvalidData
from models.graph import resolve
from models.spec import NetworkSpec

KNOWN = {"Embedding": "input_dim", "ReversibleEmbedding": "input_dim", "CategoryEncoding": "num_tokens"}
"""The parameter that says from which number on a layer knows none."""


def check_vocabulary(spec: NetworkSpec, inputs: Mapping[str, np.ndarray]) -> None:
    """Raise InvalidData where rows of an input have numbers that the layer taking it doesn't know."""
    for node in resolve(spec):
        parameter = KNOWN.get(node.layer.type, "")
        for source in node.inputs if parameter else ():
            rows, known = inputs.get(source), node.layer.parameters[parameter or ""]
            if rows is None or not rows.size:
                continue
            least, greatest = float(rows.min()), float(rows.max())
            if least < 0 or greatest >= known:
                wrong = least if least < 0 else greatest
                detail = f"`{source}` has the number {wrong:g}, but the layer {node.name} knows 0 to {known - 1}."
                raise InvalidData(Fault(f"{detail} Set its `{parameter}` higher, or change the dataset."))
