"""Checks the layers of a posted network, individually and as a graph."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from models.adaptation import learns_from_rows
from models.catalogue import load_catalogue
from models.errors import Fault
from models.graph import Node, connect
from models.limits import Limits
from models.spec import LayerSpec
from models.suggestions import nearest
from models.validation.components import component_faults
from models.validation.graph import graph_faults, known_names

LEARNED = {"Normalization": "`mean` and `variance`", "Discretization": "`bin_boundaries`"}
MOST_TENSORS = 100
"""The maximum of tensors that a layer takes."""
LONGEST_NAME = 65
"""The characters of a name that are read: one more than its maximum length, so that sentences stay short."""


def layers_faults(layers: Any, input_names: Collection[str], limits: Limits) -> Iterator[Fault]:
    if not isinstance(layers, list | tuple) or not layers:
        yield Fault("A network requires at least one layer.", "#/layers")
        return
    if len(layers) > limits.layers:
        yield Fault(f"The network has {len(layers):,} layers, more than the limit of {limits.layers:,}.", "#/layers")
        return
    nodes = connect(map(read_layer, layers), input_names)
    known = known_names(nodes, input_names)
    for node, layer in zip(nodes, layers, strict=True):
        pointer = f"#/layers/{node.index}"
        yield from component_faults("layer", layer, pointer, besides=("inputs",))
        posted = layer.get("inputs") if isinstance(layer, Mapping) else None
        if posted is not None:
            yield from reference_faults(posted, known, f"{pointer}/inputs")
        elif not node.inputs:
            detail = "The network has several inputs: name those that this layer takes."
            yield Fault(detail, f"{pointer}/inputs", allowed=tuple(input_names))
        yield from count_faults(node, f"{pointer}/inputs")
        if (
            isinstance(layer, Mapping)
            and learns_from_rows(node.layer.type, layer)
            and set(node.inputs) - set(input_names)
        ):
            detail = f"{node.layer.type} learns from the training rows only if it takes an input of the network:"
            yield Fault(f"{detail} put it first, or post {LEARNED[node.layer.type]}.", pointer)
    yield from graph_faults(nodes, input_names)


def read_layer(layer: Any) -> LayerSpec:
    """The readable part of a posted layer, which may be invalid: its type, its name, its inputs."""
    members = layer if isinstance(layer, Mapping) else {}
    type_, name = (value if isinstance(value := members.get(key), str) else "" for key in ("type", "name"))
    inputs = members.get("inputs")
    listed = inputs[:MOST_TENSORS] if isinstance(inputs, list | tuple) else [inputs]
    names = tuple(source[:LONGEST_NAME] for source in listed if isinstance(source, str))
    return LayerSpec(type_, name=name[:LONGEST_NAME] or None, inputs=names or None)


def reference_faults(posted: Any, known: tuple[str, ...], pointer: str) -> Iterator[Fault]:
    """The faults of a layer's `inputs`: an invalid form, and unknown names."""
    names = {pointer: posted}
    if isinstance(posted, list | tuple) and 1 <= len(posted) <= MOST_TENSORS:
        names = {f"{pointer}/{place}": name for place, name in enumerate(posted)}
    elif not isinstance(posted, str):
        yield Fault(f"`inputs` must be a list of 1 to {MOST_TENSORS} names of layers or inputs.", pointer)
        return
    for where, name in names.items():
        if not isinstance(name, str):
            yield Fault("Expected the name of a layer or an input.", where)
        elif name not in known:
            detail = f"There is no layer or input called `{name[:64]}`."
            yield Fault(detail, where, allowed=known, did_you_mean=nearest(name, known))


def count_faults(node: Node, pointer: str) -> Iterator[Fault]:
    """The fault of a layer with the wrong number of inputs."""
    entry, count = load_catalogue().find("layer", node.layer.type), len(node.inputs)
    if entry is None or entry.tensors is None or not count:
        return
    tensors = entry.tensors
    if not tensors.least <= count <= (tensors.most or count):
        plural = "" if tensors.most == 1 else "s"
        yield Fault(f"{entry.type} takes {tensors} input{plural}, not {count}.", pointer)
