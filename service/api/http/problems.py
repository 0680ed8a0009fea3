"""Turns every error into a problem document (RFC 9457), or on a dialect's paths into what that protocol has."""

import errno
from collections.abc import Sequence
from typing import Any

import structlog
from flask import Flask, Response, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, HTTPException

from models.errors import Fault, ModelsError
from service.api.front.tracing import REQUEST_ID
from service.api.http.bodies import write_json
from service.api.http.errors import CODES_OF_STATUS, INTERNAL, PROBLEM_TYPES, InvalidQuery, MalformedBody, RequestFault
from service.api.http.media_types import PROBLEM
from service.api.http.state import context
from service.api.inference.errors import dialect_status, dialect_text, speaks_dialect
from service.errors import ServiceError
from service.storage.paging import InvalidCursor

RETRY_AFTER_SECONDS = 5
"""For errors that pass by themselves, where nothing better is known."""
OPERATORS_FAULTS = (500, 507)
"""Statuses of what only the operator can mend, and finds in the log."""

log = structlog.get_logger()


def register_error_handlers(app: Flask) -> None:
    """Have every error of the app answered by a problem document."""
    app.register_error_handler(ServiceError, _answer_known)
    app.register_error_handler(ModelsError, _answer_known)
    app.register_error_handler(InvalidCursor, _answer_invalid_cursor)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(ParseException, _answer_broken_chunks)
    app.register_error_handler(OSError, _answer_system)
    app.register_error_handler(Exception, _answer_unforeseen)


def describe_failure(error: dict[str, Any] | None) -> dict[str, Any] | None:
    """The problem object for what a job recorded as its error: `code`, `detail` and `faults`."""
    if error is None:
        return None
    return _describe(error["code"], error["detail"], [Fault.from_dict(fault) for fault in error.get("faults", ())])


def _describe(code: str, detail: str, faults: Sequence[Fault] = ()) -> dict[str, Any]:
    problem = PROBLEM_TYPES.get(code, INTERNAL)
    members = {"type": problem.url, "title": problem.title, "status": problem.status, "detail": detail, "error": detail}
    return members | {"errors": [fault.to_dict() for fault in faults]} if faults else members


def _respond(code: str, detail: str, faults: Sequence[Fault] = (), retry_after: int | None = None) -> Response:
    document = _describe(code, detail, faults)
    if speaks_dialect(request.path):
        response = write_json({"error": dialect_text(detail, faults)})
        response.status_code = dialect_status(document["status"])
    else:
        document |= {"instance": request.path, "request_id": request.environ.get(REQUEST_ID)}
        response = write_json(document)
        response.status_code = document["status"]
        response.mimetype = PROBLEM
    if retry_after is None and response.status_code in (429, 503):
        retry_after = RETRY_AFTER_SECONDS
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _answer_known(error: ServiceError | ModelsError) -> Response:
    if error.code not in PROBLEM_TYPES:
        return _answer_unforeseen(error)
    if PROBLEM_TYPES[error.code].status in OPERATORS_FAULTS:
        log.error("fault of the service", code=error.code, detail=error.detail)
    return _respond(error.code, error.detail, error.faults, getattr(error, "retry_after", None))


def _answer_invalid_cursor(_error: InvalidCursor) -> Response:
    detail = "The cursor is none that this list gave out. Follow the `next` of a page, or begin without a cursor."
    return _answer_known(InvalidQuery(detail, [RequestFault(detail, parameter="cursor")]))


def _answer_http(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400 or error.response is not None:
        return error.get_response()  # type: ignore[return-value]
    details = {
        400: "The body was cut off before its end." if isinstance(error, ClientDisconnected) else None,
        404: f"There is nothing at {request.path}.",
        405: f"{request.method} is not possible at {request.path}.",
        413: f"The body has more than the {context().settings.max_body_bytes:,} bytes that are taken.",
    }
    code = CODES_OF_STATUS.get(status, "bad-request" if status < 500 else "internal")
    response = _respond(code, details.get(status) or error.description or code)
    headers = response.headers.keys()
    response.headers.extend([(name, value) for name, value in error.get_headers() if name not in headers])
    return response


def _answer_broken_chunks(_error: ParseException) -> Response:
    return _answer_known(MalformedBody("The chunks that the body was sent in are broken (RFC 9112, section 7.1)."))


def _answer_system(error: OSError) -> Response:
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return _answer_unforeseen(error)
    log.error("the disk is full", method=request.method, path=error.filename)
    return _respond("disk-full", "The disk is full: nothing was kept. Delete what is no longer needed, then try again.")


def _answer_unforeseen(error: Exception) -> Response:
    log.error("unforeseen error", method=request.method, exc_info=error)
    return _respond("internal", "Something went wrong in the service. Its log says more under the request_id.")
