"""Tables in Markdown, and figures beside the bars that they are held to."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Row(NamedTuple):
    """A figure, and the bar that it is held to if there is one."""

    what: str
    figure: str
    bar: str = ""
    met: bool | None = None


Rows = Iterator[Row]


def at_least(what: str, figure: float, bar: float, told: str = "") -> Row:
    """A ratio that must not be lower than its bar."""
    return Row(what, f"{figure:.2f} ×{told}", f"≥ {bar} ×", figure >= bar)


def at_most(what: str, figure: float, bar: float, unit: str) -> Row:
    """A figure that must not be higher than its bar."""
    return Row(what, f"{figure:.1f} {unit}", f"≤ {bar} {unit}", figure <= bar)


def none_of(what: str, found: str) -> Row:
    """Something that must not have happened, as it is told where it has."""
    return Row(what, found or "none", "none", not found)


def describe_rows(rows: Rows) -> Iterator[str]:
    """The lines of a table of figures beside their bars."""
    yield from table("what", "figure", "bar", "met")
    for row in rows:
        yield line([row.what, row.figure, row.bar, {True: "yes", False: "**no**", None: ""}[row.met]])


def count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def table(*head: str) -> Iterator[str]:
    yield ""
    yield line(head)
    yield line(["---"] * len(head))


def line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
