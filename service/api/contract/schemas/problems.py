"""The form of errors (RFC 9457)."""

from models.errors import MOST_ALLOWED, MOST_FAULTS
from service.api.contract.schemas.base import AnswerSchema
from service.api.contract.schemas.shown import Count, Inner, Listing, Url, Value, Words

LONGEST_DETAIL = 100_000


class FaultSchema(AnswerSchema):
    """One thing that is wrong, and where."""

    sometimes = ("pointer", "parameter", "header", "file", "row", "column", "allowed", "did_you_mean")

    detail = Words("What is wrong, and what would be right.", LONGEST_DETAIL, example='"units" is required.')
    pointer = Words("A JSON pointer into the body.", LONGEST_DETAIL, example="#/layers/0/units")
    parameter = Words("A parameter of the query or the path.", LONGEST_DETAIL, example="limit")
    header = Words("A header of the request.", example="If-Match")
    file = Words("A file within what was uploaded.", LONGEST_DETAIL, example="flowers.csv")
    row = Count("A row of the data, counted from 0.", example=17)
    column = Words("A column of the data, by its name.", LONGEST_DETAIL, example="sepal_length")
    allowed = Listing("The values that would be right.", Value("A value."), MOST_ALLOWED)
    did_you_mean = Words("The right value that is most like the wrong one.", LONGEST_DETAIL, example="relu")


class FailureSchema(AnswerSchema):
    """Why something failed."""

    sometimes = ("errors",)

    type = Url("What kind of problem it is; a page about it is served there.", example="/problems/invalid-request")
    title = Words("The kind of problem in words, always the same.", 200, example="The content is wrong")
    status = Count("The HTTP status.", 400, format="int32", maximum=599, example=422)
    detail = Words("What is wrong this time.", LONGEST_DETAIL, example='"units" is required.')
    error = Words("The same as `detail`.", LONGEST_DETAIL, example='"units" is required.')
    errors = Listing("Everything that is wrong, with its place.", Inner(FaultSchema, "A fault."), MOST_FAULTS)


class ProblemSchema(FailureSchema):
    """An error (RFC 9457). `type` is what programs branch on; `detail` is for people."""

    instance = Words("The path of the request.", LONGEST_DETAIL, example="/v1/models")
    request_id = Words(
        "The request's `X-Request-ID`, under which the service's log says more.",
        128,
        example="beef9fd55c4946ddf44c12eacaebc533",
    )


class DialectErrorSchema(AnswerSchema):
    """An error on the routes of TensorFlow Serving and of the Open Inference Protocol."""

    error = Words("What is wrong.", LONGEST_DETAIL, example="Servable not found for request: Latest(flowers)")
