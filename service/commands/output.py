"""Output of commands: JSON for scripts, tables and text for people."""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TextIO

import click
import orjson

UNBOUNDED = 10_000
"""Console width without a terminal, so that each row stays on one line, for grep."""
PLACES = ("parameter", "header", "file", "row", "column")
"""Fields that locate an error, besides `pointer`."""


def print_json(document: Any, stream: TextIO | None = None) -> None:
    """Print a document as indented JSON."""
    click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2), file=stream or sys.stdout)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table with a header; numbers are right-aligned."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from service.commands.console import Console

    cells = list(rows)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for place, name in enumerate(columns):
        numbers = bool(cells) and all(isinstance(row[place], int | float | None) for row in cells)
        table.add_column(Text(printable(name)), justify="right" if numbers else "left", overflow="fold")
    for row in cells:
        table.add_row(*(Text(describe(value)) for value in row))
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = UNBOUNDED
    console.print(table)


def print_items(
    items: Iterable[Any], columns: Sequence[str], describe_item: Callable[[Any], Sequence[Any]], *, as_json: bool
) -> None:
    """Print items as JSON, or as a table with one row per item, from `describe_item`."""
    if as_json:
        print_json(list(items))
    else:
        print_table(columns, map(describe_item, items))


def print_members(members: dict[str, Any]) -> None:
    """Print the fields of a document, one per line, except nulls."""
    shown = {name: value for name, value in members.items() if value is not None}
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        click.echo(f"{name:<{width}}  {describe(value)}")


def describe(value: Any) -> str:
    """Format a value."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return "  ".join(f"{name} {describe(item)}" for name, item in value.items())
    if isinstance(value, list):
        shown = [describe(item) for item in value]
        return (" " if all(item.endswith(".") for item in shown) else ", ").join(shown)
    return printable(str(value))


def describe_moment(value: str | None) -> str | None:
    """Format a timestamp to the second, in UTC: `2026-11-21 19:10:09`."""
    return None if value is None else value[:19].replace("T", " ")


def describe_fault(fault: dict[str, Any]) -> str:
    """Format an error: its place, its detail, and what the client may have meant."""
    places = [fault["pointer"]] if "pointer" in fault else []
    places += [f"{place} {fault[place]}" for place in PLACES if place in fault]
    detail, suggestion = fault["detail"], fault.get("did_you_mean")
    if suggestion is not None and "Did you mean" not in detail:
        detail = f'{detail} Did you mean "{suggestion}"?'
    return ": ".join(filter(None, [", ".join(places), detail]))


def printable(text: str) -> str:
    """The text without control characters of terminals."""
    return "".join(character for character in text if character.isprintable() or character in "\n\t")
