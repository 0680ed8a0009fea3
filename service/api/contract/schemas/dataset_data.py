"""What responses say about a dataset's data: its inputs, its target, and what the import noted."""

from dataclasses import replace
from typing import Any

from service.api.contract.schemas.base import AnswerSchema
from service.api.contract.schemas.shown import (
    CLASS,
    DIGEST,
    AsItIs,
    Count,
    Listing,
    Mapping,
    Number,
    OneOf,
    Truth,
    Value,
    Words,
)
from service.storage.records import Dataset, DatasetVersion

KINDS = ("table", "vector", "sequence", "image", "video")
MOST_CLASSES = 10_000
MOST_COLUMNS = 10_000
MOST_DIMENSIONS = 32


class UploadedFileSchema(AnswerSchema):
    """An uploaded file."""

    sometimes = ("more",)

    name = Words("The file's name on the client.", example="flowers.csv")
    bytes = Count("The file's size.", example=4551)
    sha256 = Words("The file's SHA-256.", **DIGEST)
    more = Listing(
        "The names of the other files of the table, in order; absent if there are none.", Words("A file's name.")
    )


class ImportProgressSchema(AnswerSchema):
    """The progress of an import."""

    fraction = Number("The completed share.", 0, 1, example=0.5)


class SplitsSchema(AnswerSchema):
    """The number of rows in each split."""

    train = Count("Rows for training.", example=90)
    validation = Count("Rows that are evaluated after each epoch.", example=30)
    test = Count("Rows that training never uses.", example=30)


class HistogramSchema(AnswerSchema):
    """A histogram with ten bins of equal width."""

    edges = Listing("The edges of the bins; dates are ISO 8601.", Value("A number or a date."), 11)
    counts = Listing("The number of rows in each bin.", Count("Rows."), 10)


class TokensSchema(AnswerSchema):
    """The numbers of words of texts."""

    mean = Number("The mean.", example=54.2)
    max = Count("The number of words of the longest text.", example=213)
    quantiles = Mapping("Quantiles: `0.95` is a good `length` of a text input.", example={"0.5": 48, "0.95": 121})


class DatasetInputSchema(AnswerSchema):
    """A column of a table, or a tensor. Its statistics cover the rows of all splits."""

    sometimes = (
        "note", "format", "unit", "features", "mean", "std", "min", "max", "quantiles", "histogram", "categories",
        "counts", "parts", "tokens",
    )  # fmt: skip

    name = Words("The input's name.", example="sepal_length")
    type = OneOf(
        "The type of the values. A `text` is an input only of models that name its column in `text`.",
        "number",
        "boolean",
        "date",
        "category",
        "text",
    )
    shape = Listing(
        "The shape of a row's value; `[]` is a scalar.", Count("The length of an axis.", example=28), MOST_DIMENSIONS
    )
    missing = Count("The number of rows without a value, in all splits.", example=0)
    note = Words("A peculiarity of the values.")
    format = Words("The format of dates or numbers, with the unit if there is one.", 100, example="ISO 8601")
    unit = Words("The unit of numbers that are written with one: a currency, `%`, or another.", 100, example="$")
    features = Listing("The names of the features on the last axis.", Words("A name."), MOST_COLUMNS)
    mean = Number("The mean of numbers.", allow_none=True, example=5.84)
    std = Number("The standard deviation of numbers.", allow_none=True, example=0.83)
    min = Value("The smallest number, or the earliest date.", example=4.3)
    max = Value("The largest number, or the latest date.", example=7.9)
    quantiles = Mapping("Quantiles: `0.5` is the median.", example={"0.25": 5.1, "0.5": 5.8, "0.75": 6.4})
    histogram = AsItIs(HistogramSchema, "The distribution of the values.")
    categories = Listing(
        "The categories in the training rows. For a network, every other category is unknown.",
        Value("A category.", **CLASS),
        MOST_CLASSES,
    )
    counts = Listing("The number of rows in each category, in all splits.", Count("Rows."), MOST_CLASSES)
    parts = Listing("The cycles of dates that the network gets.", OneOf("", "year", "week", "day"), 3)
    tokens = AsItIs(TokensSchema, "The numbers of words of texts.")


class LeftOutSchema(AnswerSchema):
    """A column that is not an input."""

    name = Words("The column's name.", example="row_id")
    type = Words("The type of the values; null if it wasn't determined.", 100, allow_none=True, example="identifier")
    reason = Words("The reason as a stable code.", 100, example="constant")
    detail = Words("The reason as a sentence.", example="It has the same value in every row.")


class NoteSchema(AnswerSchema):
    """What the import assumed, converted, dropped or inserted."""

    sometimes = ("column", "count")

    type = Words("The kind of note as a stable code.", 100, example="gaps")
    column = Words("The column that it is about.", example="date")
    detail = Words("The note as a sentence.", example="3 gaps in time; windows span them.")
    count = Count("The number of values or rows.", example=3)


class DatasetTargetSchema(AnswerSchema):
    """The target to predict. Its statistics cover the rows of all splits."""

    sometimes = (
        "unit",
        "shape",
        "classes",
        "counts",
        "positive_class",
        "exclusive",
        "mean",
        "std",
        "min",
        "max",
        "quantiles",
        "histogram",
        "columns",
        "horizons",
    )

    name = Words("The target's name.", example="species")
    type = OneOf("One class per row, several labels per row, or numbers.", "category", "labels", "number")
    unit = Words("The unit of numbers that are written with one.", 100, example="$")
    shape = Listing("The shape of a row's numbers; `[]` is a scalar.", Count("The length of an axis."), MOST_DIMENSIONS)
    classes = Listing(
        "The classes, in the order of the scores.",
        Value("A class.", **CLASS),
        MOST_CLASSES,
        example=["setosa", "versicolor", "virginica"],
    )
    counts = Listing(
        "The number of rows in each class, in all splits.", Count("Rows."), MOST_CLASSES, example=[50, 50, 50]
    )
    positive_class = Value("For two classes: the positive one, which is the last.", **CLASS, example="fraud")
    columns = Listing("For sequences: the columns to predict.", Words("A name.", example="price"), MOST_COLUMNS)
    horizons = Listing(
        "For sequences: the number of rows from the last row of a sequence to each target.",
        Count("Rows."),
        MOST_COLUMNS,
    )
    exclusive = Truth("For labels: whether every row has exactly one.")
    mean = Number("The mean of numbers.", allow_none=True, example=2)
    std = Number("The standard deviation of numbers.", allow_none=True, example=3.4)
    min = Number("The smallest number.", allow_none=True, example=-3)
    max = Number("The largest number.", allow_none=True, example=7)
    quantiles = Mapping("Quantiles: `0.5` is the median.", example={"0.25": -1, "0.5": 2, "0.75": 5})
    histogram = AsItIs(HistogramSchema, "The distribution of the values.")


class DescribedSchema(AnswerSchema):
    """The description of data, null until it is imported."""

    file = AsItIs(UploadedFileSchema, "The uploaded file; null for other sources.", allow_none=True)
    progress = AsItIs(ImportProgressSchema, "The progress of the import; null after it.", allow_none=True)
    kind = OneOf("The kind of the rows.", *KINDS, allow_none=True)
    rows = Count("The number of rows.", allow_none=True, example=150)
    splits = AsItIs(SplitsSchema, "The number of rows in each split.", allow_none=True)
    bytes = Count("The size on disk.", allow_none=True, example=8294)
    inputs = Listing(
        "The inputs that a network can use.", AsItIs(DatasetInputSchema, ""), MOST_COLUMNS, allow_none=True
    )
    left_out = Listing(
        "Columns that can't be inputs, each with the reason.", AsItIs(LeftOutSchema, ""), MOST_COLUMNS, allow_none=True
    )
    notes = Listing(
        "What the import assumed, converted, dropped or inserted.",
        AsItIs(NoteSchema, ""),
        MOST_COLUMNS,
        allow_none=True,
    )
    target = AsItIs(DatasetTargetSchema, "The target to predict.", allow_none=True)


DESCRIBED = ("rows", "splits", "bytes", "inputs", "left_out", "notes", "target")


def present_described(data: Dataset | DatasetVersion, progress: dict[str, Any] | None) -> dict[str, Any]:
    """The fields of DescribedSchema."""
    document: dict[str, Any] = {}
    if (descriptor := data.descriptor) is not None:
        document = replace(descriptor, target=descriptor.target.with_positive_class()).to_document()
    return {
        **{member: document.get(member) for member in DESCRIBED},
        "kind": data.kind,
        "file": data.file,
        "progress": progress,
    }
