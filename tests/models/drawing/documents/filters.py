"""Documents of filters: tiles, bars, matrices, and nothing."""

from typing import Any

from hypothesis import strategies as st

from tests.models.drawing.odd_values import NUMBERS, TEXTS, lists

NOTHING: dict[str, Any] = {"colours": False, "tiles": [], "matrix": None}


def grid(draw: st.DrawFn, rows: int, columns: int, *more: int) -> Any:
    """Nested lists, in which a few drawn numbers repeat."""
    few = draw(st.lists(NUMBERS, min_size=1, max_size=7))

    def fill(place: int, lengths: tuple[int, ...]) -> Any:
        if not lengths:
            return few[place % len(few)]
        return [fill(place * 3 + each, lengths[1:]) for each in range(lengths[0])]

    return fill(0, (rows, columns, *more))


@st.composite
def tiles(draw: st.DrawFn) -> dict[str, Any]:
    sides, colours = st.sampled_from([1, 3, 5, 48]), draw(st.booleans())
    shape = draw(sides), draw(sides), *([3] if colours else [])
    values = grid(draw, *shape)
    names = draw(st.lists(TEXTS, min_size=1, max_size=3))
    count = draw(st.sampled_from([1, 8, 64]))
    found = [{"name": names[place % len(names)], "values": values} for place in range(count)]
    return {"kind": "tiles", "colours": colours, "tiles": found, "matrix": None}


@st.composite
def matrices(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["bars", "matrix"]))
    names = draw(st.lists(TEXTS, min_size=1, max_size=40))
    columns = draw(st.lists(TEXTS, min_size=1, max_size=4 if kind == "bars" else 48))
    matrix = {"rows": names, "columns": columns, "values": grid(draw, len(names), len(columns))}
    return {"kind": kind, "colours": False, "tiles": [], "matrix": matrix}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    shown = draw(tiles() | matrices() | st.just({"kind": "none", **NOTHING}))
    return {
        "title": draw(TEXTS),
        "description": draw(TEXTS),
        "layer": draw(TEXTS),
        "shape": draw(st.lists(st.integers(0, 10**6), max_size=5)),
        "largest": draw(st.none() | st.sampled_from([0.0, 1e-300, 0.5, 1e30, 1e308])),
        "notes": draw(lists(TEXTS, 3)),
        **shown,
    }


DOCUMENTS = documents()
