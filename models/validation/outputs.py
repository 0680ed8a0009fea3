"""Checks that the loss gets what it takes from the last layer: probabilities, or logits."""

from collections.abc import Iterator, Mapping
from typing import Any

from models.catalogue import Entry
from models.errors import Fault
from models.spec import Task
from models.validation.components import resolve

PROBABILITIES = {
    Task.BINARY: ("sigmoid", "hard_sigmoid", "sparse_sigmoid"),
    Task.MULTICLASS: ("softmax", "sparsemax", "sigmoid", "hard_sigmoid", "sparse_sigmoid"),
    Task.MULTILABEL: ("sigmoid", "hard_sigmoid", "sparse_sigmoid"),
}
"""The activations whose outputs are a task's probabilities, the usual one first; softmax makes 1 of a single unit."""

PASSING_LAYERS = (
    "Flatten", "Reshape", "Dropout", "MaxPooling2D", "AveragePooling2D", "GlobalMaxPooling2D",
    "GlobalAveragePooling2D",
)  # fmt: skip
"""Layers that make probabilities of probabilities."""


def output_faults(document: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong when a loss of probabilities gets others, or when `from_logits` gets probabilities already."""
    task, layers, loss = document.get("task"), document.get("layers"), resolve("loss", document.get("loss"))
    if task not in list(PROBABILITIES) or not isinstance(layers, list | tuple) or not layers:
        return
    entries = [resolve("layer", layer) if isinstance(layer, Mapping) else None for layer in layers]
    if loss is None or task not in loss.tasks or not takes_probability(loss) or None in entries:
        return
    chain = [(index, entry) for index, entry in enumerate(entries) if entry and entry.type not in PASSING_LAYERS]
    index, last = chain[-1] if chain else (len(layers) - 1, None)
    has_activation = last is not None and "activation" in last.by_name
    posted = layers[index].get("activation") if has_activation else None
    activation = resolve("activation", posted or "linear")
    if activation is None:
        return
    name = "softmax" if last is not None and last.type == "Softmax" else activation.type
    pointer = f"#/layers/{index}/activation" if has_activation else f"#/layers/{index}"
    if takes_logits(document["loss"]):
        if name in PROBABILITIES[Task.MULTICLASS]:
            detail = f"With `from_logits` the loss applies its own activation, so {name} would be applied twice:"
            yield Fault(f"{detail} leave it out, or leave out `from_logits`.", pointer)
    elif name not in PROBABILITIES[task]:
        first, *_ = PROBABILITIES[task]
        advice = "Give the last layer" if has_activation else "End with a layer Activation that has"
        detail = f'{loss.type} takes probabilities. {advice} the activation "{first}"'
        instead = ', or set "from_logits" on the loss.' if "from_logits" in loss.by_name else "."
        yield Fault(detail + instead, pointer, allowed=PROBABILITIES[task] if has_activation else ())


def takes_probability(loss: Entry) -> bool:
    """Whether a loss takes probabilities, or logits if it is told so."""
    return "from_logits" in loss.by_name or loss.type == "KLDivergence"


def takes_logits(loss: Any) -> bool:
    return isinstance(loss, Mapping) and loss.get("from_logits") is True
