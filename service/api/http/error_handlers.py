"""Turns every exception of a route into an error response."""

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from service.api.http.bodies import write_json
from service.api.http.handing_over import leave_wait
from service.api.http.handoff import Wait
from service.api.http.links import public
from service.api.http.problems import ErrorAnswer, answer_error, answer_status
from service.api.http.state import request_id


def register_error_handlers(app: Flask) -> None:
    """Register handlers that answer every exception of the app with an error response."""
    app.register_error_handler(Wait, leave_wait)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer)


def _answer(error: Exception) -> Response:
    return _respond(answer_error(error, request.path, request_id()))


def _answer_http(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400 or error.response is not None:
        return error.get_response()  # type: ignore[return-value]
    details = {
        404: f"Nothing was found at {public(request.path)}.",
        405: f"{public(request.path)} doesn't support {request.method}.",
    }
    detail = details.get(status) or error.description or ""
    response = _respond(answer_status(status, detail, request.path, request_id()))
    headers = response.headers.keys()
    response.headers.extend([(name, value) for name, value in error.get_headers() if name not in headers])
    return response


def _respond(answer: ErrorAnswer) -> Response:
    response = write_json(answer.document)
    response.status_code = answer.status
    response.mimetype = answer.media_type
    response.headers.update(answer.headers)
    return response
