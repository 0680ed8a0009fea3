"""Checks that the last layer outputs what the loss takes: probabilities or logits."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from models.catalogue import Entry, load_catalogue
from models.errors import Fault
from models.graph import Node, connect, predecessors
from models.pretrained import NETWORK, PRETRAINED, inner_layers
from models.spec import LayerSpec, Task
from models.validation.components import resolve
from models.validation.inputs import input_names
from models.validation.layers import read_layer

PROBABILITIES = {
    Task.BINARY: ("sigmoid", "hard_sigmoid", "sparse_sigmoid"),
    Task.MULTICLASS: ("softmax", "sparsemax", "sigmoid", "hard_sigmoid", "sparse_sigmoid"),
    Task.MULTILABEL: ("sigmoid", "hard_sigmoid", "sparse_sigmoid"),
}
"""The activations that output a task's probabilities, the usual one first; softmax of a single unit is always 1."""

PROBABILITY_LOSSES = ("KLDivergence", "CategoricalGeneralizedCrossEntropy", "Dice", "Tversky")
"""The losses that take only probabilities."""

PASSING_LAYERS = (
    "Flatten", "Reshape", "Permute", "RepeatVector", "Identity", "ActivityRegularization", "Dropout",
    *(f"{kind}{rank}D" for rank in (1, 2, 3) for kind in ("SpatialDropout", "Cropping")),
    *(
        f"{reach}{kind}Pooling{rank}D"
        for rank in (1, 2, 3) for reach in ("", "Global", "Adaptive") for kind in ("Max", "Average")
    ),
    "Average", "Maximum", "Minimum", "Multiply", "Concatenate",
)  # fmt: skip
"""Layers that turn probabilities into probabilities."""


def output_faults(document: Mapping[str, Any]) -> Iterator[Fault]:
    """The faults of a loss for probabilities without them, and of `from_logits` with an activation."""
    task, layers, loss = document.get("task"), document.get("layers"), resolve("loss", document.get("loss"))
    if task not in list(PROBABILITIES) or not isinstance(layers, list | tuple) or not layers:
        return
    nodes = connect(map(read_layer, layers), input_names(document))
    entries = [load_catalogue().find("layer", node.layer.type) for node in nodes]
    if loss is None or task not in loss.tasks or not takes_probability(loss) or None in entries:
        return
    for index in origins(nodes, input_names(document)):
        entry = entries[index]
        if entry is not None and entry.type == PRETRAINED:
            yield from pretrained_output_faults(document, index)
            continue
        name = activation_name(nodes[index].layer.type, layers[index].get("activation"))
        if entry is not None and name is not None:
            yield from activation_faults(document, index, name, "activation" in entry.by_name)


def origins(nodes: Sequence[Node], inputs: Collection[str]) -> list[int]:
    """The layers that determine the output, before any layers that turn probabilities into probabilities."""
    sources, waiting, seen = predecessors(nodes, inputs), [len(nodes) - 1], set()
    found = []
    while waiting:
        index = waiting.pop()
        node = nodes[index]
        entry = load_catalogue().find("layer", node.layer.type)
        passing = entry is not None and entry.type in PASSING_LAYERS and len(sources[index]) == len(node.inputs)
        if index not in seen and passing:
            waiting += sources[index]
        elif index not in seen:
            found.append(index)
        seen.add(index)
    return sorted(found)


def activation_name(type_: str, posted: Any) -> str | None:
    """The catalogue's name of the activation in which a layer ends, from its `posted` value; None if it is unknown."""
    entry = load_catalogue().find("layer", type_)
    if entry is not None and entry.type == "Softmax":
        return "softmax"
    has_activation = entry is not None and "activation" in entry.by_name
    activation = resolve("activation", (posted if has_activation else None) or "linear")
    return None if activation is None else activation.type


def ends_in_probabilities(layers: Sequence[LayerSpec], inputs: Collection[str], task: Task) -> bool:
    """Whether valid layers, including Pretrained ones, output the probabilities of a classification."""
    nodes = connect(layers, inputs)
    return all(gives_probabilities(nodes[index].layer, task) for index in origins(nodes, inputs))


def gives_probabilities(layer: LayerSpec, task: Task) -> bool:
    """Whether a layer itself outputs a task's probabilities."""
    if layer.type == PRETRAINED:
        return ends_in_probabilities(inner_layers(layer), [layer.parameters[NETWORK]["input"]["name"]], task)
    return activation_name(layer.type, layer.parameters.get("activation")) in PROBABILITIES[task]


def activation_faults(document: Mapping[str, Any], index: int, name: str, has_activation: bool) -> Iterator[Fault]:
    """The faults of a layer that ends in the activation `name` and whose output goes to the loss."""
    task, loss = document["task"], resolve("loss", document["loss"])
    pointer = f"#/layers/{index}/activation" if has_activation else f"#/layers/{index}"
    if takes_logits(document["loss"]):
        if name in PROBABILITIES[Task.MULTICLASS]:
            detail = f"With `from_logits` the loss applies its own activation, so {name} would be applied twice:"
            yield Fault(f"{detail} remove it, or remove `from_logits`.", pointer)
    elif loss is not None and name not in PROBABILITIES[task]:
        first, *_ = PROBABILITIES[task]
        advice = "Set the activation of the last layer to" if has_activation else "End with an Activation layer with"
        detail = f'{loss.type} takes probabilities. {advice} "{first}"'
        instead = ', or set "from_logits" on the loss.' if "from_logits" in loss.by_name else "."
        yield Fault(detail + instead, pointer, allowed=PROBABILITIES[task] if has_activation else ())


def pretrained_output_faults(document: Mapping[str, Any], place: int) -> Iterator[Fault]:
    """The faults of the last layer of a Pretrained layer, once it is known."""
    network = document["layers"][place].get(NETWORK)
    if network is None:
        return
    within = {**document, "input": None, "inputs": {network["input"]["name"]: {}}, "layers": network["layers"]}
    for fault in output_faults(within):
        detail = f"Pretrained ends in `{network['layers'][-1]['name']}`. {fault.detail}"
        yield Fault(detail, f"#/layers/{place}")


def takes_probability(loss: Entry) -> bool:
    """Whether a loss takes probabilities, or logits if it has `from_logits`."""
    return "from_logits" in loss.by_name or loss.type in PROBABILITY_LOSSES


def takes_logits(loss: Any) -> bool:
    return isinstance(loss, Mapping) and loss.get("from_logits") is True
