"""Checks the scaling of a regression's targets, and chooses its default."""

from collections.abc import Iterator, Mapping
from typing import Any

from models.catalogue import load_catalogue
from models.errors import Fault
from models.graph import connect
from models.pretrained import NETWORK, PRETRAINED
from models.spec import TargetScaling, Task
from models.validation.components import resolve
from models.validation.inputs import input_names
from models.validation.layers import read_layer
from models.validation.outputs import origins

SCALED_KINDS = ("table", "sequence")
"""The kinds of datasets whose regression targets are scaled by default."""
DISTANCES = ("MeanSquaredError", "MeanAbsoluteError", "Huber", "LogCosh")
"""The losses of the difference between target and output. Others take the targets as they are: they need positive
numbers, divide by the target, or compare directions."""
UNBOUNDED = ("linear", "leaky_relu", "hard_shrink", "soft_shrink", "tanh_shrink")
"""The activations that output any number. A scaled target has values on both sides of 0."""
BOUNDED_LAYERS = {"ReLU": "relu", "ELU": "elu", "Softmax": "softmax"}
"""Layers that are activations with a bounded output."""
WRAPPERS = {"TimeDistributed": "layer", "Bidirectional": "layer"}
"""Layers that output what a nested layer outputs, and the parameter with that layer."""
RESCALING = "Rescaling"


def target_faults(document: Mapping[str, Any]) -> Iterator[Fault]:
    """The faults of the posted `target`."""
    scaling = (document.get("target") or {}).get("scaling")
    if scaling is None:
        return
    if document.get("task") != Task.REGRESSION:
        detail = f"Only a regression's targets can be scaled, but the task is {document.get('task')}: omit `target`."
        yield Fault(detail, "#/target/scaling")
    elif scaling != TargetScaling.NONE and (problem := find_unscalable(document)):
        allowed = (TargetScaling.NONE.value,)
        yield Fault(f"{problem}, so the target can't be scaled: use `none`.", "#/target/scaling", allowed=allowed)


def complete_target(document: Mapping[str, Any], kind: str | None) -> dict[str, Any] | None:
    """The `target` of a valid document with its default; None if the task isn't a regression.

    `kind` is that of the dataset that determines the inputs, if there is one.
    """
    if document["task"] != Task.REGRESSION:
        return None
    scaling = (document.get("target") or {}).get("scaling")
    if scaling is None:
        scales = kind in SCALED_KINDS and find_unscalable(document) is None
        scaling = TargetScaling.STANDARD.value if scales else TargetScaling.NONE.value
    return {"scaling": scaling}


def find_unscalable(document: Mapping[str, Any]) -> str | None:
    """Why a regression's network can't learn scaled targets, as the beginning of a sentence; None if it can.

    Layers and losses with faults are ignored: they are reported elsewhere.
    """
    loss, layers = resolve("loss", document.get("loss")), document.get("layers")
    if loss is not None and loss.type not in DISTANCES:
        return f"The loss {loss.type} takes the targets as they are"
    if not isinstance(layers, list | tuple) or not layers or not all(isinstance(layer, Mapping) for layer in layers):
        return None
    nodes = connect(map(read_layer, layers), input_names(document))
    for index in origins(nodes, input_names(document)):
        layer = layers[index]
        if layer.get("type") == PRETRAINED:
            network = layer.get(NETWORK)
            inner = network and {**document, "input": None, "inputs": {network["input"]["name"]: {}}}
            problem = find_unscalable({**inner, "layers": network["layers"]}) if inner else None
        else:
            problem = _find_bound(layer)
        if problem:
            return problem
    return None


def _find_bound(layer: Mapping[str, Any]) -> str | None:
    """Why a layer can't output every number, as the beginning of a sentence; None if it can."""
    entry = load_catalogue().find("layer", str(layer.get("type")))
    if entry is None:
        return None
    if entry.type == RESCALING:
        return "The network ends in Rescaling, which scales its output already"
    if entry.type in WRAPPERS and isinstance(layer.get(WRAPPERS[entry.type]), Mapping):
        return _find_bound(layer[WRAPPERS[entry.type]])
    name = BOUNDED_LAYERS.get(entry.type)
    if name is None and (parameter := entry.by_name.get("activation")) is not None:
        activation = resolve("activation", layer.get("activation", parameter.default) or "linear")
        name = None if activation is None else activation.type
    if name is None or name in UNBOUNDED:
        return None
    return f"The last layer's activation {name} doesn't output every number"
