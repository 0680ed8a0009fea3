"""The form of errors (RFC 9457)."""

from marshmallow import fields

from service.api.schemas.base import Schema


class FaultSchema(Schema):
    """One thing that is wrong, and where."""

    detail = fields.String(required=True)
    pointer = fields.String(metadata={"description": "A JSON pointer into the body, such as `#/layers/0/units`."})
    parameter = fields.String(metadata={"description": "A parameter of the query or the path."})
    header = fields.String()
    file = fields.String()
    row = fields.Integer(metadata={"description": "Counted from 0."})
    column = fields.String()
    allowed = fields.List(fields.Raw(), metadata={"description": "The values that would be right."})
    did_you_mean = fields.String()


class FailureSchema(Schema):
    """Why something failed."""

    type = fields.String(required=True, metadata={"description": "A page about errors of this kind."})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    error = fields.String(required=True, metadata={"description": "The same as `detail`."})
    errors = fields.List(fields.Nested(FaultSchema))


class ProblemSchema(FailureSchema):
    """An error."""

    instance = fields.String(required=True, metadata={"description": "The path of the request."})
    request_id = fields.String(required=True)


class DialectErrorSchema(Schema):
    """An error on the routes of TensorFlow Serving and of the Open Inference Protocol."""

    error = fields.String(required=True)
