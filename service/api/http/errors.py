"""The table of all errors that clients can get, and the exceptions that only the HTTP layer raises."""

from dataclasses import dataclass

from models.errors import Fault
from service.errors import ServiceError


@dataclass(frozen=True)
class ProblemType:
    """The HTTP status and texts of an error code. The code is also the last segment of the problem's `type`."""

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
            "malformed-body", 400, "The body is malformed",
            "The request's body is not valid JSON. It has a syntax error, bytes that are not UTF-8, NaN or infinity, "
            "a number beyond the range of double precision, a duplicate field, or too many levels of nesting. Or the "
            "body is a form with files that is incomplete or malformed.",
        ),
        ProblemType(
            "invalid-query", 400, "The query is invalid",
            "The URL's query string has a parameter that the endpoint doesn't support, an invalid value, or the same "
            "parameter twice. Each entry of `errors` names the parameter.",
        ),
        ProblemType(
            "invalid-header", 400, "A header is invalid",
            "A request header has an invalid value. Each entry of `errors` names the header.",
        ),
        ProblemType(
            "bad-request", 400, "The request is malformed",
            "The request violates the HTTP protocol. For example, the connection ended before the body was complete.",
        ),
        ProblemType(
            "unauthenticated", 401, "An API key is required",
            "The request has no API key, or one that is unknown, expired or revoked. Send a key as "
            "`Authorization: Bearer KEY`. An administrator makes keys with `fitserve keys create` or "
            "`POST /v1/api-keys`.",
        ),
        ProblemType(
            "scope-missing", 403, "The API key doesn't allow this",
            "The API key lacks the scope that the request needs. The detail names it. `GET /v1/api-keys/current` shows "
            "the scopes of a key.",
        ),
        ProblemType(
            "cross-site-request", 403, "Cross-site requests are not allowed",
            "A browser sent a request that changes data on behalf of a page from another site. The operator lists the "
            "allowed sites in FITSERVE_CORS_ORIGINS.",
        ),
        ProblemType(
            "not-found", 404, "Not found",
            "The resource in the path doesn't exist: it was never created, it was deleted, or its name is misspelled.",
        ),
        ProblemType(
            "method-not-allowed", 405, "The method is not allowed",
            "The path exists but doesn't support this method. The `Allow` header lists the methods that it supports.",
        ),
        ProblemType(
            "not-acceptable", 406, "No acceptable media type",
            "The `Accept` header includes none of the media types that the endpoint can send. The detail lists them.",
        ),
        ProblemType(
            "request-timeout", 408, "The request timed out",
            "The client paused for too long before its request was complete, or sent it too slowly. The operator sets "
            "the limits with FITSERVE_CLIENT_TIMEOUT_SECONDS, FITSERVE_MIN_CLIENT_BYTES_PER_SECOND, "
            "FITSERVE_BODY_SECONDS and FITSERVE_UPLOAD_SECONDS.",
        ),
        ProblemType(
            "name-taken", 409, "The name is taken",
            "Another resource of the same kind has this name. Choose another name, or delete that resource first.",
        ),
        ProblemType(
            "not-ready", 409, "The resource is not ready",
            "The resource is still being created: retry after `Retry-After` seconds, or send `GET` with "
            "`Prefer: wait=N` to wait for it. If its creation failed, its `error` says why.",
        ),
        ProblemType(
            "no-version", 409, "The model has no version yet",
            "Predictions need a trained version. Start a training job for the model and wait until it succeeds. If the "
            "model serves a label that doesn't exist yet, point the label to a version.",
        ),
        ProblemType(
            "not-trainable", 409, "The model can't be trained",
            "The model was imported as ONNX. It predicts and can be evaluated, but it has no layers that a training "
            "job could train or a Pretrained layer could take.",
        ),
        ProblemType(
            "no-picture", 409, "There is no such picture",
            "The resource exists, but has no picture of this kind. A boundary needs a network that takes one or two "
            "numbers; samples need a dataset that fits the version. The detail says what is missing.",
        ),
        ProblemType(
            "in-use", 409, "The resource is in use",
            "An unfinished job, a label, or a model that serves the label still uses the resource. The detail names "
            "it.",
        ),
        ProblemType(
            "conflict", 409, "The resource's state conflicts with the request",
            "The resource's current state doesn't allow the change. The detail names the state.",
        ),
        ProblemType(
            "request-in-progress", 409, "The first request is still in progress",
            "The first request with the same Idempotency-Key is still being processed. Retry after `Retry-After` "
            "seconds to get the response of the first request.",
        ),
        ProblemType(
            "precondition-failed", 412, "The resource has changed",
            "The `If-Match` header doesn't match the resource's current ETag: the resource has changed since the "
            "client read it. Or `If-None-Match` requires that the resource doesn't exist, but it does. The request "
            "had no effect.",
        ),
        ProblemType(
            "body-too-large", 413, "The body is too large",
            "The body exceeds the size limit, or it would become too much when it is read: too many values, rows or "
            "numbers. The detail names the limit. The operator sets the limits: FITSERVE_MAX_UPLOAD_BYTES for forms "
            "with files, FITSERVE_MAX_BODY_BYTES for all other bodies, FITSERVE_MAX_BODY_VALUES and "
            "FITSERVE_MAX_DOCUMENT_VALUES for values, FITSERVE_MAX_PREDICTION_NUMBERS, and "
            "FITSERVE_MAX_BUFFERED_BYTES for memory.",
        ),
        ProblemType(
            "answer-too-large", 413, "The response would be too large",
            "The prediction's response would exceed the size limit. Send fewer rows in one request. The operator sets "
            "the limit with FITSERVE_MAX_ANSWER_BYTES.",
        ),
        ProblemType(
            "uri-too-long", 414, "The URL is too long",
            "The path and the query together exceed the limit of about 8,000 characters.",
        ),
        ProblemType(
            "unsupported-media-type", 415, "The body's media type is unsupported",
            "The `Content-Type` header is missing, or the endpoint doesn't support its media type. The detail lists "
            "the supported types.",
        ),
        ProblemType(
            "range-not-satisfiable", 416, "The range is not satisfiable",
            "The `Range` header requests bytes beyond the end of the file.",
        ),
        ProblemType(
            "misdirected-request", 421, "The host is not allowed",
            "The `Host` header names a host that is not in the list of allowed hosts. The list protects the service "
            "from web pages that reach it under a host name of their own. The operator sets it in "
            "FITSERVE_ALLOWED_HOSTS.",
        ),
        ProblemType(
            "invalid-request", 422, "The request is invalid",
            "The body is well-formed, but its content is invalid. Each entry of `errors` says what is wrong, where "
            "(`pointer` is a JSON pointer into the body), and what would be valid.",
        ),
        ProblemType(
            "invalid-spec", 422, "The network can't be built",
            "The model's spec doesn't describe a network that can be trained and served. Each entry of `errors` points "
            "to the invalid layer, parameter, loss or metric.",
        ),
        ProblemType(
            "invalid-data", 422, "The data can't be used",
            "The data can't be imported as a dataset, or doesn't fit the model. Each entry of `errors` says where. If "
            "the data crashes its reader, or takes longer than FITSERVE_IMPORT_SECONDS, the pointer is `#`.",
        ),
        ProblemType(
            "accuracy-drop", 422, "The variant predicts worse than its version",
            "The compared metric of the variant is lower than its version's by more than `max_accuracy_drop`, or its "
            "outputs aren't finite, so it wasn't kept. `figures` shows what was measured. Allow a larger drop, or "
            "calibrate the variant on more training rows.",
        ),
        ProblemType(
            "invalid-instances", 422, "An instance doesn't fit the model",
            "An instance in a prediction request doesn't fit the model's input. Each entry of `errors` names the row, "
            "counted from 0, and for tables the column.",
        ),
        ProblemType(
            "idempotency-key-reused", 422, "The idempotency key belongs to another request",
            "The Idempotency-Key was sent with another body or query within the last 24 hours. A key identifies one "
            "request and its retries. Choose a new key for a new request.",
        ),
        ProblemType(
            "source-unavailable", 422, "The source is unavailable",
            "The dataset's source is not in the service's cache and can't be downloaded now.",
        ),
        ProblemType(
            "not-servable", 422, "The network can't be served",
            "The network can't be exported to ONNX, or the exported network computes other results than Keras.",
        ),
        ProblemType(
            "not-quantizable", 422, "The network can't be quantized",
            "ONNX Runtime can't compute any operation of the network in 8 bits, or its tools fail with the network. "
            "Predictions of the version itself are not affected.",
        ),
        ProblemType(
            "not-drawable", 422, "The picture can't be drawn",
            "Drawing the picture needs more memory than FITSERVE_PICTURE_MEMORY_BYTES, or fails. Ask for a smaller "
            "picture, or for its numbers with `Accept: application/json`. The service's log has the details under the "
            "`request_id`.",
        ),
        ProblemType(
            "incomplete-version", 422, "The version is incomplete",
            "The version lacks data that further training, evaluation, or reuse of its layers needs, because an older "
            "Fitserve trained it. Train another version.",
        ),
        ProblemType(
            "diverged", 422, "The training diverged",
            "The loss became infinite or NaN. A smaller learning rate or scaled inputs usually help.",
        ),
        ProblemType(
            "out-of-memory", 422, "The job needs too much memory",
            "The job's process exceeded its memory limit. Use smaller batches, a smaller network or less data.",
        ),
        ProblemType(
            "quota-exceeded", 429, "The project's quota is used up",
            "The project may use no more of something: `quota` is its name, `limit` the limit, and `used` what the "
            "project uses now. If the response has `Retry-After`, waiting helps; otherwise delete what you no longer "
            "need. An administrator sets the quotas with `PATCH /v1/projects/NAME`.",
        ),
        ProblemType(
            "rate-limited", 429, "The rate limit is exceeded",
            "The caller sent more requests than the limit of the class allows: predictions (`predict`), reads (`read`) "
            "or changes (`write`). Retry after `Retry-After` seconds. The headers `RateLimit-Policy` and `RateLimit` "
            "give the limit and what is left of it. The operator sets the limits with FITSERVE_RATE_LIMITS.",
        ),
        ProblemType(
            "headers-too-large", 431, "The headers are too large",
            "The request has too many headers, or a header is too long. The limit is 100 headers of about 8,000 "
            "characters each.",
        ),
        ProblemType(
            "internal", 500, "Internal error",
            "An error in the service, not in the request. The service's log has the details under the `request_id`.",
        ),
        ProblemType(
            "damaged-network", 500, "The version's network is damaged",
            "A file of the version is missing, or its content doesn't match the checksum that was recorded when it was "
            "saved, so it is neither used nor sent. This is an error in the service's storage, not in the request. "
            "Restore the file, or train another version. `fitserve verify` lists all damaged files.",
        ),
        ProblemType(
            "damaged-dataset", 500, "The dataset is damaged",
            "A file of the dataset is missing, or its content doesn't match the checksum that was recorded when it was "
            "saved. This is an error in the service's storage, not in the request. Restore the file, or delete the "
            "dataset and create it again. `fitserve verify` lists all damaged files.",
        ),
        ProblemType(
            "damaged-file", 500, "A stored file is damaged",
            "A stored file, such as an upload or the result of a batch prediction, is missing, or its content doesn't "
            "match the checksum that was recorded when it was saved. This is an error in the service's storage, not in "
            "the request. Restore the file, or send the request that created it again.",
        ),
        ProblemType(
            "database-unusable", 500, "The database can't be used",
            "The database is damaged, read-only, or from another version of Fitserve. This is an error in the "
            "service's storage, not in the request. The detail and the log give the cause. Retrying doesn't help.",
        ),
        ProblemType(
            "worker-process-died", 500, "The job's process crashed",
            "The process that ran the job crashed in every attempt.",
        ),
        ProblemType(
            "not-implemented", 501, "The endpoint is not implemented",
            "The protocol defines the endpoint, but Fitserve doesn't implement it.",
        ),
        ProblemType(
            "queue-full", 503, "The queue is full",
            "Too many jobs are queued. Retry after `Retry-After` seconds. The operator sets the limit with "
            "FITSERVE_MAX_QUEUED_JOBS.",
        ),
        ProblemType(
            "overloaded", 503, "Too many concurrent requests",
            "The service already processes as many requests of this kind as it can. Retry after `Retry-After` seconds.",
        ),
        ProblemType(
            "prediction-timeout", 503, "The prediction timed out",
            "The prediction was not ready by its deadline. Send fewer rows in one request, or retry when the service "
            "is less busy. The operator sets the timeout with FITSERVE_PREDICTION_SECONDS.",
        ),
        ProblemType(
            "picture-timeout", 503, "Drawing the picture timed out",
            "The picture was not drawn by its deadline. Retry when the service is less busy, or ask for a smaller "
            "picture, or for its numbers with `Accept: application/json`. The operator sets the timeout with "
            "FITSERVE_PICTURE_SECONDS.",
        ),
        ProblemType(
            "worker-unavailable", 503, "No worker is available",
            "The request needs a worker, and no worker finished the work in time. `GET /v1/workers` lists the running "
            "workers.",
        ),
        ProblemType(
            "database-unavailable", 503, "The database is unavailable",
            "The service can't reach its database. The request had no effect. Retry after `Retry-After` seconds.",
        ),
        ProblemType(
            "outcome-unknown", 503, "It is unknown whether the request took effect",
            "The connection to the database broke while the change was being saved, and the database doesn't answer "
            "yet whether it was. Retry after `Retry-After` seconds with the same Idempotency-Key: nothing is created "
            "twice. Without a key, first look whether the change was made.",
        ),
        ProblemType(
            "artifacts-unavailable", 503, "The artifact store doesn't answer",
            "The S3 storage of the artifacts doesn't answer, or refuses access. The detail gives the reason. Nothing "
            "was saved. Retry after `Retry-After` seconds. Loaded versions continue to predict.",
        ),
        ProblemType(
            "disk-full", 507, "The disk is full",
            "The disk has no space left for an upload, a result or the database, or less than the operator requires "
            "with FITSERVE_MIN_FREE_BYTES. Nothing was saved. Delete resources that you no longer need, or free space "
            "on the disk, then retry. Predictions, reads, deletions and cancelling continue.",
        ),
        ProblemType(
            "artifacts-unwritable", 507, "The artifacts can't be written",
            "The service can't write to its artifact folder, for example because the disk is mounted read-only. The "
            "detail gives the reason. Nothing was saved. Retry once the operator has made the folder writable. Reads "
            "and predictions continue.",
        ),
    )
}  # fmt: skip
"""By code. Codes never change."""

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
"""The codes of errors that Flask and gunicorn raise themselves; any other client error is a `bad-request`."""


@dataclass(frozen=True)
class RequestFault(Fault):
    """A fault outside the request's body: in a query parameter, a header or the path."""

    parameter: str | None = None
    header: str | None = None


class MalformedBody(ServiceError):
    """The body can't be parsed."""

    code = "malformed-body"


class BodyTooLarge(ServiceError):
    """The body, or a part of it, exceeds the size limit."""

    code = "body-too-large"


class AnswerTooLarge(ServiceError):
    """The response would exceed the size limit, in bytes."""

    code = "answer-too-large"

    def __init__(self, most: int) -> None:
        super().__init__(f"The response would have more than {most:,} bytes. Post fewer rows per request.")


class RateLimited(ServiceError):
    """The caller sent more requests of the class than its limit allows, per window of `seconds`."""

    code = "rate-limited"

    def __init__(self, name: str, most: int, seconds: int, retry_after: int) -> None:
        window = "second" if seconds == 1 else f"{seconds:,} seconds"
        super().__init__(
            f'At most {most:,} requests of the class "{name}" are allowed per {window}. '
            f"Retry in {retry_after:,} {'second' if retry_after == 1 else 'seconds'}.",
            retry_after=retry_after,
        )


class UriTooLong(ServiceError):
    """The path and the query are too long."""

    code = "uri-too-long"


class HeadersTooLarge(ServiceError):
    """The request has too many headers, or a header is too long."""

    code = "headers-too-large"


class InvalidHeader(ServiceError):
    """A header is invalid; each fault names it."""

    code = "invalid-header"


class InvalidQuery(ServiceError):
    """The query is invalid; each fault names its parameter."""

    code = "invalid-query"


class NotAcceptable(ServiceError):
    """The endpoint can't send any media type that the client accepts."""

    code = "not-acceptable"


class PreconditionFailed(ServiceError):
    """The resource doesn't match the request's `If-Match` or `If-None-Match`."""

    code = "precondition-failed"


class UnsupportedMediaType(ServiceError):
    """The body's media type or content encoding is unsupported."""

    code = "unsupported-media-type"
