"""Checks the connections of a posted network: names, cycles, and that every layer reaches the output."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from itertools import chain

from models.errors import Fault
from models.graph import Node, predecessors
from models.validation.values import member

SIMILAR = 0.4
"""The minimum similarity (difflib's ratio) of a name to a possible correction."""
MOST_SHOWN = 10
"""The maximum of layers of a cycle that a sentence lists."""


def graph_faults(nodes: Sequence[Node], inputs: Collection[str]) -> Iterator[Fault]:
    """The faults of the connections between layers, of which the last is the output, in a network with these inputs."""
    yield from _name_faults(nodes, inputs)
    cycles = list(_find_cycles(nodes, inputs))
    for cycle in cycles:
        names = [f"`{nodes[index].name}`" for index in cycle[::-1]]
        path = " takes ".join(names if len(names) <= MOST_SHOWN else [*names[: MOST_SHOWN - 1], "…", names[-1]])
        for index in sorted(set(cycle)):
            yield Fault(f"The layers form a cycle: {path}.", f"#/layers/{index}/inputs")
    yield from _unused_faults(nodes, inputs, {index for cycle in cycles for index in cycle})


def _name_faults(nodes: Sequence[Node], inputs: Collection[str]) -> Iterator[Fault]:
    taken = set(inputs)
    for node in nodes:
        if node.layer.name in taken:
            yield Fault(f"The name `{node.name[:64]}` is already taken in this network.", f"#/layers/{node.index}/name")
        elif node.layer.name:
            taken.add(node.layer.name)


def known_names(nodes: Sequence[Node], inputs: Collection[str]) -> tuple[str, ...]:
    """The names that layers may use in `inputs`, including generated ones."""
    return tuple(dict.fromkeys([*inputs, *(node.name for node in nodes)]))


def _find_cycles(nodes: Sequence[Node], inputs: Collection[str]) -> Iterator[list[int]]:
    """The cycles of layers, each with its first layer repeated at the end; a layer is in at most one of them.

    One depth-first search: a layer that takes a layer on the path to it closes a cycle.
    """
    sources = predecessors(nodes, inputs)
    cyclic: set[int] = set()
    left: set[int] = set()
    for start in sources:
        path = {start: iter(sources[start])} if start not in left else {}
        while path:
            index = next(reversed(path))
            following = next(path[index], None)
            if following is None:
                left.add(index)
                path.popitem()
            elif following not in path:
                if following not in left:
                    path[following] = iter(sources[following])
            elif not cyclic & {index, following}:
                places = list(path)
                cycle = places[places.index(following) :]
                if cyclic.isdisjoint(cycle):
                    cyclic.update(cycle)
                    yield [*cycle, following][::-1]


def _unused_faults(nodes: Sequence[Node], inputs: Collection[str], cyclic: set[int]) -> Iterator[Fault]:
    """The layers and inputs that don't reach the output, unless another fault explains it."""
    corrected = _correct(nodes, inputs)
    names = [*inputs, *(node.name for node in nodes)]
    doubled = {node.index for node in nodes if node.name in names[: len(inputs) + node.index]}
    used = _ancestors({len(nodes) - 1, *cyclic, *doubled}, predecessors(corrected, inputs))
    for node in nodes:
        if node.index not in used:
            detail = f"`{node.name}` doesn't reach the output of the network, which is the last layer:"
            yield Fault(f"{detail} name it in another layer's `inputs`, or remove it.", f"#/layers/{node.index}")
    taken = {name for index in used for name in corrected[index].inputs}
    if len(inputs) > 1 and all(node.inputs for node in nodes):
        for name in inputs:
            if name not in taken:
                yield Fault("No layer that reaches the output takes this input.", member("#/inputs", name))


def _correct(nodes: Sequence[Node], inputs: Collection[str]) -> list[Node]:
    """The layers with each unknown name replaced by all similar names."""
    known = known_names(nodes, inputs)
    similar = {
        name: [name] if name in known else get_close_matches(name, known, n=MOST_SHOWN, cutoff=SIMILAR)
        for node in nodes
        for name in node.inputs
    }
    return [replace(node, inputs=tuple(chain.from_iterable(similar[name] for name in node.inputs))) for node in nodes]


def _ancestors(places: set[int], sources: Mapping[int, list[int]]) -> set[int]:
    """These layers and all layers before them."""
    waiting, found = list(places), set(places)
    while waiting:
        new = set(sources[waiting.pop()]) - found
        found |= new
        waiting += new
    return found
