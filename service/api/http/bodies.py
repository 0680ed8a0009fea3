"""Reads request bodies in Flask, and writes JSON responses."""

from typing import Any

from flask import Request, Response

from service.api.http.content_encoding import find_encoding, unpack
from service.api.http.errors import UnsupportedMediaType
from service.api.http.json_documents import dump_json, parse_json
from service.api.http.media_types import JSON, MERGE_PATCH
from service.api.http.state import allowance, context


def write_json(document: Any) -> Response:
    """Return a response with the document as JSON."""
    return Response(dump_json(document), mimetype=JSON)


def no_content() -> Response:
    """Return a response with status 204."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response


def read_json(request: Request, *, holds_data: bool) -> Any:
    """Parse the request's body as JSON, which must have few values unless it holds data.

    Raises UnsupportedMediaType, MalformedBody, BodyTooLarge, Excessive.
    """
    refuse_other_types(request, *((JSON, MERGE_PATCH) if request.method == "PATCH" else (JSON,)))
    body = read_body(request)
    return parse_json(body, context().settings.max_json_depth, allowance(holds_data=holds_data))


def refuse_other_types(request: Request, *accepted: str) -> None:
    """Raise UnsupportedMediaType if the body has none of these media types."""
    if request.environ.get("CONTENT_TYPE") in accepted:
        return
    if request.mimetype not in accepted:
        given = f"not {request.mimetype}" if request.mimetype else "and the request has no Content-Type"
        raise UnsupportedMediaType(f"The body must be {' or '.join(accepted)}, {given}.")


def read_body(request: Request) -> bytes:
    """Read the whole body, whose size the front has checked, and decompress it if needed.

    Raises UnsupportedMediaType, MalformedBody, BodyTooLarge.
    """
    encoding = content_encoding(request)
    # The front holds the body too.
    allowance().reserve(request.content_length or 0)
    body = request.get_data(cache=False)
    return body if encoding is None else unpack(body, encoding, context().settings.max_body_bytes, allowance().reserve)


def content_encoding(request: Request) -> str | None:
    """The body's content encoding; None if it is not compressed. Raises UnsupportedMediaType."""
    return find_encoding(request.environ.get("HTTP_CONTENT_ENCODING", ""))
