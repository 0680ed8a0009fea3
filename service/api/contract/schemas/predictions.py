"""Predictions: the schema of the query and, for the documentation only, the schemas of the bodies."""

from typing import ClassVar

from marshmallow import fields

from models.jobs.variant import VARIANT_TYPES
from models.tabular.csv_instances import IGNORE, REFUSE
from service.api.contract.fields import MOST_ITEMS, TEXT_PATTERN, Choice, QueryAmount, QueryFlag, QueryWhole
from service.api.contract.schemas.base import AnswerSchema, Schema
from service.api.contract.schemas.shown import (
    CLASS,
    NAMED,
    AsItIs,
    Count,
    Inner,
    Instance,
    Listing,
    Mapping,
    Number,
    OneOf,
    Value,
    Words,
)


class PredictionQuery(Schema):
    """The content of each prediction."""

    top = QueryWhole(1, load_default=None, metadata={"description": "Add the N classes with the highest scores."})
    scores = QueryFlag(load_default=True, metadata={"description": "Whether to include the score of every class."})
    threshold = QueryAmount(
        0,
        1,
        load_default=None,
        metadata={
            "description": "Only for binary and multilabel tasks: the score from which the positive class, or a label, "
            "is predicted. Default: the model's `threshold`."
        },
    )
    extra = Choice(
        REFUSE,
        IGNORE,
        load_default=REFUSE,
        metadata={
            "description": "Whether unknown columns of a table are a fault (`refuse`), or are ignored with a "
            "warning that names them (`ignore`). The dataset's other columns, such as its target, are always "
            "ignored."
        },
    )


class VersionPredictionQuery(PredictionQuery):
    """The content of each prediction, and the variant that predicts."""

    variant = Choice(
        *VARIANT_TYPES,
        load_default=None,
        allow_none=False,
        metadata={
            "description": "The type of the version's variant that predicts. Default: the variant to which the label "
            "points, or else the version itself."
        },
    )


class PredictionRequestSchema(Schema):
    """Raw rows to predict for."""

    instances = fields.List(
        Instance(),
        required=True,
        metadata={
            "minItems": 1,
            "maxItems": MOST_ITEMS,
            "description": "The rows: nested numbers; for tables, objects by column or lists in the order of the "
            "columns; for sequences from a table, also the rows of that table as objects by column, the last of which "
            'are predicted for each series; for images also `{"b64": "…"}` with an image file in Base64; '
            "for several inputs, objects of such rows by the inputs' names, unless all take columns of one table.",
        },
    )


class PredictionFilesSchema(Schema):
    """A file of rows, or images, to predict for."""

    file = fields.List(
        fields.Raw(metadata={"type": "string", "format": "binary"}),
        required=True,
        metadata={
            "minItems": 1,
            "maxItems": 10_000,
            "description": "For an input of images: PNG, JPEG, WebP, GIF, BMP or TIFF files, each in its own part with "
            "this name. For any other: one file of rows as CSV, JSON with a list of rows, JSON Lines or Parquet, in "
            "the form of the dataset's file, which may be compressed with gzip or Zstandard.",
        },
    )


class WarningSchema(AnswerSchema):
    """A value that differs from those of the training, or columns that were ignored. The row is predicted, but the
    prediction may be unreliable."""

    row = Count("The row's index, from 0; null for all rows.", allow_none=True, example=1)
    column = Words("The column's name; null without columns.", allow_none=True, example="petal_length")
    type = OneOf(
        "The kind of the difference.",
        "unseen_category",
        "missing",
        "out_of_range",
        "resized",
        "first_frame",
        "ignored_columns",
        "unknown_tokens",
        "truncated",
    )
    detail = Words("An explanation.", example="100 is out of range: the training rows lie between 1 and 6.7.")


class LabelScoreSchema(AnswerSchema):
    """A class and its score."""

    label = Value("The class.", example="setosa", **CLASS)
    score = Number("The class's score; null if it isn't finite.", allow_none=True, example=0.98)


SCORE = Number("A score; null if it isn't finite.", allow_none=True, example=0.98)
SCORES = Listing("The score of every class, in the order of `classes`; absent with `scores=false`.", SCORE)
TOP = Listing("The N classes with the highest scores; only with `top=N`.", Inner(LabelScoreSchema, ""))


class SeriesPredictionSchema(AnswerSchema):
    """Which series a prediction is for, if rows of a table were posted to a model of sequences."""

    sometimes: ClassVar[tuple[str, ...]] = ("group", "after")

    group = Mapping("The values of the columns that distinguish series.", example={"symbol": "A"})
    after = Value(
        "The time of the series' last row: a date in ISO 8601, or a number.",
        anyOf=[{"type": "string", "maxLength": 64, "pattern": TEXT_PATTERN}, {"type": "number", "format": "double"}],
        example="2024-01-31",
    )


class ClassPredictionSchema(SeriesPredictionSchema):
    """A prediction of a `binary` or `multiclass` model."""

    sometimes = (*SeriesPredictionSchema.sometimes, "scores", "top")

    label = Value(
        "The class with the highest score. For binary tasks, the positive class, which is the second, if its score "
        "is at least the `threshold`, else the first. Null if the scores aren't finite.",
        anyOf=[*CLASS["anyOf"], {"type": "null"}],
    )
    score = Number("The label's score; null if it isn't finite.", allow_none=True, example=0.98)
    scores = SCORES
    top = TOP


class LabelsPredictionSchema(SeriesPredictionSchema):
    """A prediction of a `multilabel` model."""

    sometimes = (*SeriesPredictionSchema.sometimes, "scores", "top")

    labels = Listing("Every class whose score is at least the `threshold`.", Value("A class.", **CLASS))
    scores = SCORES
    top = TOP


class ValuePredictionSchema(SeriesPredictionSchema):
    """A prediction of a `regression` model."""

    value = Value(
        "A number, or null if it isn't finite; a list of them if the model has several outputs.",
        anyOf=[
            {"type": ["number", "null"], "format": "double"},
            {"type": "array", "maxItems": MOST_ITEMS, "items": {}},
        ],
        example=18.98,
    )


class PredictionSchema(AnswerSchema):
    """The prediction for an instance; the model's task determines its form."""

    variants = (ClassPredictionSchema, LabelsPredictionSchema, ValuePredictionSchema)


class PredictionAnswerSchema(AnswerSchema):
    """The predictions of a version."""

    sometimes: ClassVar[tuple[str, ...]] = ("variant",)

    model = Words("The model's name.", example="flowers", **NAMED)
    version = Count("The number of the version that made the predictions.", 1, example=1)
    variant = OneOf("The type of its variant that made them; absent if the version itself did.", *VARIANT_TYPES)
    classes = Listing(
        "The classes in the order of the scores; null for a regression.",
        Value("A class.", **CLASS),
        allow_none=True,
        example=["setosa", "versicolor", "virginica"],
    )
    predictions = Listing(
        "One prediction for each instance, in order; for rows of series one for each series.",
        AsItIs(PredictionSchema, ""),
        MOST_ITEMS,
        example=[{"label": "setosa", "score": 0.98, "scores": [0.98, 0.015, 0.005]}],
    )
    warnings = Listing("The first 100 warnings about the instances.", Inner(WarningSchema, ""), 100)
