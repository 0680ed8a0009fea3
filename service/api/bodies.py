"""JSON bodies: reading them strictly, saying what is wrong with those that are no JSON, and writing them."""

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from flask import Request, Response, current_app
from werkzeug.exceptions import RequestEntityTooLarge

from service.api.errors import MalformedBody, UnsupportedMediaType

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"

STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
STRUCTURE = b"[]{}:"
EVERYTHING_ELSE = bytes(byte for byte in range(256) if byte not in STRUCTURE)

ADVICE = {
    "infinity": "It has a number beyond the range of double precision.",
    "UTF-8:": "It has bytes that are not UTF-8.",
    "byte order mark": "It begins with a byte order mark, which JSON doesn't allow.",
    "depth limit": "It nests too deeply.",
    "surrogate": "It has half of a surrogate pair, which stands for no character.",
}
"""A sentence for what the parser says, by a part of its message."""


def write_json(document: Any) -> Response:
    """A response with the document as JSON; a number that is not finite is null."""
    return Response(orjson.dumps(document), mimetype=JSON)


def read_json(request: Request) -> Any:
    """The request's body as JSON. Raises UnsupportedMediaType, MalformedBody, RequestEntityTooLarge."""
    refuse_other_types(request, *((JSON, MERGE_PATCH) if request.method == "PATCH" else (JSON,)))
    return parse_json(read_body(request), current_app.config["MAX_JSON_DEPTH"])


def refuse_other_types(request: Request, *accepted: str) -> None:
    """Raises UnsupportedMediaType for a body that is of none of these types, or compressed."""
    if request.mimetype not in accepted:
        given = f"not {request.mimetype}" if request.mimetype else "and the request has no Content-Type"
        raise UnsupportedMediaType(f"The body must be {' or '.join(accepted)}, {given}.")
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType("The body must not be compressed.")


def read_body(request: Request) -> bytes:
    """The whole body. Raises RequestEntityTooLarge."""
    body = request.get_data(cache=False)
    # Of a body without a length, Flask reads no more than its limit, which is one byte above ours, and says nothing.
    if len(body) >= current_app.config["MAX_CONTENT_LENGTH"]:
        raise RequestEntityTooLarge
    return body


def parse_json(body: bytes, max_depth: int) -> Any:
    """JSON that nests at most `max_depth` levels and gives no member twice. Raises MalformedBody."""
    structure = _structure(body)
    if _depth(structure) > max_depth:
        raise MalformedBody(f"The body nests more than {max_depth} levels deep.")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(_explain(error, body)) from None
    members = structure.count(b":")
    if members and members != _count_members(document):
        raise MalformedBody(f'The body gives the member "{_find_duplicate(body)}" twice in one object.')
    return document


def _structure(body: bytes) -> bytes:
    """The brackets, braces and colons of a body, without those in strings."""
    if b'"' in body:
        body = STRING.sub(b"", body)
    return body.translate(None, EVERYTHING_ELSE)


def _depth(structure: bytes) -> int:
    if len(structure) < 16:
        return structure.count(b"[") + structure.count(b"{")
    marks = np.frombuffer(structure, np.uint8)
    opening = (marks == ord("[")) | (marks == ord("{"))
    closing = (marks == ord("]")) | (marks == ord("}"))
    return int(np.cumsum(opening.astype(np.int32) - closing).max())


def _explain(error: orjson.JSONDecodeError, body: bytes) -> str:
    if not body.strip():
        return "The body is empty."
    for part, sentence in ADVICE.items():
        if part in error.msg:
            return f"The body is no JSON. {sentence}"
    return f"The body is no JSON: line {error.lineno}, column {error.colno}: {error.msg}."


def _count_members(document: Any) -> int:
    if isinstance(document, dict):
        return len(document) + sum(_count_members(value) for value in document.values())
    if isinstance(document, list):
        return sum(_count_members(value) for value in document if isinstance(value, dict | list))
    return 0


def _find_duplicate(body: bytes) -> str:
    duplicates: list[str] = []

    def check(pairs: Sequence[tuple[str, Any]]) -> None:
        names = [name for name, _ in pairs]
        duplicates.extend(name for name in names if names.count(name) > 1)

    json.loads(body, object_pairs_hook=check)
    return duplicates[0]
