"""Datasets as they are posted and shown."""

from typing import Any

from marshmallow import pre_dump

from models.datasets import find_request_faults
from models.datasets.descriptor import MAX_GUESSED_CLASSES, MAX_LISTED_NUMBERS
from models.errors import Fault
from service import statuses
from service.api.contract.fields import (
    MOST_ITEMS,
    Anything,
    Choice,
    Items,
    Metadata,
    MetadataChanges,
    Moment,
    Name,
    Object,
    Text,
    UploadedFile,
)
from service.api.contract.schemas import dataset_options as options
from service.api.contract.schemas.base import AnswerSchema, Schema
from service.api.contract.schemas.problems import FailureSchema
from service.api.contract.schemas.shown import (
    CLASS,
    DIGEST,
    NAMED,
    AsItIs,
    Count,
    Identifier,
    Inner,
    Instance,
    Links,
    Listing,
    Mapping,
    Number,
    OneOf,
    ShownMetadata,
    Truth,
    Value,
    Words,
)
from service.api.http.links import dataset_url
from service.api.http.paging import ByMetadata, ByTimeOrName, ListQuery
from service.api.http.problems import describe_failure
from service.operations.catalog.datasets import UPLOAD, DatasetView

KINDS = ("table", "vector", "sequence", "image", "video")
SPLITS = ("train", "validation", "test")


MOST_COLUMNS = 10_000
MOST_CLASSES = 10_000
MOST_DIMENSIONS = 32
SPLIT = (
    "`validation` and `test`: shares of the rows from 0 to 1; `seed` of the choice. Of a table also `time_column`, in "
    "whose order the rows are split, or `column` alone, which holds `train`, `validation` or `test`."
)
TYPES = "By column: `number`, `category`, `boolean`, `date`, `text` or `identifier`; inferred where left out."
IGNORE = "Columns to leave out."
CLASSES = (
    "Text and booleans are classes. Numbers that are all whole, written without a decimal point, are classes too if "
    f"all are 0 or 1, or if there are at most {MAX_GUESSED_CLASSES} different ones, each at least twice on average. "
    "Any other numbers are numbers to predict (`type` of the dataset's `target`: `number`); where they are whole and "
    f"of at most {MAX_LISTED_NUMBERS} different values, `classes` lists these, so that a classification may use them."
)
"""has_classes and describe_target of models.datasets.descriptor, in words."""
TARGETS = (
    f"Inline: one for each row of `inputs`. {CLASSES} A list for each row: texts are the names of the row's labels; "
    "numbers are labels if all are 0 or 1, else several numbers to predict; a list of one number is that number. "
    "Text, booleans and numbers don't mix."
)
TARGET = (
    "The column that is to be predicted. `types` says `number` or `category` of it; left out, it is as the targets of "
    "inline data are."
)


NAME = "What it is called from now on: in URLs, and by the jobs that use it."


class CreateDatasetSchema(Schema):
    """A dataset to make, from a built-in source or from data within the request."""

    name = Name(required=True, metadata={"description": NAME})
    source = Text(63, required=True, metadata={"description": "`inline`, or one of `GET /v1/dataset-sources`."})
    parameters = Object(metadata={"description": "Of the source; see `GET /v1/dataset-sources`.", **options.PARAMETERS})
    inputs = Anything(
        "array",
        "object",
        metadata={
            "description": "Inline: one value for each row, nested lists; with several inputs an object of such lists "
            "by name.",
            "items": {},
            "maxItems": MOST_ITEMS,
        },
    )
    targets = Items(metadata={"description": TARGETS})
    rows = Items(metadata={"description": "Inline: the rows of a table, each an object by column."})
    target = Text(1000, metadata={"description": f"Inline `rows`: {TARGET}"})
    types = Object(metadata={"description": f"Inline `rows`: {TYPES}", **options.COLUMN_TYPES})
    ignore = Items(
        Anything(metadata=options.COLUMN), most=MOST_COLUMNS, metadata={"description": f"Inline `rows`: {IGNORE}"}
    )
    split = Object(allow_none=True, metadata={"description": SPLIT, **options.SPLIT})
    metadata = Metadata()

    def find_more_faults(self, members: dict[str, Any]) -> list[Fault]:
        return find_request_faults(_without_metadata(members)) if "source" in members else []


class CreateUploadSchema(Schema):
    """A dataset to make from a file."""

    file = UploadedFile(
        required=True,
        metadata={
            "description": "CSV, JSON rows, JSON Lines, Parquet, NPZ (`x`, `y` or `x_train`, `y_train`, `x_test`, "
            "`y_test`; `x_NAME` for several inputs; `y` is as the targets of inline data are; matrices of uint8 are "
            "grey pictures), or a ZIP of pictures in class folders (`<class>/…`, or `train/<class>/…` and "
            "`test/<class>/…`, with `validation/<class>/…` or without). Transparent pictures are laid on white; notes "
            "beside the pictures (`.txt`, `.json`, `.csv`, …) are passed over, any other file that is no picture is "
            "a fault."
        },
    )
    name = Name(required=True, metadata={"description": NAME})
    target = Text(1000, metadata={"description": f"Tables: {TARGET}"})
    csv = Object(
        metadata={
            "description": "`delimiter`, `encoding`, `decimal`, `header`: recognised where left out. `missing`: a list "
            "of words for what is missing, besides the usual ones.",
            **options.CSV,
        }
    )
    types = Object(metadata={"description": TYPES, **options.COLUMN_TYPES})
    ignore = Items(
        Anything(metadata=options.COLUMN),
        most=MOST_COLUMNS,
        metadata={"description": f"{IGNORE} A field for each, or one with a JSON list."},
    )
    split = Object(metadata={"description": SPLIT, **options.SPLIT})
    window = Object(
        metadata={"description": "`steps`, `horizon`, `stride`, `time_column`: the table becomes sequences."}
        | options.WINDOW
    )
    picture = Object(metadata={"description": "What every picture is made to be.", **options.PICTURE})
    metadata = Metadata()

    def find_more_faults(self, members: dict[str, Any]) -> list[Fault]:
        if "file" not in members:
            return []
        upload = {"source": UPLOAD, "file": members["file"].to_document()}
        return find_request_faults(_without_metadata(members) | upload)


def _without_metadata(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if name != "metadata"}


class DatasetChangesSchema(Schema):
    """What can be changed of a dataset."""

    metadata = MetadataChanges()


class UploadedFileSchema(AnswerSchema):
    """A file that was uploaded."""

    name = Words("What the client called it.", example="flowers.csv")
    bytes = Count("Its size.", example=4551)
    sha256 = Words("Its SHA-256.", **DIGEST)


class ImportProgressSchema(AnswerSchema):
    """How far an import is."""

    fraction = Number("The share that is done.", 0, 1, example=0.5)


class SplitsSchema(AnswerSchema):
    """How many rows each split has."""

    train = Count("Rows to train with.", example=90)
    validation = Count("Rows that training is watched by.", example=30)
    test = Count("Rows that training never sees.", example=30)


class HistogramSchema(AnswerSchema):
    """Ten equal bins."""

    edges = Listing("The bins' edges; of dates in ISO 8601.", Value("A number or a date."), 11)
    counts = Listing("The rows within each bin.", Count("Rows."), 10)


class DatasetInputSchema(AnswerSchema):
    """A column of a table, or a tensor."""

    sometimes = (
        "note", "format", "features", "mean", "std", "min", "max", "quantiles", "histogram", "categories", "counts",
        "parts",
    )  # fmt: skip

    name = Words("Its name.", example="sepal_length")
    type = OneOf("What its values are.", "number", "boolean", "date", "category")
    shape = Listing(
        "Of a row's value; `[]` is a single one.", Count("The length of an axis.", example=28), MOST_DIMENSIONS
    )
    missing = Count("Rows without a value.", example=0)
    note = Words("What is odd about its values.")
    format = Words("How dates or numbers are written.", 100, example="ISO 8601")
    features = Listing("Names of the last axis's numbers.", Words("A name."), MOST_COLUMNS)
    mean = Number("Of numbers.", allow_none=True, example=5.84)
    std = Number("The deviation of numbers.", allow_none=True, example=0.83)
    min = Value("The least number, or the first date.", example=4.3)
    max = Value("The largest number, or the last date.", example=7.9)
    quantiles = Mapping("Values by share: `0.5` is the median.", example={"0.25": 5.1, "0.5": 5.8, "0.75": 6.4})
    histogram = AsItIs(HistogramSchema, "How the values are spread.")
    categories = Listing("The categories of the training rows.", Value("A category.", **CLASS), MOST_CLASSES)
    counts = Listing("The rows of each category.", Count("Rows."), MOST_CLASSES)
    parts = Listing("The cycles of dates that count.", OneOf("", "year", "week", "day"), 3)


class LeftOutSchema(AnswerSchema):
    """A column that is no input."""

    name = Words("Its name.", example="row_id")
    type = Words("What its values are; null where nobody looked.", 100, allow_none=True, example="identifier")
    reason = Words("Why, as a stable word.", 100, example="constant")
    detail = Words("Why, as a sentence.", example="It has the same value in every row.")


class DatasetTargetSchema(AnswerSchema):
    """What is to be predicted."""

    sometimes = ("shape", "classes", "counts", "exclusive", "mean", "std", "min", "max", "quantiles", "histogram")

    name = Words("Its name.", example="species")
    type = OneOf("A class for each row, several labels for each row, or numbers.", "category", "labels", "number")
    shape = Listing("Of numbers: a row's; `[]` is a single one.", Count("The length of an axis."), MOST_DIMENSIONS)
    classes = Listing(
        "The classes, in the order of scores.",
        Value("A class.", **CLASS),
        MOST_CLASSES,
        example=["setosa", "versicolor", "virginica"],
    )
    counts = Listing("The rows of each class.", Count("Rows."), MOST_CLASSES, example=[50, 50, 50])
    exclusive = Truth("Of labels: whether every row has exactly one.")
    mean = Number("Of numbers.", allow_none=True, example=2)
    std = Number("The deviation of numbers.", allow_none=True, example=3.4)
    min = Number("The least number.", allow_none=True, example=-3)
    max = Number("The largest number.", allow_none=True, example=7)
    quantiles = Mapping("Values by share: `0.5` is the median.", example={"0.25": -1, "0.5": 2, "0.75": 5})
    histogram = AsItIs(HistogramSchema, "How the values are spread.")


class DatasetSchema(AnswerSchema):
    """A dataset. What describes its data is null until it is `ready`."""

    id = Identifier("ds", "Its id: a name used again is another dataset.")
    name = Words("Its name, which the client chose.", example="flowers", **NAMED)
    status = OneOf("`processing` while it is imported.", statuses.PROCESSING, statuses.READY, statuses.FAILED)
    source = Words("Where its data are from; `upload` for one that was made from a file.", 63, example="iris")
    file = AsItIs(UploadedFileSchema, "Of an upload: the file.", allow_none=True)
    progress = AsItIs(ImportProgressSchema, "While it is being imported: how far that is.", allow_none=True)
    kind = OneOf("What a row is.", *KINDS, allow_none=True)
    rows = Count("How many rows there are.", allow_none=True, example=150)
    splits = AsItIs(SplitsSchema, "How many rows each split has.", allow_none=True)
    bytes = Count("What it takes on the disk.", allow_none=True, example=8294)
    inputs = Listing("What a network can take of it.", AsItIs(DatasetInputSchema, ""), MOST_COLUMNS, allow_none=True)
    left_out = Listing(
        "Columns that can't be used, each with the reason.", AsItIs(LeftOutSchema, ""), MOST_COLUMNS, allow_none=True
    )
    target = AsItIs(DatasetTargetSchema, "What is to be predicted.", allow_none=True)
    metadata = ShownMetadata()
    created_at = Moment("When it was created.")
    error = Inner(FailureSchema, "Why it failed, or null.", allow_none=True)
    links = Links("`self` and `rows`.")

    @pre_dump
    def _present(self, view: DatasetView, **_: Any) -> dict[str, Any]:
        dataset = view.dataset
        url = dataset_url(dataset.name)
        members = ("id", "name", "status", "source", "file", "kind", "created_at")
        described = ("rows", "splits", "bytes", "inputs", "left_out", "target")
        return {
            **{member: getattr(dataset, member) for member in members},
            **{member: (dataset.descriptor or {}).get(member) for member in described},
            "progress": view.progress,
            "metadata": dataset.metadata_,
            "error": describe_failure(dataset.error),
            "links": {"self": url, "rows": f"{url}/rows"},
        }


class DatasetListQuery(ByMetadata, ByTimeOrName):
    """Which datasets."""

    status = Choice(
        statuses.PROCESSING,
        statuses.READY,
        statuses.FAILED,
        metadata={"description": "Only datasets with that status."},
    )
    kind = Choice(*KINDS, metadata={"description": "Only datasets of that kind."})


class RowsQuery(ListQuery):
    """Which rows."""

    split = Choice(*SPLITS, load_default="train", metadata={"description": "Whose rows are listed."})


class RowSchema(AnswerSchema):
    """A row of a dataset."""

    row = Count("Its number within the dataset, from 0.", example=1)
    instance = Instance()
    target = Value("What is to be predicted for it.", example="setosa")
    split = OneOf("The split that it belongs to.", *SPLITS)


class SourceParameterSchema(AnswerSchema):
    """A parameter of a source."""

    name = Words("Its name.", 100, example="samples")
    type = OneOf("What its value is.", "integer", "number")
    default = Number("What it is when it is left out.", example=1000)
    minimum = Number("The least value that is allowed.", example=2)
    maximum = Number("The largest value that is allowed.", example=1_000_000)
    description = Words("What it does.", example="How many rows there are.")


class DatasetSourceSchema(AnswerSchema):
    """A built-in source of data."""

    name = Words("What to post as `source`.", 63, example="circles")
    title = Words("Its name for people.", 100, example="Circles")
    description = Words("What its rows are.", example="Two concentric circles of points, one a class.")
    group = OneOf(
        "Where its data are from: made on the spot, part of the service, or downloaded at the first use.",
        "generated",
        "bundled",
        "downloaded",
    )
    kind = OneOf("What a row is.", *KINDS)
    parameters = Listing("What can be set of it.", AsItIs(SourceParameterSchema, ""), 100)


class DatasetSourcesSchema(AnswerSchema):
    """The built-in sources of datasets."""

    items = Listing("The sources.", AsItIs(DatasetSourceSchema, ""), 1000)
