"""Display of a dataset: its columns, those that were left out, and notes on what its import assumed or changed."""

from typing import Any

import click

from service.commands.output import describe, print_members, print_table

MOST_NAMED = 4
"""Categories or classes that a cell of the table names."""
DIRECTIVES = {
    "%Y": "YYYY", "%y": "YY", "%m": "MM", "%b": "Mon", "%B": "Month", "%d": "DD", "%H": "hh", "%M": "mm", "%S": "ss",
}  # fmt: skip
"""What the directives of a date's format look like."""


def print_dataset(dataset: dict[str, Any]) -> None:
    """Print a dataset for people."""
    members = ("name", "version", "source", "kind", "status", "rows", "splits", "bytes")
    error = dataset["error"]
    positive = (dataset["target"] or {}).get("positive_class")
    shown = None if positive is None else describe([positive])
    noted = {"positive class": shown, "metadata": dataset["metadata"] or None}
    print_members({name: dataset[name] for name in members} | noted | {"error": error and error["detail"]})
    columns = [*(dataset["inputs"] or []), *([dataset["target"] | {"role": "target"}] if dataset["target"] else [])]
    left_out = dataset["left_out"] or []
    _print_section(("column", "type", "role", "missing", "values", "format"), map(_describe_column, columns))
    _print_section(("left out", "reason", "detail"), ([one["name"], one["reason"], one["detail"]] for one in left_out))
    # the table above gives the reason for these
    known = {one["name"] for one in left_out if one["reason"] == "identifier"}
    notes = [
        (note.get("column"), note["detail"])
        for note in dataset["notes"] or []
        if note["type"] != "identifier" or note.get("column") not in known
    ]
    _print_section(("noted", "detail"), notes)


def print_version(version: dict[str, Any]) -> None:
    """Print a version of a dataset for people, with its differences from the one before."""
    members = ("dataset", "version", "source", "base", "status", "rows", "splits", "sha256")
    error, drift = version["error"], version["drift"]
    shown = {name: version[name] for name in members} | {"error": error and error["detail"]}
    if drift is not None:
        shown["drift"] = f"{len(drift['changes'])} since version {drift['since']}"
    print_members(shown)
    changes = [] if drift is None else drift["changes"]
    _print_section(("column", "change", "detail"), ([one["column"], one["type"], one["detail"]] for one in changes))


def _print_section(columns: tuple[str, ...], rows: Any) -> None:
    cells = list(rows)
    if cells:
        click.echo()
        print_table(columns, cells)


def _describe_column(column: dict[str, Any]) -> tuple[Any, ...]:
    role, missing = column.get("role", "input"), column.get("missing")
    return column["name"], column["type"], role, missing, _describe_values(column), _describe_format(column)


def _describe_values(column: dict[str, Any]) -> str | None:
    """The categories or classes, or the range of numbers or dates with its unit."""
    names = column.get("categories", column.get("classes") if column["type"] != "number" else None)
    if names is not None:
        more = f", … ({len(names):,})" if len(names) > MOST_NAMED else ""
        return describe(names[:MOST_NAMED]) + more
    if "tokens" in column:
        return f"{column['tokens']['mean']:.3g} words on average, at most {column['tokens']['max']:,}"
    lowest, highest = (column.get(bound) for bound in ("min", "max"))
    if lowest is None:
        return None
    unit = column.get("unit")
    bounds = (f"{bound:,.6g}" if isinstance(bound, int | float) else str(bound) for bound in (lowest, highest))
    return " to ".join(bounds) + (f" {unit}" if unit else "")


def _describe_format(column: dict[str, Any]) -> str | None:
    format_: str | None = column.get("format")
    if column["type"] == "date" and format_ is not None:
        for directive, look in DIRECTIVES.items():
            format_ = format_.replace(directive, look)
    return format_
