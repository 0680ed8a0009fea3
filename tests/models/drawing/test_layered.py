"""Layouts of graphs in layers."""

import itertools

from models.drawing.layered import BEND_WIDTH, Layout, Spot, lay_out


def crossings(layout: Layout) -> int:
    """How often segments of edges between two ranks cross."""
    segments = [pair for _, _, spots in layout.edges for pair in itertools.pairwise(spots)]
    return sum(
        first[0].rank == second[0].rank
        and (first[0].centre - second[0].centre) * (first[1].centre - second[1].centre) < 0
        for place, first in enumerate(segments)
        for second in segments[place + 1 :]
    )


def test_a_chain_is_one_column() -> None:
    layout = lay_out({"input": [], "dense": ["input"], "output": ["dense"]})
    assert layout.nodes == {"input": Spot(0, 0), "dense": Spot(1, 0), "output": Spot(2, 0)}
    assert layout.edges == [
        ("input", "dense", [Spot(0, 0), Spot(1, 0)]),
        ("dense", "output", [Spot(1, 0), Spot(2, 0)]),
    ]
    assert (layout.ranks, layout.width) == (3, 1)


def test_branches_are_side_by_side_and_meet_again() -> None:
    layout = lay_out({"input": [], "left": ["input"], "right": ["input"], "add": ["left", "right"]})
    assert layout.nodes["left"] == Spot(1, -0.5)
    assert layout.nodes["right"] == Spot(1, 0.5)
    assert layout.nodes["add"] == Spot(2, 0)
    assert layout.width == 2


def test_an_edge_that_skips_ranks_bends_around_the_layers_between() -> None:
    layout = lay_out({"input": [], "a": ["input"], "b": ["a"], "add": ["input", "b"]})
    (skip,) = [spots for parent, child, spots in layout.edges if (parent, child) == ("input", "add")]
    assert [spot.rank for spot in skip] == [0, 1, 2, 3]
    for spot in skip[1:3]:
        beside = layout.nodes["a" if spot.rank == 1 else "b"]
        assert abs(spot.centre - beside.centre) == (1 + BEND_WIDTH) / 2


def test_several_inputs_begin_in_the_first_rank() -> None:
    layout = lay_out({"left": [], "right": [], "join": ["left", "right"]})
    assert {layout.nodes[name].rank for name in ("left", "right")} == {0}


def test_edges_do_not_cross_where_that_can_be_avoided() -> None:
    parents = {"p": [], "q": [], "r": [], "c": ["r"], "b": ["q"], "a": ["p"], "out": ["a", "b", "c"]}
    assert crossings(lay_out(parents)) == 0


def test_an_empty_graph_has_no_ranks() -> None:
    assert lay_out({}) == Layout({}, [], 0, 0.0)
