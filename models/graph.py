"""The layers of a network as a graph: the inputs, name and order of each layer."""

import heapq
import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

from models.catalogue import load_catalogue
from models.spec import LayerSpec, NetworkSpec


@dataclass(frozen=True)
class Node:
    """A layer in the graph."""

    index: int
    """Its index among the posted layers."""
    layer: LayerSpec
    name: str
    """The posted name, or the one that Keras generates in a fresh process: `dense`, `dense_1`."""
    inputs: tuple[str, ...]
    """The names of the layers and network inputs that it takes, in order."""


def resolve(spec: NetworkSpec) -> tuple[Node, ...]:
    """The layers of a validated spec in topological order, otherwise in posted order; the last is the output."""
    nodes = connect(spec.layers, spec.inputs)
    sorter = TopologicalSorter(predecessors(nodes, spec.inputs))
    sorter.prepare()
    ready: list[int] = []
    order: list[Node] = []
    while sorter.is_active():
        for index in sorter.get_ready():
            heapq.heappush(ready, index)
        first = heapq.heappop(ready)
        sorter.done(first)
        order.append(nodes[first])
    return tuple(order)


def connect(layers: Iterable[LayerSpec], inputs: Collection[str]) -> tuple[Node, ...]:
    """The layers in posted order, with their names and the names of their inputs, whether these exist or not.

    A layer without `inputs` takes the layer before it; the first layer takes the network's only input (nothing, if
    there are several `inputs`).
    """
    nodes: list[Node] = []
    layers = tuple(layers)
    taken = {*inputs, *(layer.name for layer in layers if layer.name)}
    free: dict[str, Iterator[str]] = {}
    before = tuple(inputs) if len(inputs) == 1 else ()
    for index, layer in enumerate(layers):
        base = base_name(layer.type)
        name = layer.name or next(name for name in free.setdefault(base, numbered(base)) if name not in taken)
        nodes.append(Node(index, layer, name, before if layer.inputs is None else layer.inputs))
        before = (name,)
    return tuple(nodes)


def predecessors(nodes: Sequence[Node], inputs: Collection[str]) -> Mapping[int, list[int]]:
    """The indices of the layers that each layer takes; if a name is ambiguous, an input or else the first layer."""
    places = {node.name: node.index for node in reversed(nodes) if node.name not in inputs}
    return {node.index: [places[name] for name in node.inputs if name in places] for node in nodes}


def base_name(type_: str) -> str:
    """Keras's name of the first unnamed layer of a type: `max_pooling2d` for MaxPooling2D or its alias MaxPool2D."""
    entry = load_catalogue().find("layer", type_)
    boundaries = r"(?<=.)(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])"
    return re.sub(boundaries, "_", entry.type if entry else type_).lower()


def numbered(base: str) -> Iterator[str]:
    """`base`, then `base_1` and so on."""
    return (f"{base}_{number}" if number else base for number in itertools.count())
