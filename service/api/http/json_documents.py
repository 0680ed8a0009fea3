"""JSON documents: reading them strictly, saying what is wrong with those that are no JSON, and writing them."""

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from service.api.http.errors import MalformedBody

ITEMS_AT_ONCE = 2000
"""Items of a list that are written before other threads may go on."""

QUOTE = ord('"')
STRUCTURE = b"[]{}:"
UNSTRUCTURED = bytes(byte for byte in range(256) if byte not in STRUCTURE + b'"')
STEPS = np.zeros(256, np.int8)
STEPS[[ord("["), ord("{")]] = 1
STEPS[[ord("]"), ord("}")]] = -1
"""By how many levels each byte of a structure goes deeper."""
SHORT = 4096
"""Bytes of a body that is split at its quotation marks, which for large ones takes longer than NumPy does."""
DEPTH_CHUNK = 2**16
"""Bytes of a structure whose levels are held at once."""
NOT_FINITE = (b"NaN", b"Infinity")
TEXTS_AND_NOT_FINITE = re.compile(rb'"(?:[^"\\]|\\.)*+"?|NaN|-?Infinity', re.DOTALL)
"""A text, of which nothing is looked at, or a number that isn't finite. Takes linear time whatever the body is."""

ADVICE = {
    "infinity": "It has a number beyond the range of double precision.",
    "UTF-8:": "It has bytes that are not UTF-8.",
    "byte order mark": "It begins with a byte order mark, which JSON doesn't allow.",
    "depth limit": "It nests too deeply.",
    "surrogate": "It has half of a surrogate pair, which stands for no character.",
}
"""A sentence for what the parser says, by a part of its message."""


def dump_json(document: Any) -> bytes:
    """The document as JSON, in which NumPy's arrays are lists; a number that is not finite is null."""
    # A terminal that shows several answers keeps them apart.
    return orjson.dumps(document, default=_as_json, option=orjson.OPT_APPEND_NEWLINE)


def in_parts(items: list[Any]) -> list[Any] | orjson.Fragment:
    """What to write for a list that may be long: while orjson writes, no other thread of the process goes on."""
    if len(items) <= ITEMS_AT_ONCE:
        return items
    parts = (items[start : start + ITEMS_AT_ONCE] for start in range(0, len(items), ITEMS_AT_ONCE))
    return orjson.Fragment(b"[%b]" % b",".join(orjson.dumps(part, default=_as_json)[1:-1] for part in parts))


def _as_json(value: Any) -> orjson.Fragment:
    """What orjson shall write for an array."""
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{type(value).__name__} is no JSON")
    return orjson.Fragment(_write_array(value))


def _write_array(array: np.ndarray) -> bytes:
    """An array as JSON, one matrix after another: orjson takes some hundred bytes at once for each innermost list."""
    if array.ndim <= 2:
        return orjson.dumps(np.array(array, order="C"), option=orjson.OPT_SERIALIZE_NUMPY)
    return b"[%b]" % b",".join(_write_array(part) for part in array)


def parse_json(body: bytes, max_depth: int, *, non_finite: bool = False) -> Any:
    """JSON that nests at most `max_depth` levels and gives no member twice. Raises MalformedBody.

    With `non_finite` it may also hold `NaN`, `Infinity` and `-Infinity`, which JSON itself doesn't have.
    """
    if non_finite and any(word in body for word in NOT_FINITE):
        parse_json(TEXTS_AND_NOT_FINITE.sub(_as_null, body), max_depth)
        return json.loads(body)
    structure = _structure(body)
    if _depth(structure) > max_depth:
        raise MalformedBody(f"The body nests more than {max_depth} levels deep.")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(_explain(error, body)) from None
    if structure.count(b":") != _count_members(document, structure):
        json.loads(body, object_pairs_hook=_refuse_doubled_member)
    return document


def _as_null(match: re.Match[bytes]) -> bytes:
    return match[0] if match[0].startswith(b'"') else b"null"


def _structure(body: bytes) -> bytes:
    """The brackets, braces and colons of a body, without those in strings. Takes linear time whatever the body is."""
    if b"\\" in body:
        body = body.replace(rb"\\", b"").replace(rb"\"", b"")
    if len(body) <= SHORT:
        return b"".join(body.split(b'"')[::2]).translate(None, UNSTRUCTURED)
    marks = np.frombuffer(body.translate(None, UNSTRUCTURED), np.uint8)
    quotes = marks == QUOTE
    return marks[~(quotes | np.logical_xor.accumulate(quotes))].tobytes()


def _depth(structure: bytes) -> int:
    if len(structure) < 16:
        return structure.count(b"[") + structure.count(b"{")
    deepest = level = 0
    for start in range(0, len(structure), DEPTH_CHUNK):
        steps = STEPS[np.frombuffer(structure[start : start + DEPTH_CHUNK], np.uint8)]
        levels = np.cumsum(steps, dtype=np.int32)
        deepest = max(deepest, level + int(levels.max()))
        level += int(levels[-1])
    return deepest


def _explain(error: orjson.JSONDecodeError, body: bytes) -> str:
    if not body.strip():
        return "The body is empty."
    for part, sentence in ADVICE.items():
        if part in error.msg:
            return f"The body is no JSON. {sentence}"
    return f"The body is no JSON: line {error.lineno}, column {error.colno}: {error.msg}."


def _count_members(document: Any, structure: bytes) -> int:
    """How many members the document's objects have together. The millions of numbers that it may hold are not visited.

    Where there are more objects than the outermost, they are counted in what the document is when written again.
    """
    objects = structure.count(b"{")
    if objects <= 1 and (isinstance(document, dict) or not objects):
        return len(document) if objects else 0
    return _structure(orjson.dumps(document)).count(b":")


def _refuse_doubled_member(pairs: Sequence[tuple[str, Any]]) -> None:
    names = set()
    for name, _ in pairs:
        if name in names:
            raise MalformedBody(f'The body gives the member "{name}" twice in one object.')
        names.add(name)
