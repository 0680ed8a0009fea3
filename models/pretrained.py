"""Layers from trained networks: how a spec refers to them, and the layers themselves in the new spec."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from models.errors import Fault, InvalidSpec
from models.graph import Node, resolve
from models.spec import LayerSpec, NetworkSpec, Scaling
from models.suggestions import nearest

PRETRAINED = "Pretrained"
NETWORK = "network"
"""The field of a Pretrained layer that holds the layers it stands for; clients neither post nor see it."""


def pretrained_layers(layers: Sequence[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    """The Pretrained layers among posted layers, by index."""
    return {place: layer for place, layer in enumerate(layers) if layer["type"] == PRETRAINED}


def as_posted(layer: Mapping[str, Any]) -> dict[str, Any]:
    """A layer in the form in which clients post it."""
    return {name: value for name, value in layer.items() if name != NETWORK}


def reference_faults(layers: Any) -> Iterator[Fault]:
    """The faults of the Pretrained layers in any posted value, except for the types of their parameters."""
    for place, layer in enumerate(layers if isinstance(layers, list | tuple) else ()):
        pointer = f"#/layers/{place}"
        yield from _wrapped_faults(layer, pointer)
        if isinstance(layer, Mapping) and layer.get("type") == PRETRAINED:
            given = [name for name in ("version", "label") if layer.get(name) is not None]
            if len(given) != 1:
                yield Fault("Pretrained requires either a `version` or a `label`.", f"{pointer}/version")


def _wrapped_faults(layer: Any, pointer: str) -> Iterator[Fault]:
    members = layer.items() if isinstance(layer, Mapping) else enumerate(layer) if isinstance(layer, list) else ()
    for name, value in members:
        if isinstance(value, Mapping) and value.get("type") == PRETRAINED:
            yield Fault("A Pretrained layer can't be nested in another layer.", f"{pointer}/{name}")
        elif name in ("layer", "cell", "cells"):
            yield from _wrapped_faults(value, f"{pointer}/{name}")


def take_layers(
    spec: NetworkSpec, until: str | None, pointer: str, preprocessing: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The layers of a trained network from its input up to and including `until`, as the field NETWORK.

    It has the `input`, with name, shape and its entry in `preprocessing` (by input, as in preprocessing.json), and the
    `layers`, each with its name and inputs. Raises InvalidSpec at `pointer`, which refers to the Pretrained layer.
    """
    if len(spec.inputs) > 1:
        detail = f"The version has {len(spec.inputs)} inputs; Pretrained requires a version with a single input."
        raise InvalidSpec(Fault(detail, f"{pointer}/model"))
    nodes = {node.name: node for node in resolve(spec)}
    if until is not None and until not in nodes:
        detail, names = f"The version has no layer `{until[:64]}`.", tuple(nodes)
        raise InvalidSpec(Fault(detail, f"{pointer}/until", allowed=names, did_you_mean=nearest(until, nodes)))
    wanted = _ancestors(nodes, until or next(reversed(nodes)))
    ((input_name, input_),) = spec.inputs.items()
    layers = [
        node.layer.to_document() | {"name": node.name, "inputs": list(node.inputs)}
        for name, node in nodes.items()
        if name in wanted
    ]
    taken = {} if preprocessing is None else {"preprocessing": preprocessing[input_name]}
    return {"input": {"name": input_name, "shape": list(input_.shape), **taken}, "layers": layers}


def taken_inputs(nodes: Iterable[Node], spec: NetworkSpec) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """The index of each Pretrained layer that takes an input of the network, the input's name, and the preprocessing
    behind which the layer has learned, as a document.

    It belongs to the layers' weights if it is a table's or a text's, or if both scale numbers by what they learned from
    rows. Models of older releases don't have it.
    """
    for node in nodes:
        if node.layer.type == PRETRAINED and node.inputs[0] in spec.inputs:
            document = node.layer.parameters[NETWORK]["input"].get("preprocessing")
            if document is None:
                continue
            scalings = {Scaling(document["scaling"]), spec.inputs[node.inputs[0]].scaling}
            if document["type"] in ("table", "text") or scalings == {Scaling.STANDARD}:
                yield node.index, node.inputs[0], document


def _ancestors(nodes: Mapping[str, Node], name: str) -> set[str]:
    """A layer and all layers before it."""
    found, waiting = set(), [name]
    while waiting:
        name = waiting.pop()
        if name in nodes and name not in found:
            found.add(name)
            waiting += nodes[name].inputs
    return found


def inner_layers(layer: LayerSpec) -> tuple[LayerSpec, ...]:
    """The layers that a Pretrained layer stands for, in topological order; the last is its output."""
    return tuple(map(LayerSpec.from_document, layer.parameters[NETWORK]["layers"]))
