"""The form that asks for a row of a model's inputs: its kind, and its fields with their ranges."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from models.values.pointers import pointer_to

MOST_FIELDS = 20
"""The most numbers of an input that have a field each; more are asked for as JSON."""
LARGEST_CANVAS = 64
"""The longest side of a picture that one can draw by hand."""
COLOURS = (3, 4)
IMAGE, SEQUENCE = "image", "sequence"
DATE_LENGTH = len("2025-01-31")

Document = Mapping[str, Any]
Field = dict[str, Any]


def describe_form(inputs: Sequence[Document], dataset: Document | None) -> dict[str, Any]:
    """The form for the inputs of a model or a version. `dataset` has the ranges of their values, if it still exists.

    `kind` is `columns` (an instance is an object by column), `numbers` (a list), `picture`, `json` (anything else), or
    `parts` (an object by input, each of which has one of the other kinds).
    """
    known = {one["name"]: one for one in (dataset or {}).get("inputs") or ()}
    kind = (dataset or {}).get("kind")
    if any(one.get("columns") is not None or one.get("text") is not None for one in inputs):
        return {"kind": "columns", "fields": list(_columns(inputs, known))}
    if len(inputs) == 1:
        return _tensor(inputs[0], known.get(inputs[0]["name"], {}), kind, ())
    parts = [_tensor(one, known.get(one["name"], {}), kind, (one["name"],)) for one in inputs]
    return {"kind": "parts", "parts": [part | {"name": one["name"]} for part, one in zip(parts, inputs, strict=True)]}


def _columns(inputs: Sequence[Document], known: Document) -> Iterator[Field]:
    for one in inputs:
        for column in one.get("columns") or ():
            yield _column(column, known.get(column["name"], {}))
        if one.get("text") is not None:
            name = one["text"]["column"]
            yield {"name": name, "type": "text", "pointer": pointer_to("instances", 0, name), "value": ""}


def _column(column: Document, known: Document) -> Field:
    """The field of a column of a table, with a usual value."""
    field = {
        "name": column["name"],
        "type": column["type"],
        "pointer": pointer_to("instances", 0, column["name"]),
        "unit": known.get("unit"),
        "least": known.get("min"),
        "most": known.get("max"),
        "value": _shorten(known.get("quantiles", {}).get("0.5", known.get("mean"))),
    }
    if column["type"] == "category":
        categories = column.get("categories") or []
        return field | {"categories": categories, "value": categories[0] if categories else None}
    if column["type"] == "boolean":
        return field | {"value": True}
    if column["type"] == "date":
        latest = known.get("max")
        return field | {"value": latest, "is_day": isinstance(latest, str) and len(latest) == DATE_LENGTH}
    return field


def _shorten(value: Any) -> Any:
    """A number without `.0` if it is a whole one; everything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _tensor(one: Document, known: Document, kind: str | None, place: tuple[str, ...]) -> dict[str, Any]:
    """The form of a tensor: a picture, fields for a few numbers, or JSON for many."""
    shape = one["shape"]
    pointer: tuple[str | int, ...] = ("instances", 0, *place)
    if not place and _is_picture(shape, kind):
        height, width = shape[:2]
        is_grey = len(shape) == 2 or shape[2] == 1
        return {
            "kind": "picture",
            "shape": shape,
            "pointer": pointer_to(*pointer),
            "can_draw": is_grey and max(height, width) <= LARGEST_CANVAS,
            "largest": known.get("max") or 255,
        }
    if len(shape) == 1 and shape[0] <= MOST_FIELDS:
        names = known.get("features") or [f"x{number}" if shape[0] > 1 else "x" for number in range(1, shape[0] + 1)]
        fields = [_number(name, index, known, pointer) for index, name in enumerate(names)]
        return {"kind": "numbers", "shape": shape, "fields": fields}
    return {"kind": "json", "shape": shape, "pointer": pointer_to(*pointer), "count": math.prod(shape)}


def _is_picture(shape: Sequence[int], kind: str | None) -> bool:
    """Whether a tensor is a picture. Without a dataset, only three channels say so."""
    if len(shape) not in (2, 3):
        return False
    return kind == IMAGE or (kind is None and len(shape) == 3 and shape[2] in COLOURS)


def _number(name: str, index: int, known: Document, pointer: tuple[str | int, ...]) -> Field:
    mean = known.get("mean")
    value = round(mean, 4) if isinstance(mean, int | float) else 0
    return {
        "name": name,
        "type": "number",
        "pointer": pointer_to(*pointer, index),
        "least": known.get("min"),
        "most": known.get("max"),
        "value": value,
        "unit": None,
    }
