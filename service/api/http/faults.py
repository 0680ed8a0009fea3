"""Flattens marshmallow's nested messages into faults with a JSON pointer or the name of a query parameter."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from marshmallow import Schema, fields, validate

from models.errors import MOST_FAULTS, Fault
from models.suggestions import nearest
from models.values.pointers import pointer_to
from service.api.http.errors import RequestFault

WHOLE = "_schema"
"""marshmallow's key for the messages about an object as a whole."""
UNKNOWN = "is unknown"
"""The message for a field that a schema doesn't have."""

Path = tuple[str | int, ...]


def body_faults(messages: dict[str, Any], schema: Schema, data: Any) -> list[Fault]:
    """The faults of a body, each with its JSON pointer, at most MOST_FAULTS."""
    return [
        Fault(detail, pointer=pointer_to(*path), allowed=allowed, did_you_mean=suggestion)
        for path, detail, allowed, suggestion in islice(_flatten(messages, schema, data, ()), MOST_FAULTS)
    ]


def query_faults(messages: dict[str, Any], schema: Schema, data: Any) -> list[Fault]:
    """The faults of a query, each with its parameter, at most MOST_FAULTS."""
    return [
        RequestFault(detail, parameter=str(path[0]), allowed=allowed, did_you_mean=suggestion)
        for path, detail, allowed, suggestion in islice(_flatten(messages, schema, data, ()), MOST_FAULTS)
    ]


def _flatten(
    messages: Any, kind: Schema | fields.Field[Any] | None, data: Any, path: Path
) -> Iterator[tuple[Path, str, tuple[Any, ...], str | None]]:
    """Each message with its path, the values that are allowed there, and the nearest of them."""
    if isinstance(messages, list):
        for message in messages:
            allowed, suggestion = _suggest(message, kind, data, path)
            subject = f'"{path[-1]}"' if path else "The body"
            hint = f'. Did you mean "{suggestion}"?' if suggestion else "."
            yield path, f"{subject} {message}{hint}", allowed, suggestion
        return
    for key, inner in messages.items():
        if isinstance(kind, fields.Dict):
            inner = inner.get("value") or inner["key"]
        if key == WHOLE:
            yield from _flatten(inner, kind, data, path)
        else:
            yield from _flatten(inner, _member(kind, key), _value(data, key), (*path, key))


def _suggest(message: str, kind: Any, data: Any, path: Path) -> tuple[tuple[Any, ...], str | None]:
    if message == UNKNOWN:
        known = tuple(kind.names) if isinstance(kind, _Siblings) else ()
        return known, nearest(str(path[-1]), known)
    validators = kind.validators if isinstance(kind, fields.Field) else ()
    choices = next((tuple(v.choices) for v in validators if isinstance(v, validate.OneOf)), ())
    return choices, nearest(data, map(str, choices)) if isinstance(data, str) else None


class _Siblings:
    """Stands in for the field of an unknown name: the names that its object may have."""

    def __init__(self, names: list[str]) -> None:
        self.names = names


def _member(kind: Any, key: str | int) -> Any:
    if isinstance(kind, fields.Nested):
        kind = kind.schema
    if isinstance(kind, Schema):
        return kind.fields.get(str(key)) or _Siblings(list(kind.load_fields))
    if isinstance(kind, fields.List):
        return kind.inner
    return kind.value_field if isinstance(kind, fields.Dict) and kind.value_field else None


def _value(data: Any, key: str | int) -> Any:
    try:
        return data[key]
    except (LookupError, TypeError):
        return None
