"""What differs between documents, such as the settings of jobs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MISSING = object()
"""The value of a document that has no such member."""


@dataclass(frozen=True)
class Difference:
    """A member that differs, with its value in each document; MISSING where there is none."""

    path: str
    """The names and positions that lead to it, with slashes: `layers/0/units`."""
    values: tuple[Any, ...]


def find_differences(documents: Sequence[Mapping[str, Any]]) -> tuple[list[Difference], dict[str, Any]]:
    """The members that differ, in their order, and those that are equal in all documents, by path."""
    flat = [dict(_flatten(document, "")) for document in documents]
    differing, equal = [], {}
    for path in dict.fromkeys(path for members in flat for path in members):
        values = tuple(members.get(path, MISSING) for members in flat)
        if all(value == values[0] for value in values):
            equal[path] = values[0]
        else:
            differing.append(Difference(path, values))
    return differing, equal


def _flatten(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The values within a document by path. Lists of plain values stay whole, and so do empty objects."""
    if isinstance(value, Mapping) and value:
        for name, member in value.items():
            yield from _flatten(member, f"{path}/{name}" if path else name)
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for position, item in enumerate(value):
            yield from _flatten(item, f"{path}/{position}")
    else:
        yield path, value
