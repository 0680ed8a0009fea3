"""Did you mean …? Which of the known names a wrong one may have been meant for."""

import difflib
from collections.abc import Iterable
from itertools import islice

from models.errors import Fault

LIKE_ENOUGH = 0.65
"""How like a name (difflib's ratio) what is suggested instead must be: "sort" isn't meant to be "cursor"."""
COMPARED_NAMES, COMPARED_CHARACTERS = 1000, 64
"""Comparing takes a while; a table may have ten thousand columns, and a client may send any text."""


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` most like `name` whatever the case, if any of the first 1,000 is much like it."""
    by_case: dict[str, str] = {}
    for known in islice(names, COMPARED_NAMES):
        by_case.setdefault(known.lower(), known)
    if name.lower() in by_case:
        return by_case[name.lower()]
    matches = difflib.get_close_matches(name[:COMPARED_CHARACTERS].lower(), by_case, n=1, cutoff=LIKE_ENOUGH)
    return by_case[matches[0]] if matches else None


def unknown_name(name: str, allowed: tuple[str, ...], pointer: str | None, noun: str) -> Fault:
    """The fault of a name that isn't among the allowed ones, with the nearest of them."""
    suggestion = nearest(name, allowed)
    detail = f'There is no {noun} "{name}".' + (f' Did you mean "{suggestion}"?' if suggestion else "")
    return Fault(detail, pointer, allowed=allowed, did_you_mean=suggestion)
