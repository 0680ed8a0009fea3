"""Lays out a directed graph without cycles in layers: ranks by the longest path, then fewer crossings by the means of
neighbours (Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures", 1981)."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SWEEPS = 8
BEND_WIDTH = 0.4
"""The width of a place at which an edge only passes a rank, where that of a node is 1."""


@dataclass(frozen=True)
class Spot:
    """Where a node or a bend lies: its rank from the top, and its centre from the middle of the rank, in nodes."""

    rank: int
    centre: float


@dataclass(frozen=True)
class Layout:
    """The places of the nodes by name, and each edge as the places that it connects, from its parent to its child."""

    nodes: dict[str, Spot]
    edges: list[tuple[str, str, list[Spot]]]
    ranks: int
    width: float
    """The width of the widest rank, in nodes."""


Key = str | tuple[str, str, int]
"""A node, or a bend: parent, child, rank."""


def lay_out(parents: Mapping[str, Sequence[str]]) -> Layout:
    """The layout of a graph. `parents` has the nodes in topological order, with the nodes that each one follows."""
    ranks: dict[str, int] = {}
    for node, before in parents.items():
        ranks[node] = max((ranks[parent] + 1 for parent in before), default=0)
    chains = [_chain(parent, node, ranks) for node, before in parents.items() for parent in before]
    rows: list[list[Key]] = [[] for _ in range(max(ranks.values(), default=-1) + 1)]
    for node, rank in ranks.items():
        rows[rank].append(node)
    for chain in chains:
        for key in chain:
            if not isinstance(key, str):
                rows[key[2]].append(key)
    _uncross(rows, chains)
    spots = {key: spot for rank, row in enumerate(rows) for key, spot in _spread(rank, row)}
    edges = [(str(chain[0]), str(chain[-1]), [spots[key] for key in chain]) for chain in chains]
    return Layout({node: spots[node] for node in ranks}, edges, len(rows), max(map(_width, rows), default=0.0))


def _chain(parent: str, child: str, ranks: Mapping[str, int]) -> list[Key]:
    """An edge as its nodes with the bends between them, one in each rank that it passes."""
    return [parent, *((parent, child, rank) for rank in range(ranks[parent] + 1, ranks[child])), child]


def _uncross(rows: list[list[Key]], chains: Sequence[Sequence[Key]]) -> None:
    """Sort each rank by the mean place of the neighbours above, then below, several times."""
    above: dict[Key, list[Key]] = {}
    below: dict[Key, list[Key]] = {}
    for chain in chains:
        for upper, lower in itertools.pairwise(chain):
            above.setdefault(lower, []).append(upper)
            below.setdefault(upper, []).append(lower)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        neighbours = above if down else below
        order = range(1, len(rows)) if down else range(len(rows) - 2, -1, -1)
        for rank in order:
            beside = rows[rank - 1 if down else rank + 1]
            places = {key: place for place, key in enumerate(beside)}
            means = {}
            for place, key in enumerate(rows[rank]):
                found = [places[each] for each in neighbours.get(key, ())]
                means[key] = sum(found) / len(found) if found else float(place)
            rows[rank].sort(key=lambda key: means[key])


def _width_of(key: Key) -> float:
    return 1.0 if isinstance(key, str) else BEND_WIDTH


def _width(row: Sequence[Key]) -> float:
    return sum(map(_width_of, row))


def _spread(rank: int, row: Sequence[Key]) -> list[tuple[Key, Spot]]:
    """The keys of a rank side by side, around its middle."""
    start, spread = -_width(row) / 2, []
    for key in row:
        width = _width_of(key)
        spread.append((key, Spot(rank, start + width / 2)))
        start += width
    return spread
