"""The errors that each operation can meet, as responses of the OpenAPI document."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from service.api.contract.documentation.headers import refer
from service.api.http.errors import PROBLEM_TYPES
from service.api.http.media_types import FORM, JSON, PROBLEM

Operation = dict[str, Any]


@dataclass(frozen=True)
class Error:
    """What a status says, with an example's `code` in the table of problems and its detail."""

    status: int
    name: str
    description: str
    detail: str = ""
    code: str = ""
    headers: tuple[str, ...] = ()

    def to_response(self) -> dict[str, Any]:
        """As a problem document."""
        content: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/Problem"}}
        if self.code:
            content["example"] = self._example()
        return {"description": self.description, "headers": refer(*self.headers), "content": {PROBLEM: content}}

    def to_dialect(self) -> dict[str, Any]:
        """As other servers have it."""
        schema = {"$ref": "#/components/schemas/DialectError"}
        example = {"example": {"error": self.detail}} if self.detail else {}
        content = {JSON: {"schema": schema, **example}}
        return {"description": self.description, "headers": refer(*self.headers), "content": content}

    def _example(self) -> dict[str, Any]:
        problem = PROBLEM_TYPES[self.code]
        about = {"type": problem.url, "title": problem.title, "status": problem.status}
        request = {"instance": "/v1/models/flowers", "request_id": "beef9fd55c4946ddf44c12eacaebc533"}
        return about | {"detail": self.detail, "error": self.detail} | request


ERRORS = {
    error.status: error
    for error in (
        Error(
            400,
            "BadRequest",
            "The query, a header, or the JSON is malformed; each fault names its parameter.",
            '"limit" must be a whole number, 1 or more.',
            "invalid-query",
        ),
        Error(
            403,
            "CrossSiteRequest",
            "A browser sent the request on behalf of a page of another site.",
            "A page of another site (https://example.org) sent this request. The operator lists the sites that may in "
            "FITSERVE_CORS_ORIGINS.",
            "cross-site-request",
        ),
        Error(404, "NotFound", "What the path names isn't there.", 'There is no model "flowers".', "not-found"),
        Error(
            406,
            "NotAcceptable",
            "The request's `Accept` leaves out every type in which this can be sent.",
            "This can be sent as application/json only.",
            "not-acceptable",
        ),
        Error(
            409,
            "Conflict",
            "The present state doesn't allow it: a name is taken, something isn't ready, is still needed, or is final. "
            "With `Retry-After` it will pass by itself.",
            'There is a model "flowers" already.',
            "name-taken",
            ("Retry-After",),
        ),
        Error(
            412,
            "PreconditionFailed",
            "The resource isn't as `If-Match` says: it was changed meanwhile. Nothing was done.",
            "The resource isn't as the If-Match says: it was changed meanwhile. Get it again, and its ETag.",
            "precondition-failed",
        ),
        Error(
            413,
            "BodyTooLarge",
            "The body has more bytes than are taken; the operator sets the limits.",
            "The body has more than the 67,108,864 bytes that are taken.",
            "body-too-large",
        ),
        Error(
            415,
            "UnsupportedMediaType",
            "The `Content-Type` or the `Content-Encoding` of the body isn't taken here.",
            "The body must be application/json, not text/plain.",
            "unsupported-media-type",
        ),
        Error(
            416,
            "RangeNotSatisfiable",
            "The `Range` begins beyond the end of the file.",
            "The requested range cannot be satisfied",
            "range-not-satisfiable",
        ),
        Error(
            422,
            "ContentWrong",
            "The body is well-formed, but what it says can't be done: every fault stands in `errors`, with its place "
            "and what would be right.",
            '"task" must be one of regression, binary, multiclass, multilabel.',
            "invalid-request",
        ),
        Error(
            500,
            "Internal",
            "A fault of the service, not of the request: its log says more under the `request_id`.",
            "Something went wrong in the service. Its log says more under the request_id.",
            "internal",
        ),
        Error(
            503,
            "Unavailable",
            "Not now: too many requests or jobs, no worker, or the database is away. `Retry-After` says when to try "
            "again.",
            "Too many predictions at once.",
            "overloaded",
            ("Retry-After",),
        ),
        Error(
            507,
            "DiskFull",
            "There is no room left: nothing was kept.",
            "The disk is full: nothing was kept. Delete what is no longer needed, then try again.",
            "disk-full",
        ),
    )
}
"""By their statuses."""
OTHER = Error(
    0,
    "Problem",
    "Any other problem, such as a method that isn't possible here (405), a request that arrives too slowly (408), too "
    "long a URL (414) or a `Host` that the service doesn't answer for (421).",
)
DIALECT_STATUSES = (400, 403, 404, 413, 500, 503)
DIALECT = "Dialect"
"""What the names of components begin with that are errors of other servers' routes."""
CONFLICTING_READS = ("list_rows", "get_summary", "get_batch_prediction_result", "get_weights", "get_artifact")
"""Operations that read what may not be ready yet."""


def components() -> dict[str, Any]:
    """The responses that operations refer to."""
    own = {error.name: error.to_response() for error in (*ERRORS.values(), OTHER)}
    of_dialects = [ERRORS[status] for status in DIALECT_STATUSES] + [OTHER]
    return own | {f"{DIALECT}{error.name}": error.to_dialect() for error in of_dialects}


def responses(operation: Operation, method: str, path: str) -> dict[str, Any]:
    """The errors of an operation."""
    dialect = DIALECT if is_dialect(operation) else ""
    statuses = sorted(_find_statuses(operation, method, path))
    found = [ERRORS[status] for status in statuses if not dialect or status in DIALECT_STATUSES]
    named = {str(error.status): error.name for error in found} | {"default": OTHER.name}
    return {status: {"$ref": f"#/components/responses/{dialect}{name}"} for status, name in named.items()}


def is_dialect(operation: Operation) -> bool:
    """Whether an operation is of another server's protocol."""
    return bool({"tensorflow_serving", "open_inference"} & set(operation["tags"]))


def _find_statuses(operation: Operation, method: str, path: str) -> Iterator[int]:
    yield from (400, 406, 500, 503)
    names = {parameter["name"] for parameter in operation.get("parameters", ())}
    body = operation.get("requestBody", {}).get("content", {})
    if "{" in path:
        yield 404
    if body:
        yield from (413, 415, 422)
    if FORM in body or "Idempotency-Key" in names:
        yield 507
    if "If-Match" in names:
        yield 412
    if "Range" in names:
        yield 416
    if method != "get":
        yield 403
    if method != "get" or operation["operationId"] in CONFLICTING_READS:
        yield 409
