"""The error responses of each operation in the OpenAPI document."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from service.api.contract.documentation.headers import OF_RATE_LIMITS, refer
from service.api.http.errors import PROBLEM_TYPES
from service.api.http.media_types import FORM, JSON, PROBLEM, SVG
from service.api.http.rate_classes import find_class

Operation = dict[str, Any]


@dataclass(frozen=True)
class Error:
    """The documentation of a status, with the `code` and the `detail` of an example."""

    status: int
    name: str
    description: str
    detail: str = ""
    code: str = ""
    headers: tuple[str, ...] = ()

    def to_response(self) -> dict[str, Any]:
        """The response with a problem document."""
        content: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/Problem"}}
        if self.code:
            content["example"] = self._example()
        return self._describe({PROBLEM: content})

    def to_dialect(self) -> dict[str, Any]:
        """The response in the form of other servers' protocols."""
        schema = {"$ref": "#/components/schemas/DialectError"}
        example = {"example": {"error": self.detail}} if self.detail else {}
        content = {JSON: {"schema": schema, **example}}
        return self._describe(content)

    def _describe(self, content: dict[str, Any]) -> dict[str, Any]:
        headers = refer(*self.headers, *OF_RATE_LIMITS)
        return {"description": self.description, "headers": headers, "content": content}

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
            "The query, a header or the JSON is malformed. Each entry of `errors` names its parameter or header.",
            '"limit" must be an integer of at least 1.',
            "invalid-query",
        ),
        Error(
            401,
            "Unauthenticated",
            "The request has no API key, or one that is unknown, expired or revoked.",
            "The request has no API key. Send one as `Authorization: Bearer KEY`.",
            "unauthenticated",
            ("WWW-Authenticate",),
        ),
        Error(
            403,
            "Forbidden",
            "The API key lacks the scope that the request needs. Or a browser sent the request on behalf of a page of "
            "another site.",
            'This request needs an API key with the scope "train".',
            "scope-missing",
        ),
        Error(404, "NotFound", "The resource in the path doesn't exist.", 'There is no model "flowers".', "not-found"),
        Error(
            406,
            "NotAcceptable",
            "The request's `Accept` includes none of the media types that the endpoint can send.",
            "The response is only available as application/json.",
            "not-acceptable",
        ),
        Error(
            409,
            "Conflict",
            "The current state doesn't allow the request: a name is taken, or a resource isn't ready, is in use or is "
            "final. If the response has `Retry-After`, the conflict is temporary.",
            'The model "flowers" already exists. Choose another name, or delete it.',
            "name-taken",
            ("Retry-After",),
        ),
        Error(
            412,
            "PreconditionFailed",
            "The resource has changed and doesn't match `If-Match`, or exists although `If-None-Match` is `*`. The "
            "request had no effect.",
            "The resource has changed: its ETag doesn't match If-Match. Get the resource and use its new ETag.",
            "precondition-failed",
        ),
        Error(
            413,
            "BodyTooLarge",
            "The body exceeds the size limit that the operator sets, or expands to too many values, rows or "
            "numbers. For predictions: the response would be too large.",
            "The body exceeds the limit of 67,108,864 bytes.",
            "body-too-large",
        ),
        Error(
            415,
            "UnsupportedMediaType",
            "The `Content-Type` or the `Content-Encoding` of the body is unsupported.",
            "The body must be application/json, not text/plain.",
            "unsupported-media-type",
        ),
        Error(
            416,
            "RangeNotSatisfiable",
            "The `Range` starts beyond the end of the file.",
            "The requested range cannot be satisfied",
            "range-not-satisfiable",
        ),
        Error(
            422,
            "ContentWrong",
            "The request is invalid: the body is well-formed, but its content isn't. `errors` lists every fault, with "
            "its location and what would be valid.",
            '"task" must be one of regression, binary, multiclass, multilabel.',
            "invalid-request",
        ),
        Error(
            429,
            "TooManyRequests",
            "The rate limit for requests of this class is exceeded: retry after `Retry-After` seconds. Or a quota of "
            "the project is used up: waiting helps if the response has `Retry-After`.",
            'At most 600 requests of the class "write" are allowed per 60 seconds. Retry in 42 seconds.',
            "rate-limited",
            ("Retry-After",),
        ),
        Error(
            500,
            "Internal",
            "An error in the service, not in the request. The service's log has the details under the `request_id`.",
            "An unexpected error occurred in the service. The service's log has the details under the request_id.",
            "internal",
        ),
        Error(
            503,
            "Unavailable",
            "Temporarily unavailable: too many requests or jobs, no worker, or no database. Retry after `Retry-After` "
            "seconds.",
            "Too many concurrent predictions.",
            "overloaded",
            ("Retry-After",),
        ),
        Error(
            507,
            "DiskFull",
            "The disk is full, or the artifacts can't be written. Nothing was saved.",
            "The disk is full: nothing was saved. Delete resources that you no longer need, then retry.",
            "disk-full",
        ),
    )
}
"""By status."""
OTHER = Error(
    0,
    "Problem",
    "Any other error, such as an unsupported method (405), a request that arrives too slowly (408), a URL that is "
    "too long (414) or a host that the service doesn't serve (421).",
)
DIALECT_STATUSES = (400, 401, 403, 404, 413, 429, 500, 503)
DIALECT = "Dialect"
"""The prefix of the components that are errors of other servers' protocols."""
CONFLICTING_READS = (
    "list_rows",
    "get_summary",
    "get_batch_prediction_result",
    "get_weights",
    "get_artifact",
    "get_snapshot",
    "get_snapshot_weights",
    "get_architecture",
    "get_boundary",
    "get_confusion",
    "get_filters",
    "get_preview",
    "get_residuals",
    "get_roc",
    "get_samples",
    "get_snapshot_boundary",
)
"""Operations that read resources which may not be ready yet."""


def components() -> dict[str, Any]:
    """The response components that operations refer to."""
    own = {error.name: error.to_response() for error in (*ERRORS.values(), OTHER)}
    of_dialects = [ERRORS[status] for status in DIALECT_STATUSES] + [OTHER]
    return own | {f"{DIALECT}{error.name}": error.to_dialect() for error in of_dialects}


def responses(operation: Operation, method: str, path: str) -> dict[str, Any]:
    """The error responses of an operation."""
    dialect = DIALECT if is_dialect(operation) else ""
    statuses = sorted(_find_statuses(operation, method, path))
    found = [ERRORS[status] for status in statuses if not dialect or status in DIALECT_STATUSES]
    named = {str(error.status): error.name for error in found} | {"default": OTHER.name}
    return {status: {"$ref": f"#/components/responses/{dialect}{name}"} for status, name in named.items()}


def is_dialect(operation: Operation) -> bool:
    """Whether an operation belongs to another server's protocol."""
    return bool({"tensorflow_serving", "open_inference"} & set(operation["tags"]))


def _find_statuses(operation: Operation, method: str, path: str) -> Iterator[int]:
    yield from (400, 406, 500, 503)
    if find_class(method.upper(), path, is_prediction=False) is not None:
        yield 429
    names = {parameter["name"] for parameter in operation.get("parameters", ())}
    body = operation.get("requestBody", {}).get("content", {})
    if "{" in path:
        yield 404
    if body:
        yield from (413, 415, 422)
    if SVG in operation["responses"].get("200", {}).get("content", {}):
        yield 422
    if FORM in body or "Idempotency-Key" in names or method == "put":
        yield 507
    if "If-Match" in names:
        yield 412
    if "Range" in names:
        yield 416
    if operation["security"] or method != "get":
        yield 403
    if operation["security"]:
        yield 401
    if method != "get" or operation["operationId"] in CONFLICTING_READS:
        yield 409
