"""Reads JSON bodies strictly, explains what is invalid in malformed ones, and writes JSON responses."""

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from flask import Request, Response, current_app
from werkzeug.exceptions import RequestEntityTooLarge

from service.api.http.content_encoding import find_encoding, unpack
from service.api.http.errors import MalformedBody, UnsupportedMediaType
from service.api.http.media_types import JSON, MERGE_PATCH
from service.api.http.state import context

CHUNK_ITEMS = 2000
"""Items of a list that are written in one step; other threads run between two steps."""

QUOTE = ord('"')
STRUCTURE = b"[]{}:"
UNSTRUCTURED = bytes(byte for byte in range(256) if byte not in STRUCTURE + b'"')
STEPS = np.zeros(256, np.int8)
STEPS[[ord("["), ord("{")]] = 1
STEPS[[ord("]"), ord("}")]] = -1
"""The change of the nesting level at each byte of a structure."""
SHORT = 4096
"""Bytes of a body that is split at its quotation marks. For larger ones, NumPy is faster."""
DEPTH_CHUNK = 2**16
"""Bytes of a structure whose levels are in memory at a time."""
NOT_FINITE = (b"NaN", b"Infinity")
TEXTS_AND_NOT_FINITE = re.compile(rb'"(?:[^"\\]|\\.)*+"?|NaN|-?Infinity', re.DOTALL)
"""Matches a string, whose content is skipped, or a number that isn't finite. Takes linear time for any body."""

ADVICE = {
    "infinity": "It has a number beyond the range of double precision.",
    "UTF-8:": "It has bytes that are not UTF-8.",
    "byte order mark": "It begins with a byte order mark, which JSON doesn't allow.",
    "depth limit": "It has too many levels of nesting.",
    "surrogate": "It has an unpaired surrogate, which is not a character.",
}
"""An explanation of the parser's error, by a part of its message."""


def write_json(document: Any) -> Response:
    """Return a response with the document as JSON."""
    return Response(dump_json(document), mimetype=JSON)


def dump_json(document: Any) -> bytes:
    """Serialize the document as JSON. NumPy arrays become lists; numbers that are not finite become null."""
    # The final newline separates responses in a terminal.
    return orjson.dumps(document, default=_as_json, option=orjson.OPT_APPEND_NEWLINE)


def in_parts(items: list[Any]) -> list[Any] | orjson.Fragment:
    """Split a long list for `dump_json`, because orjson blocks all other threads of the process while it writes."""
    if len(items) <= CHUNK_ITEMS:
        return items
    parts = (items[start : start + CHUNK_ITEMS] for start in range(0, len(items), CHUNK_ITEMS))
    return orjson.Fragment(b"[%b]" % b",".join(orjson.dumps(part, default=_as_json)[1:-1] for part in parts))


def no_content() -> Response:
    """Return a response with status 204."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response


def _as_json(value: Any) -> orjson.Fragment:
    """Serialize an array for orjson."""
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{type(value).__name__} is not JSON serializable")
    return orjson.Fragment(_write_array(value))


def _write_array(array: np.ndarray) -> bytes:
    """Serialize an array matrix by matrix, because orjson allocates some hundred bytes for each innermost list."""
    if array.ndim <= 2:
        return orjson.dumps(np.array(array, order="C"), option=orjson.OPT_SERIALIZE_NUMPY)
    return b"[%b]" % b",".join(_write_array(part) for part in array)


def read_json(request: Request) -> Any:
    """Parse the request's body as JSON. Raises UnsupportedMediaType, MalformedBody, RequestEntityTooLarge."""
    refuse_other_types(request, *((JSON, MERGE_PATCH) if request.method == "PATCH" else (JSON,)))
    return parse_json(read_body(request), context().settings.max_json_depth)


def refuse_other_types(request: Request, *accepted: str) -> None:
    """Raise UnsupportedMediaType if the body has none of these media types."""
    if request.environ.get("CONTENT_TYPE") in accepted:
        return
    if request.mimetype not in accepted:
        given = f"not {request.mimetype}" if request.mimetype else "and the request has no Content-Type"
        raise UnsupportedMediaType(f"The body must be {' or '.join(accepted)}, {given}.")


def read_body(request: Request) -> bytes:
    """Read the whole body and decompress it if needed.

    Raises RequestEntityTooLarge, UnsupportedMediaType, MalformedBody.
    """
    encoding = content_encoding(request)
    body = request.get_data(cache=False)
    most = current_app.config["MAX_CONTENT_LENGTH"] - 1
    # If a body has no length, Flask silently stops at its limit, which is one byte above the configured one.
    if len(body) > most:
        raise RequestEntityTooLarge
    return body if encoding is None else unpack(body, encoding, most)


def content_encoding(request: Request) -> str | None:
    """The body's content encoding; None if it is not compressed. Raises UnsupportedMediaType."""
    return find_encoding(request.environ.get("HTTP_CONTENT_ENCODING", ""))


def parse_json(body: bytes, max_depth: int, *, non_finite: bool = False) -> Any:
    """Parse JSON with at most `max_depth` levels of nesting and no duplicate fields. Raises MalformedBody.

    With `non_finite`, also accept `NaN`, `Infinity` and `-Infinity`, which are not valid JSON.
    """
    if non_finite and any(word in body for word in NOT_FINITE):
        parse_json(TEXTS_AND_NOT_FINITE.sub(_as_null, body), max_depth)
        return json.loads(body)
    structure = _structure(body)
    if _depth(structure) > max_depth:
        raise MalformedBody(f"The body has more than {max_depth} levels of nesting.")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(_explain(error, body)) from None
    if structure.count(b":") != _count_fields(document, structure):
        json.loads(body, object_pairs_hook=_refuse_duplicate_field)
    return document


def _as_null(match: re.Match[bytes]) -> bytes:
    return match[0] if match[0].startswith(b'"') else b"null"


def _structure(body: bytes) -> bytes:
    """The brackets, braces and colons of a body, without those in strings. Takes linear time for any body."""
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
            return f"The body is not JSON. {sentence}"
    return f"The body is not JSON: line {error.lineno}, column {error.colno}: {error.msg}."


def _count_fields(document: Any, structure: bytes) -> int:
    """Count the fields of all objects in the document, without visiting the millions of numbers that it may hold.

    If the document has nested objects, it is serialized again and the fields are counted there.
    """
    objects = structure.count(b"{")
    if objects <= 1 and (isinstance(document, dict) or not objects):
        return len(document) if objects else 0
    return _structure(orjson.dumps(document)).count(b":")


def _refuse_duplicate_field(pairs: Sequence[tuple[str, Any]]) -> None:
    names = set()
    for name, _ in pairs:
        if name in names:
            raise MalformedBody(f'The body has the field "{name}" twice in one object.')
        names.add(name)
