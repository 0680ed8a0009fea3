"""The list of audit events."""

from service.api.contract.fields import Choice, Moment, QueryWhole, Reference, Text
from service.api.contract.schemas.access import KEY_ID, Time
from service.api.contract.schemas.base import AnswerSchema
from service.api.contract.schemas.shown import NAMED, Count, Identifier, Words
from service.api.http.paging import ListQuery

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
EXAMPLE = {"maxLength": 40, "example": "2027-01-31T12:34:56Z"}


class AuditEventSchema(AnswerSchema):
    """A request that changes something, or that was refused."""

    id = Identifier("ae", "The event's id.")
    at = Moment("The time of the response.")
    key_id = Words(
        "The id of the API key; null without one. For a request that was refused with 401: the id of the revoked "
        "or expired key.",
        24,
        allow_none=True,
        **KEY_ID,
    )
    project = Words("The project in which the caller acted.", 128, allow_none=True, example="vision", **NAMED)
    address = Words("The address of the client.", 64, example="192.0.2.17")
    method = Words("The method.", 20, example="POST")
    route = Words("The template of the path; null for an unknown path.", 200, allow_none=True, example="/v1/models")
    resource = Words("The path.", 1000, example="/v1/models")
    status = Count("The status of the response.", 200, format="int32", maximum=599, example=201)
    request_id = Words("The request's `X-Request-ID`.", 128, example="beef9fd55c4946ddf44c12eacaebc533")
    count = Count(
        "The number of similar requests that the event stands for. The event shows the last one. The number is "
        "above 1 only in a flood of failed requests. If the requests came from many clients, values that they "
        "don't share are empty.",
        1,
        example=1,
    )


class AuditEventListQuery(ListQuery):
    """The parameters of a list of audit events."""

    sort = Choice("-at", "at", metadata={"description": "The sort order. Default: `-at`, the newest first."})
    key_id = Text(24, metadata={"description": "Only requests with the API key of this id.", **KEY_ID})
    project = Reference(metadata={"description": "Only requests in this project."})
    method = Choice(*METHODS, metadata={"description": "Only requests with this method."})
    status = QueryWhole(100, metadata={"description": "Only responses with this status.", "example": 401})
    since = Time(metadata={"description": "Only events at or after this time."} | EXAMPLE)
    until = Time(metadata={"description": "Only events before this time."} | EXAMPLE)
