"""Adds the layers of a network to a graph."""

from collections.abc import Mapping, Sequence

from models.export.graph import Graph, Layer, Tensor
from models.export.registry import build
from models.graph import Node


def walk(graph: Graph, nodes: Sequence[Node], inputs: Mapping[str, Tensor], prefix: str = "") -> Tensor:
    """The output of the last of the `nodes`, given the tensors of the network's inputs by name. Their weights' names
    begin with `prefix`."""
    tensors = dict(inputs)
    for node in in_keras_order(nodes):
        layer = Layer.of(graph, node.layer, prefix + node.name)
        tensors[node.name] = build(layer, *(tensors[name] for name in node.inputs))
    return tensors[nodes[-1].name]


def in_keras_order(nodes: Sequence[Node]) -> list[Node]:
    """The nodes in the order in which Keras computes them, which decides what layers see masks that MultiHeadAttention
    takes away: the farther from the output, the earlier (keras/src/ops/function.py, map_graph)."""
    by_name = {node.name: node for node in nodes}
    depths: dict[str, int] = {}
    for node in reversed(_depth_first(by_name, nodes[-1])):
        depth = depths.setdefault(node.name, 0)
        for name in node.inputs:
            if name in by_name:
                depths[name] = max(depth + 1, depths.get(name, 0))
    return sorted((by_name[name] for name in depths), key=lambda node: -depths[node.name])


def _depth_first(by_name: Mapping[str, Node], last: Node) -> list[Node]:
    """All nodes before `last`, each after those that it takes, and `last`."""
    order: dict[str, Node] = {}
    waiting = [(last, iter(last.inputs))]
    while waiting:
        node, inputs = waiting[-1]
        for name in inputs:
            if name in by_name and name not in order:
                waiting.append((by_name[name], iter(by_name[name].inputs)))
                break
        else:
            order[waiting.pop()[0].name] = node
    return list(order.values())
