"""Every error that a client can meet, in one table; and the errors that only HTTP knows."""

from dataclasses import dataclass

from models.errors import Fault
from service.errors import ServiceError


@dataclass(frozen=True)
class ProblemType:
    """What a code means over HTTP. The code is also the last part of the problem's `type`."""

    code: str
    status: int
    title: str
    explanation: str

    @property
    def url(self) -> str:
        return f"/problems/{self.code}"


PROBLEM_TYPES = {
    problem.code: problem
    for problem in (
        ProblemType(
            "malformed-body", 400, "The body can't be read",
            "The request's body could not be read as JSON: a syntax error, bytes that are not UTF-8, NaN or infinity, "
            "a number beyond the range of double precision, a member given twice, or nesting that is too deep. Or a "
            "form with files ended before it was complete.",
        ),
        ProblemType(
            "invalid-query", 400, "The query is wrong",
            "The part of the URL after the question mark has a parameter that doesn't exist here, has a value that "
            "isn't possible, or is given twice. Each entry of `errors` names the parameter.",
        ),
        ProblemType(
            "invalid-header", 400, "A header is wrong",
            "A header of the request has a value that isn't possible. Each entry of `errors` names the header.",
        ),
        ProblemType(
            "bad-request", 400, "The request can't be understood",
            "The request breaks a rule of HTTP itself, for example by ending before its body does.",
        ),
        ProblemType(
            "cross-site-request", 403, "A page of another site sent the request",
            "A browser sent a changing request on behalf of a page of another site. The operator lists the sites whose "
            "pages may use the service in FITSERVE_CORS_ORIGINS.",
        ),
        ProblemType(
            "not-found", 404, "There is nothing here",
            "What the path names doesn't exist: it was never made, was deleted, or is spelt otherwise.",
        ),
        ProblemType(
            "method-not-allowed", 405, "The method is not possible here",
            "The path exists but not for this method. The header `Allow` lists those that are possible.",
        ),
        ProblemType(
            "not-acceptable", 406, "None of the accepted types is possible",
            "The header `Accept` leaves out every media type in which this can be sent. The detail names those.",
        ),
        ProblemType(
            "request-timeout", 408, "The request did not arrive in time",
            "The client was silent for too long while its request was incomplete, or sent it too slowly. The operator "
            "sets the limits: FITSERVE_CLIENT_TIMEOUT_SECONDS and FITSERVE_MIN_CLIENT_BYTES_PER_SECOND.",
        ),
        ProblemType(
            "name-taken", 409, "The name is taken",
            "Another resource of that kind has the name. Choose another name, or delete the other resource first.",
        ),
        ProblemType(
            "not-ready", 409, "It is not ready",
            "The resource exists but is still being made: `Retry-After` says when to ask again, and `GET` with "
            "`Prefer: wait=N` waits for it. Or it failed to be made: its `error` says why.",
        ),
        ProblemType(
            "no-version", 409, "The model has no version yet",
            "Predictions need a trained version. Start a training job for the model and wait until it has succeeded.",
        ),
        ProblemType(
            "in-use", 409, "It is still needed",
            "Something that isn't finished, or a label, still needs the resource. The detail names it.",
        ),
        ProblemType(
            "conflict", 409, "The state doesn't allow it",
            "The resource's present state doesn't allow that change. The detail says what it is.",
        ),
        ProblemType(
            "request-in-progress", 409, "The same request is being answered",
            "The first request with the same Idempotency-Key is still being answered. `Retry-After` says when to send "
            "it again; the answer is then that of the first.",
        ),
        ProblemType(
            "precondition-failed", 412, "The resource has changed",
            "The header `If-Match` names none of the resource's present ETags: it was changed since the client read "
            "it. Or `If-None-Match` says that it must not be there, and it is. Nothing was done.",
        ),
        ProblemType(
            "body-too-large", 413, "The body is too large",
            "The body has more bytes than the service takes. The operator sets the limits: FITSERVE_MAX_UPLOAD_BYTES "
            "for forms with files, FITSERVE_MAX_BODY_BYTES for everything else.",
        ),
        ProblemType(
            "uri-too-long", 414, "The URL is too long",
            "The path and the query have more characters together than the service reads, which are about 8,000.",
        ),
        ProblemType(
            "unsupported-media-type", 415, "The body's type is not taken",
            "The header `Content-Type` is missing, or names a media type that isn't taken here. The detail names "
            "those that are.",
        ),
        ProblemType(
            "range-not-satisfiable", 416, "There is no such range",
            "The header `Range` asks for bytes beyond the end of the file.",
        ),
        ProblemType(
            "misdirected-request", 421, "The service does not answer for this host",
            "The header `Host` names a host that the service does not answer for, which keeps web pages from reaching "
            "it under a name of their own. The operator lists the hosts in FITSERVE_ALLOWED_HOSTS.",
        ),
        ProblemType(
            "invalid-request", 422, "The content is wrong",
            "The body is JSON, but its content can't be accepted. Each entry of `errors` says what is wrong, where "
            "(`pointer` is a JSON pointer into the body), and what would be right.",
        ),
        ProblemType(
            "invalid-spec", 422, "The network can't be built",
            "The model's spec can't become a network that can be trained and served. Each entry of `errors` points to "
            "the layer, parameter, loss or metric that is wrong.",
        ),
        ProblemType(
            "invalid-data", 422, "The data can't be used",
            "The data can't become a dataset, or doesn't fit the model. Each entry of `errors` says where.",
        ),
        ProblemType(
            "invalid-instances", 422, "An instance doesn't fit the model",
            "An instance that was posted for prediction doesn't fit the model's input. Each entry of `errors` names "
            "its row, counted from 0, and where there are columns its column.",
        ),
        ProblemType(
            "idempotency-key-reused", 422, "The key belongs to another request",
            "The Idempotency-Key came with another body or query within the last 24 hours. A key stands for one "
            "request, sent once or again: choose a new one for a new request.",
        ),
        ProblemType(
            "source-unavailable", 422, "The source can't be reached",
            "The dataset's source is neither in the service's cache nor can it be downloaded now.",
        ),
        ProblemType(
            "not-servable", 422, "The network can't be served",
            "The network can't be exported to ONNX, or its export doesn't agree with Keras.",
        ),
        ProblemType(
            "incomplete-version", 422, "The version can't be loaded again",
            "The version's files lack something that training on, evaluating or taking layers from it needs; versions "
            "that were trained before Fitserve wrote it do. Train another version.",
        ),
        ProblemType(
            "diverged", 422, "The training diverged",
            "The loss became infinite or NaN. A smaller learning rate or scaled inputs usually help.",
        ),
        ProblemType(
            "out-of-memory", 422, "The job needs too much memory",
            "The job's process used more memory than it may. Use smaller batches, a smaller network or less data.",
        ),
        ProblemType(
            "headers-too-large", 431, "The headers are too large",
            "The request has too many headers, or one that is too long: the service reads 100, of about 8,000 "
            "characters each.",
        ),
        ProblemType(
            "internal", 500, "Something went wrong in the service",
            "A fault of the service, not of the request. Its log has the details under the `request_id`.",
        ),
        ProblemType(
            "damaged-network", 500, "The version's network is damaged",
            "The file of the version's network is missing or damaged: a fault of the service's storage, not of the "
            "request. Restore the file, or train another version.",
        ),
        ProblemType(
            "database-unusable", 500, "The database can't be used",
            "The database is damaged, read-only, or of another version of the service: a fault of the service's "
            "storage, not of the request. The detail and the log say which; waiting doesn't help.",
        ),
        ProblemType(
            "worker-process-died", 500, "The job's process died",
            "The process that did the job ended without a word, each time that it was tried.",
        ),
        ProblemType(
            "not-implemented", 501, "The route is not implemented",
            "Another server has the route, but Fitserve doesn't.",
        ),
        ProblemType(
            "queue-full", 503, "Too many jobs are waiting",
            "The queue is full. `Retry-After` says when to try again. The operator sets the limit by "
            "FITSERVE_MAX_QUEUED_JOBS.",
        ),
        ProblemType(
            "overloaded", 503, "Too many requests at once",
            "The service answers as many such requests as it can. `Retry-After` says when to try again.",
        ),
        ProblemType(
            "prediction-timeout", 503, "The prediction took too long",
            "The prediction was given up when its time was over. Post fewer rows at once, or try again when the "
            "service has less to do. The operator sets the limit by FITSERVE_PREDICTION_SECONDS.",
        ),
        ProblemType(
            "worker-unavailable", 503, "No worker answered",
            "The request needs a worker, and none did its part in time. `GET /v1/workers` shows those that live.",
        ),
        ProblemType(
            "database-unavailable", 503, "The database is away",
            "The service can't reach its database. Nothing was changed; `Retry-After` says when to try again.",
        ),
        ProblemType(
            "disk-full", 507, "The disk is full",
            "There is no room left for an upload's or a job's files, or for the database. Nothing was kept. Delete "
            "what is no longer needed, or make room on the disk, then try again.",
        ),
    )
}  # fmt: skip
"""By their stable codes."""

INTERNAL = PROBLEM_TYPES["internal"]

CODES_OF_STATUS = {
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    408: "request-timeout",
    413: "body-too-large",
    414: "uri-too-long",
    415: "unsupported-media-type",
    416: "range-not-satisfiable",
    431: "headers-too-large",
    501: "not-implemented",
    503: "overloaded",
}
"""The codes of the errors that Flask and gunicorn themselves raise; any other is a `bad-request`."""


@dataclass(frozen=True)
class RequestFault(Fault):
    """One thing that is wrong with a request outside its body: in a query parameter, a header or the path."""

    parameter: str | None = None
    header: str | None = None


class MalformedBody(ServiceError):
    """The body can't be parsed."""

    code = "malformed-body"


class BodyTooLarge(ServiceError):
    """The body, or a part of it, has more bytes than are taken."""

    code = "body-too-large"


class UriTooLong(ServiceError):
    """The path and the query are too long."""

    code = "uri-too-long"


class HeadersTooLarge(ServiceError):
    """The request has too many headers, or one that is too long."""

    code = "headers-too-large"


class InvalidHeader(ServiceError):
    """A header has a fault; each fault names it."""

    code = "invalid-header"


class InvalidQuery(ServiceError):
    """The query has a fault; each fault names its parameter."""

    code = "invalid-query"


class NotAcceptable(ServiceError):
    """Nothing that the client accepts can be sent."""

    code = "not-acceptable"


class PreconditionFailed(ServiceError):
    """The resource is not as the request's If-Match says."""

    code = "precondition-failed"


class UnsupportedMediaType(ServiceError):
    """The body's type isn't taken."""

    code = "unsupported-media-type"
