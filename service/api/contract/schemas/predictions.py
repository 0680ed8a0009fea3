"""Predictions: their query and, for the documentation alone, their bodies, which no schema reads or writes."""

from marshmallow import fields

from service.api.contract.fields import MOST_ITEMS, QueryFlag, QueryWhole
from service.api.contract.schemas.base import AnswerSchema, Schema
from service.api.contract.schemas.shown import (
    CLASS,
    NAMED,
    AsItIs,
    Count,
    Inner,
    Instance,
    Listing,
    Number,
    OneOf,
    Value,
    Words,
)


class PredictionQuery(Schema):
    """What each prediction holds."""

    top = QueryWhole(1, load_default=None, metadata={"description": "Add the best so many labels."})
    scores = QueryFlag(load_default=True, metadata={"description": "Whether to give the score of every class."})


class PredictionRequestSchema(Schema):
    """Raw rows to predict for."""

    instances = fields.List(
        Instance(),
        required=True,
        metadata={
            "minItems": 1,
            "maxItems": MOST_ITEMS,
            "description": "Rows: nested numbers, for tables objects by column or lists in their order, for pictures "
            'also `{"b64": "…"}` with a PNG, JPEG or WebP file in Base64; for several inputs objects of such rows by '
            "the inputs' names.",
        },
    )


class PicturesSchema(Schema):
    """Files of pictures to predict for."""

    file = fields.List(
        fields.Raw(metadata={"type": "string", "format": "binary"}),
        required=True,
        metadata={
            "minItems": 1,
            "maxItems": 10_000,
            "description": "PNG, JPEG or WebP, each in a part of its own with this name.",
        },
    )


class WarningSchema(AnswerSchema):
    """A value that is unlike those of the training: there is a prediction, but perhaps not a good one."""

    row = Count("The row, counted from 0.", example=1)
    column = Words("The column's name; null where there are no columns.", allow_none=True, example="petal_length")
    type = OneOf("What is odd.", "unseen_category", "missing", "out_of_range", "resized")
    detail = Words("What is odd, in words.", example="100 is out of range: the training rows lie between 1 and 6.7.")


class LabelScoreSchema(AnswerSchema):
    """A class with its score."""

    label = Value("The class.", example="setosa", **CLASS)
    score = Number("Its score; null where it isn't finite.", allow_none=True, example=0.98)


SCORE = Number("A score; null where it isn't finite.", allow_none=True, example=0.98)
SCORES = Listing("The score of every class, in the order of `classes`; left out with `scores=false`.", SCORE)
TOP = Listing("The classes with the highest scores; only with `top=N`.", Inner(LabelScoreSchema, ""))


class ClassPredictionSchema(AnswerSchema):
    """What a `binary` or `multiclass` model predicts for an instance."""

    sometimes = ("scores", "top")

    label = Value(
        "The class with the highest score; of a binary task the second class from a score of 0.5 on (score ≥ 0.5). "
        "Null where the scores aren't finite.",
        anyOf=[*CLASS["anyOf"], {"type": "null"}],
    )
    score = Number("The label's score; null where it isn't finite.", allow_none=True, example=0.98)
    scores = SCORES
    top = TOP


class LabelsPredictionSchema(AnswerSchema):
    """What a `multilabel` model predicts for an instance."""

    sometimes = ("scores", "top")

    labels = Listing("Every class with a score of 0.5 or more (score ≥ 0.5).", Value("A class.", **CLASS))
    scores = SCORES
    top = TOP


class ValuePredictionSchema(AnswerSchema):
    """What a `regression` model predicts for an instance."""

    value = Value(
        "A number, null where it isn't finite; with several outputs a list of them.",
        anyOf=[
            {"type": ["number", "null"], "format": "double"},
            {"type": "array", "maxItems": MOST_ITEMS, "items": {}},
        ],
        example=18.98,
    )


class PredictionSchema(AnswerSchema):
    """What is predicted for an instance, by the model's task."""

    variants = (ClassPredictionSchema, LabelsPredictionSchema, ValuePredictionSchema)


class PredictionAnswerSchema(AnswerSchema):
    """What a version predicts."""

    model = Words("The model's name.", example="flowers", **NAMED)
    version = Count("The number of the version that predicted.", 1, example=1)
    classes = Listing(
        "What the scores are of, in order; null for a regression.",
        Value("A class.", **CLASS),
        allow_none=True,
        example=["setosa", "versicolor", "virginica"],
    )
    predictions = Listing(
        "One for each instance, in order.",
        AsItIs(PredictionSchema, ""),
        MOST_ITEMS,
        example=[{"label": "setosa", "score": 0.98, "scores": [0.98, 0.015, 0.005]}],
    )
    warnings = Listing("What is odd about the instances: the first 100.", Inner(WarningSchema, ""), 100)
