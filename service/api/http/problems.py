"""Error responses: problem documents (RFC 9457), or the protocol's own form on the paths of other servers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from models.errors import Fault, ModelsError
from service.api.http.errors import CODES_OF_STATUS, INTERNAL, PROBLEM_TYPES, InvalidQuery, RequestFault
from service.api.http.links import public
from service.api.http.media_types import JSON, PROBLEM
from service.api.inference.errors import dialect_status, dialect_text, speaks_dialect
from service.errors import ServiceError, of_disk
from service.operations.metrics.counted import REFUSALS
from service.storage.paging import InvalidCursor

RETRY_AFTER_SECONDS = 5
"""The default for temporary errors."""
UNAUTHENTICATED = 401
CHALLENGE = 'Bearer realm="fitserve"'
"""How a client can authenticate (RFC 6750, section 3)."""
OPERATOR_STATUSES = (500, 507)
"""The statuses of errors that only the operator can fix; they are logged."""

REFUSING_STATUSES = (429, 503, 507)
"""The statuses of requests that are refused because of a limit or the service's state; they are counted."""

log = structlog.get_logger()


@dataclass(frozen=True)
class ErrorAnswer:
    """The response to a failed request: `document` is its JSON body."""

    status: int
    media_type: str
    document: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


def answer_error(error: Exception, path: str, request_id: str) -> ErrorAnswer:
    """The response for an exception. Errors of the service are logged."""
    if isinstance(error, InvalidCursor):
        detail = "The cursor is invalid for this list. Follow `next` of a page, or omit the cursor to start again."
        error = InvalidQuery(detail, [RequestFault(detail, parameter="cursor")])
    if isinstance(error, ServiceError | ModelsError) and error.code in PROBLEM_TYPES:
        if PROBLEM_TYPES[error.code].status in OPERATOR_STATUSES:
            log.error("service error", code=error.code, detail=error.detail)
        retry_after = getattr(error, "retry_after", None)
        answer = answer_code(error.code, error.detail, path, request_id, error.faults, retry_after)
        if not speaks_dialect(path):
            answer.document.update(getattr(error, "members", {}))
        return answer
    if isinstance(error, OSError) and (failure := of_disk(error)) is not None:
        log.error("a file can't be written", path=error.filename, reason=error.strerror)
        return answer_code(failure.code, failure.detail, path, request_id)
    log.error("unexpected error", exc_info=error)
    detail = "An unexpected error occurred in the service. The service's log has the details under the request_id."
    return answer_code("internal", detail, path, request_id)


def answer_status(status: int, detail: str, path: str, request_id: str) -> ErrorAnswer:
    """The response for an HTTP status that the server or Flask raises."""
    code = CODES_OF_STATUS.get(status, "bad-request" if status < 500 else "internal")
    return answer_code(code, detail or PROBLEM_TYPES[code].title, path, request_id)


def answer_code(
    code: str,
    detail: str,
    path: str,
    request_id: str,
    faults: Sequence[Fault] = (),
    retry_after: int | None = None,
) -> ErrorAnswer:
    """The response for an error code, in the form of the path's protocol."""
    document = _describe(code, detail, faults)
    status: int = document["status"]
    if status in REFUSING_STATUSES:
        REFUSALS.count(code)
    if speaks_dialect(path):
        status = dialect_status(status)
        media_type, document = JSON, {"error": dialect_text(detail, faults)}
    else:
        media_type = PROBLEM
        document |= {"instance": public(path), "request_id": request_id}
    if retry_after is None and status == 503:
        retry_after = RETRY_AFTER_SECONDS
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    if status == UNAUTHENTICATED:
        headers["WWW-Authenticate"] = CHALLENGE
    return ErrorAnswer(status, media_type, document, headers)


def describe_failure(error: dict[str, Any] | None) -> dict[str, Any] | None:
    """The problem object for the error that a job recorded as `code`, `detail`, `faults` and `members`."""
    if error is None:
        return None
    faults = [Fault.from_dict(fault) for fault in error.get("faults", ())]
    return error.get("members", {}) | _describe(error["code"], error["detail"], faults)


def _describe(code: str, detail: str, faults: Sequence[Fault] = ()) -> dict[str, Any]:
    problem = PROBLEM_TYPES.get(code, INTERNAL)
    members = {
        "type": public(problem.url),
        "title": problem.title,
        "status": problem.status,
        "detail": detail,
        "error": detail,
    }
    return members | {"errors": [fault.to_dict() for fault in faults]} if faults else members
