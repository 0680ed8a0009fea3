"""Suggests the most similar known name for an unknown one ("Did you mean …?")."""

import difflib
from collections.abc import Iterable
from itertools import islice

from models.errors import Fault

LIKE_ENOUGH = 0.65
"""The minimum similarity (difflib's ratio) of a suggestion: "cursor" is no suggestion for "sort"."""
COMPARED_NAMES, COMPARED_CHARACTERS = 1000, 64
"""Comparisons are slow; a table may have ten thousand columns, and a client may send any text."""


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name most similar to `name`, ignoring case, among the first 1,000 of `names`; None if none is similar."""
    by_case: dict[str, str] = {}
    for known in islice(names, COMPARED_NAMES):
        by_case.setdefault(known.lower(), known)
    if name.lower() in by_case:
        return by_case[name.lower()]
    matches = difflib.get_close_matches(name[:COMPARED_CHARACTERS].lower(), by_case, n=1, cutoff=LIKE_ENOUGH)
    return by_case[matches[0]] if matches else None


def unknown_name(name: str, allowed: tuple[str, ...], pointer: str | None, noun: str) -> Fault:
    """The fault of a name that isn't allowed, with the most similar allowed one."""
    suggestion = nearest(name, allowed)
    detail = f'There is no {noun} "{name}".' + (f' Did you mean "{suggestion}"?' if suggestion else "")
    return Fault(detail, pointer, allowed=allowed, did_you_mean=suggestion)
