"""Requests and responses of datasets."""

from typing import Any

from marshmallow import pre_dump

from models.datasets import find_request_faults
from models.datasets.descriptor import MAX_GUESSED_CLASSES, MAX_LISTED_NUMBERS, with_positive_class
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
    QueryWhole,
    Text,
    UploadedFiles,
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
from service.operations.catalog.datasets import DatasetView
from service.operations.catalog.imports import UPLOAD, describe_files
from service.storage.records import Dataset, DatasetVersion

KINDS = ("table", "vector", "sequence", "image", "video")
SPLITS = ("train", "validation", "test")


MOST_COLUMNS = 10_000
MOST_CLASSES = 10_000
MOST_DIMENSIONS = 32
SPLIT = (
    "`validation` and `test`: shares of the rows, from 0 to 1. `seed`: the seed of the random split. Each split has "
    "the same proportions of classes, unless `stratify` is false. Tables can also be split in the order of a "
    "`time_column`, or only by a `column` that contains `train`, `validation` or `test`. With `group`, a column or "
    "several, all rows of a group stay in one split, so that shares and proportions are approximate."
)
TARGET_OPTIONS = (
    "`positive_class`: of two classes the positive one, whose score is that of a network with one output. Default: 1 "
    "or true, else the class with fewer rows, and of equal numbers of rows the last. `missing`: `refuse` (the default) "
    "or `drop` the rows of a table that have no target."
)
TYPES = "By column: `number`, `category`, `boolean`, `date`, `text` or `identifier`. Other columns' types are inferred."
IGNORE = "Columns to ignore."
CLASSES = (
    "Text and booleans are classes. Integers, written without a decimal point, are classes too if all are 0 or 1, or "
    f"if there are at most {MAX_GUESSED_CLASSES} distinct ones that occur at least twice on average. All other numbers "
    "are numeric targets (the `type` of the dataset's `target` is `number`). If they are integers with at most "
    f"{MAX_LISTED_NUMBERS} distinct values, `classes` lists these, so that a classification can use them."
)
"""Describes has_classes and describe_target of models.datasets.descriptor."""
TARGETS = (
    f"Inline: one target for each row of `inputs`. {CLASSES} A target can be a list: strings are the names of the "
    "row's labels; numbers are labels if all are 0 or 1, else several numbers to predict; a list of one number equals "
    "that number. Strings, booleans and numbers can't be mixed."
)
TARGET = (
    "The column to predict. Set its type, `number` or `category`, in `types`; by default, the rules for inline "
    "`targets` apply."
)


NAME = "The dataset's name, in URLs and in the jobs that use it."


class CreateDatasetSchema(Schema):
    """A new dataset from a built-in source or from data in the request."""

    holds_data = True

    name = Name(required=True, metadata={"description": NAME})
    source = Text(63, required=True, metadata={"description": "`inline`, or a source from `GET /v1/dataset-sources`."})
    parameters = Object(
        metadata={"description": "The source's parameters; see `GET /v1/dataset-sources`.", **options.PARAMETERS}
    )
    inputs = Anything(
        "array",
        "object",
        metadata={
            "description": "Inline: a list with one value for each row, which can be a nested list. For several "
            "inputs, an object of such lists by name.",
            "items": {},
            "maxItems": MOST_ITEMS,
        },
    )
    targets = Items(metadata={"description": TARGETS})
    rows = Items(metadata={"description": "Inline: the rows of a table, each as an object by column."})
    target = Text(1000, metadata={"description": f"Only for inline `rows`. {TARGET}"})
    types = Object(metadata={"description": f"Only for inline `rows`. {TYPES}", **options.COLUMN_TYPES})
    ignore = Items(
        Anything(metadata=options.COLUMN),
        most=MOST_COLUMNS,
        metadata={"description": f"Only for inline `rows`. {IGNORE}"},
    )
    split = Object(allow_none=True, metadata={"description": SPLIT, **options.SPLIT})
    target_options = Object(allow_none=True, metadata={"description": TARGET_OPTIONS, **options.TARGET_OPTIONS})
    metadata = Metadata()

    def find_more_faults(self, members: dict[str, Any]) -> list[Fault]:
        return find_request_faults(_without_metadata(members)) if "source" in members else []


class CreateUploadSchema(Schema):
    """A new dataset from a file."""

    file = UploadedFiles(
        required=True,
        metadata={
            "description": "CSV, JSON rows, JSON Lines, Parquet, NPZ (`x`, `y` or `x_train`, `y_train`, `x_test`, "
            "`y_test`; `x_NAME` for several inputs; for `y` the rules for inline `targets` apply; matrices of uint8 "
            "are greyscale images), or a ZIP of images in class folders (`<class>/…`, or `train/<class>/…` and "
            "`test/<class>/…`, optionally with `validation/<class>/…`). Transparent images get a white background. "
            "Text files among the images (`.txt`, `.json`, `.csv`, …) are ignored; any other file that isn't an image "
            "is a fault. CSV and JSON may be compressed with gzip or Zstandard. Several fields `file` are the parts of "
            "one table: they have the same columns, and their rows follow each other."
        },
    )
    name = Name(required=True, metadata={"description": NAME})
    target = Text(1000, metadata={"description": f"Only for tables. {TARGET}"})
    csv = Object(
        metadata={
            "description": "`delimiter`, `encoding`, `decimal`, `header`: detected by default. `missing`: a list of "
            "words for missing values, in addition to the usual ones.",
            **options.CSV,
        }
    )
    types = Object(metadata={"description": TYPES, **options.COLUMN_TYPES})
    ignore = Items(
        Anything(metadata=options.COLUMN),
        most=MOST_COLUMNS,
        metadata={"description": f"{IGNORE} Send a field for each column, or one field with a JSON list."},
    )
    split = Object(metadata={"description": SPLIT, **options.SPLIT})
    target_options = Object(metadata={"description": TARGET_OPTIONS, **options.TARGET_OPTIONS})
    window = Object(
        metadata={"description": "Turns the table into sequences of consecutive rows. Requires `steps`."}
        | options.WINDOW
    )
    picture = Object(
        metadata={"description": "The size and the channels that every image is converted to.", **options.PICTURE}
    )
    metadata = Metadata()

    def find_more_faults(self, members: dict[str, Any]) -> list[Fault]:
        if "file" not in members:
            return []
        upload = {"source": UPLOAD, **describe_files(members["file"])}
        return find_request_faults(_without_metadata(members) | upload)


def _without_metadata(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if name != "metadata"}


class DatasetChangesSchema(Schema):
    """The changes to a dataset."""

    metadata = MetadataChanges()


class UploadedFileSchema(AnswerSchema):
    """An uploaded file."""

    sometimes = ("more",)

    name = Words("The file's name on the client.", example="flowers.csv")
    bytes = Count("The file's size.", example=4551)
    sha256 = Words("The file's SHA-256.", **DIGEST)
    more = Listing("The names of the other files of the table, in order; absent without.", Words("A file's name."))


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
    """A column of a table, or a tensor. Its statistics are of all rows, whichever split they are in."""

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
    missing = Count("The number of rows of all splits without a value.", example=0)
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
        "The categories that occur in the training rows; a network gets every other one as unknown.",
        Value("A category.", **CLASS),
        MOST_CLASSES,
    )
    counts = Listing("The number of rows of all splits in each category.", Count("Rows."), MOST_CLASSES)
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
    """The target to predict. Its statistics are of all rows, whichever split they are in."""

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
        "The number of rows of all splits in each class.", Count("Rows."), MOST_CLASSES, example=[50, 50, 50]
    )
    positive_class = Value("Of two classes the positive one, which is the last.", **CLASS, example="fraud")
    columns = Listing("For sequences: the columns to predict.", Words("A name.", example="price"), MOST_COLUMNS)
    horizons = Listing(
        "For sequences: how many rows after the last row of a sequence the targets are.", Count("Rows."), MOST_COLUMNS
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


DESCRIBED = ("rows", "splits", "bytes", "inputs", "left_out")


def present_described(data: Dataset | DatasetVersion, progress: dict[str, Any] | None) -> dict[str, Any]:
    """The fields of DescribedSchema."""
    descriptor = data.descriptor or {}
    return {
        **{member: descriptor.get(member) for member in DESCRIBED},
        # descriptors of older releases have no notes
        "notes": descriptor.get("notes", []) if descriptor else None,
        "target": with_positive_class(descriptor["target"]) if descriptor else None,
        "kind": data.kind,
        "file": data.file,
        "progress": progress,
    }


class DatasetHeadSchema(AnswerSchema):
    """The first fields of a dataset."""

    id = Identifier("ds", "The dataset's id. It distinguishes datasets that had the same name.")
    name = Words("The name that the client chose.", example="flowers", **NAMED)
    status = OneOf("`processing` until the import ends.", statuses.PROCESSING, statuses.READY, statuses.FAILED)
    source = Words("The source of the data; `upload` for an uploaded file.", 63, example="iris")


class DatasetSchema(DescribedSchema, DatasetHeadSchema):  # the last base's fields come first
    """A dataset, as its newest ready version is. The fields that describe its data are null until it is `ready`."""

    version = Count("The number of its newest ready version; null before.", 1, allow_none=True, example=1)
    metadata = ShownMetadata()
    created_at = Moment("The creation time.")
    error = Inner(FailureSchema, "The error of a failed dataset, else null.", allow_none=True)
    links = Links("`self`, `rows` and `versions`.")

    @pre_dump
    def _present(self, view: DatasetView, **_: Any) -> dict[str, Any]:
        dataset = view.dataset
        url = dataset_url(dataset.name)
        members = ("id", "name", "status", "source", "version", "created_at")
        return {
            **{member: getattr(dataset, member) for member in members},
            **present_described(dataset, view.progress),
            "metadata": dataset.metadata_,
            "error": describe_failure(dataset.error),
            "links": {"self": url, "rows": f"{url}/rows", "versions": f"{url}/versions"},
        }


class DatasetListQuery(ByMetadata, ByTimeOrName):
    """The parameters of a list of datasets."""

    status = Choice(
        statuses.PROCESSING,
        statuses.READY,
        statuses.FAILED,
        metadata={"description": "Only datasets with this status."},
    )
    kind = Choice(*KINDS, metadata={"description": "Only datasets of this kind."})


class RowsQuery(ListQuery):
    """The parameters of a list of rows."""

    split = Choice(*SPLITS, load_default="train", metadata={"description": "The split whose rows are listed."})
    version = QueryWhole(
        1,
        load_default=None,
        metadata={"description": "The number of the dataset's version. Default: the newest that is ready."},
    )


class RowSchema(AnswerSchema):
    """A row of a dataset."""

    row = Count("The row's index in the dataset, from 0.", example=1)
    instance = Instance()
    target = Value("The row's target.", example="setosa")
    split = OneOf("The row's split.", *SPLITS)


class SourceParameterSchema(AnswerSchema):
    """A parameter of a source."""

    name = Words("The parameter's name.", 100, example="samples")
    type = OneOf("The type of the value.", "integer", "number")
    default = Number("The default value.", example=1000)
    minimum = Number("The smallest allowed value.", example=2)
    maximum = Number("The largest allowed value.", example=1_000_000)
    description = Words("The meaning of the parameter.", example="The number of rows.")


class DatasetSourceSchema(AnswerSchema):
    """A built-in data source."""

    name = Words("The value for `source` in a new dataset.", 63, example="circles")
    title = Words("A name for display.", 100, example="Circles")
    description = Words("A description of the rows.", example="Two concentric circles of points, one a class.")
    group = OneOf(
        "The origin of the data: generated, shipped with the service, or downloaded at the first use.",
        "generated",
        "bundled",
        "downloaded",
    )
    kind = OneOf("The kind of the rows.", *KINDS)
    parameters = Listing("The parameters that you can set.", AsItIs(SourceParameterSchema, ""), 100)


class DatasetSourcesSchema(AnswerSchema):
    """The built-in data sources."""

    items = Listing("The sources.", AsItIs(DatasetSourceSchema, ""), 1000)
