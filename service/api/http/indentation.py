"""Indents JSON for people in a terminal: with `?pretty=true`, and by default for curl."""

import orjson
from flask import Flask, Response, request

from service.api.http.dialect_paths import OWN_ERRORS
from service.api.http.media_types import JSON, PROBLEM

ROOT = "/v1/"
"""The prefix of paths whose responses can be indented."""
PARAMETER = "pretty"
CURL = "curl/"
INDENTED = "-pretty"
"""The suffix of an indented response's ETag, before the suffix of a compressed one."""
OPTIONS = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


def register(app: Flask) -> None:
    """Register the indentation of the app's responses; compression follows it."""
    app.after_request(indent)


def is_wanted(parameter: str | None, user_agent: str, *, of_prediction: bool) -> bool:
    """Whether a client wants a response of `/v1` indented; `parameter` is the query's `pretty`, if present."""
    if parameter is not None:
        return parameter == "true"
    return not of_prediction and user_agent.startswith(CURL)


def indent_json(content: bytes) -> bytes:
    """Indent JSON."""
    return orjson.dumps(orjson.loads(content), option=OPTIONS)


def indent(response: Response) -> Response:
    """Indent the response and mark its ETag if the request's client wants that; otherwise return it unchanged."""
    if not request.path.startswith(ROOT) or OWN_ERRORS.fullmatch(request.path):
        return response
    of_prediction = request.method == "POST" and request.path.endswith("/predictions")
    if request.method != "POST" and response.mimetype == JSON:
        response.vary.add("User-Agent")
    if not is_wanted(request.args.get(PARAMETER), request.headers.get("User-Agent", ""), of_prediction=of_prediction):
        return response
    if response.is_streamed or response.mimetype not in (JSON, PROBLEM) or not response.get_data():
        return response
    response.set_data(indent_json(response.get_data()))
    tag, is_weak = response.get_etag()
    if tag is not None:
        response.set_etag(f"{tag}{INDENTED}", weak=bool(is_weak))
    return response
