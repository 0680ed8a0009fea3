"""The schemas of errors (RFC 9457)."""

from typing import ClassVar

from models.errors import MOST_ALLOWED, MOST_FAULTS
from service.api.contract.schemas.base import AnswerSchema
from service.api.contract.schemas.shown import Count, Inner, Listing, OneOf, Url, Value, Words
from service.storage.documents import QUOTAS

LONGEST_DETAIL = 100_000


class FaultSchema(AnswerSchema):
    """A fault and its location."""

    sometimes = ("pointer", "parameter", "header", "file", "row", "column", "allowed", "did_you_mean")

    detail = Words("What is wrong and what would be valid.", LONGEST_DETAIL, example='"units" is required.')
    pointer = Words("A JSON pointer to the invalid part of the body.", LONGEST_DETAIL, example="#/layers/0/units")
    parameter = Words("The invalid parameter of the query or the path.", LONGEST_DETAIL, example="limit")
    header = Words("The invalid header of the request.", example="If-Match")
    file = Words("The invalid file in the upload.", LONGEST_DETAIL, example="flowers.csv")
    row = Count("The row of the data, from 0.", example=17)
    column = Words("The name of the column.", LONGEST_DETAIL, example="sepal_length")
    allowed = Listing("The allowed values.", Value("A value."), MOST_ALLOWED)
    did_you_mean = Words("The allowed value that is most similar to the invalid one.", LONGEST_DETAIL, example="relu")


class FailureSchema(AnswerSchema):
    """The error of a failed resource."""

    sometimes: ClassVar[tuple[str, ...]] = ("errors",)

    type = Url(
        "The URL that identifies the type of error. A page there explains it.", example="/problems/invalid-request"
    )
    title = Words("The title of the type of error, which never varies.", 200, example="The request is invalid")
    status = Count("The HTTP status.", 400, format="int32", maximum=599, example=422)
    detail = Words("An explanation of this error.", LONGEST_DETAIL, example='"units" is required.')
    error = Words("The same as `detail`.", LONGEST_DETAIL, example='"units" is required.')
    errors = Listing("All faults, with their locations.", Inner(FaultSchema, "A fault."), MOST_FAULTS)


class ProblemSchema(FailureSchema):
    """An error (RFC 9457). Programs should use `type`; `detail` is for people."""

    sometimes = ("errors", "quota", "limit", "used")

    instance = Words("The path of the request.", LONGEST_DETAIL, example="/v1/models")
    request_id = Words(
        "The request's `X-Request-ID`, which the service's log contains.",
        128,
        example="beef9fd55c4946ddf44c12eacaebc533",
    )
    quota = OneOf("For `quota-exceeded`: the name of the quota.", *QUOTAS)
    limit = Count("For `quota-exceeded`: the quota.", example=2)
    used = Count("For `quota-exceeded`: the project's current usage.", example=2)


class DialectErrorSchema(AnswerSchema):
    """An error on the endpoints of TensorFlow Serving and of the Open Inference Protocol."""

    error = Words(
        "An explanation of the error.", LONGEST_DETAIL, example="Servable not found for request: Latest(flowers)"
    )
