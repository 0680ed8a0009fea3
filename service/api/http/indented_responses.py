"""Indents the responses of Flask for clients that want it."""

from flask import Flask, Response, request

from service.api.http.indentation import INDENTED, PARAMETER, indent_json, is_wanted, may_indent, take_parameter
from service.api.http.media_types import JSON, PROBLEM


def register(app: Flask) -> None:
    """Register the indentation of the app's responses; compression follows it."""
    app.before_request(check_parameter)
    app.after_request(indent)


def check_parameter() -> None:
    """Raise InvalidQuery if the query's `pretty` is neither true nor false, on routes without a query too. If there is
    no route, that is the error."""
    if may_indent(request.path) and request.routing_exception is None:
        take_parameter(request.args.to_dict())


def indent(response: Response) -> Response:
    """Indent the response and mark its ETag if the request's client wants that; otherwise return it unchanged."""
    if may_indent(request.path) and request.method != "POST" and response.mimetype == JSON:
        response.vary.add("User-Agent")
    user_agent = request.headers.get("User-Agent", "")
    if not is_wanted(request.method, request.path, request.args.get(PARAMETER), user_agent):
        return response
    if response.is_streamed or response.mimetype not in (JSON, PROBLEM) or not response.get_data():
        return response
    response.set_data(indent_json(response.get_data()))
    tag, is_weak = response.get_etag()
    if tag is not None:
        response.set_etag(f"{tag}{INDENTED}", weak=bool(is_weak))
    return response
