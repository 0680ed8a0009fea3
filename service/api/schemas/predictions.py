"""Predictions: their query and, for the documentation alone, their bodies, which no schema reads or writes."""

from marshmallow import fields

from service.api.fields import QueryFlag, QueryWhole
from service.api.schemas.base import Schema


class PredictionQuery(Schema):
    """What each prediction holds."""

    top = QueryWhole(1, load_default=None, metadata={"description": "Add the best so many labels."})
    scores = QueryFlag(load_default=True, metadata={"description": "Whether to give the score of every class."})


class InstancesSchema(Schema):
    """Raw rows to predict for."""

    instances = fields.List(
        fields.Raw(),
        required=True,
        metadata={
            "description": "Rows: nested numbers, for tables objects by column or lists in their order, for pictures "
            'also `{"b64": "…"}` with a PNG, JPEG or WebP file in Base64; for several inputs objects of such rows by '
            "the inputs' names."
        },
    )


class PicturesSchema(Schema):
    """Files of pictures to predict for."""

    file = fields.List(
        fields.Raw(metadata={"type": "string", "format": "binary"}),
        required=True,
        metadata={"description": "PNG, JPEG or WebP, each in a part of its own with this name."},
    )


class WarningSchema(Schema):
    """A value that is unlike those of the training."""

    row = fields.Integer()
    column = fields.String(allow_none=True)
    type = fields.String()
    detail = fields.String()


class PredictionsSchema(Schema):
    """What a version predicts."""

    model = fields.String()
    version = fields.Integer()
    classes = fields.List(fields.Raw(), allow_none=True)
    predictions = fields.List(
        fields.Dict(), metadata={"description": "One for each instance: `label` and `score`, `labels`, or `value`."}
    )
    warnings = fields.List(fields.Nested(WarningSchema))
