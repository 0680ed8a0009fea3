"""Requests and responses of datasets."""

from typing import Any

from marshmallow import pre_dump

from models.datasets import find_request_faults
from models.datasets.describing import MAX_GUESSED_CLASSES, MAX_LISTED_NUMBERS
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
from service.api.contract.schemas.dataset_data import (
    KINDS,
    MOST_COLUMNS,
    DescribedSchema,
    present_described,
)
from service.api.contract.schemas.problems import FailureSchema
from service.api.contract.schemas.shown import (
    NAMED,
    AsItIs,
    Count,
    Identifier,
    Inner,
    Instance,
    Links,
    Listing,
    Number,
    OneOf,
    ShownMetadata,
    Value,
    Words,
)
from service.api.http.links import dataset_url
from service.api.http.paging import ByMetadata, ByTimeOrName, ListQuery
from service.api.http.problems import describe_failure
from service.operations.catalog.datasets import DatasetView
from service.operations.catalog.imports import NO_FORM, UPLOAD, describe_files

SPLITS = ("train", "validation", "test")


SPLIT = (
    "`validation` and `test`: shares of the rows, from 0 to 1. `seed`: the seed of the random split. Each split has "
    "the same proportions of classes, unless `stratify` is false. Tables can also be split in the order of a "
    "`time_column`, or only by a `column` that contains `train`, `validation` or `test`. With `group`, a column or "
    "several, all rows of a group stay in one split, so that shares and proportions are approximate."
)
TARGET_OPTIONS = (
    "`positive_class`: the positive one of two classes, whose score a network with one output predicts. Default: 1 "
    "or true, else the class with fewer rows; if both have equally many, the last. `missing`: `refuse` (the "
    "default) or `drop` the rows of a table that have no target."
)
TYPES = "By column: `number`, `category`, `boolean`, `date`, `text` or `identifier`. Other columns' types are inferred."
IGNORE = "Columns to ignore."
CLASSES = (
    "Text and booleans are classes. Integers, written without a decimal point, are classes too if all are 0 or 1, or "
    f"if there are at most {MAX_GUESSED_CLASSES} distinct ones that occur at least twice on average. All other numbers "
    "are numeric targets (the `type` of the dataset's `target` is `number`). If they are integers with at most "
    f"{MAX_LISTED_NUMBERS} distinct values, `classes` lists these, so that a classification can use them."
)
"""Describes has_classes and describe_target of models.datasets.describing."""
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
        if members.get("source") == UPLOAD:
            return [NO_FORM]
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


class DatasetHeadSchema(AnswerSchema):
    """The first fields of a dataset."""

    id = Identifier("ds", "The dataset's id. It distinguishes datasets that had the same name.")
    name = Words("The name that the client chose.", example="flowers", **NAMED)
    status = OneOf("`processing` until the import ends.", statuses.PROCESSING, statuses.READY, statuses.FAILED)
    source = Words("The source of the data; `upload` for an uploaded file.", 63, example="iris")


class DatasetSchema(DescribedSchema, DatasetHeadSchema):  # the last base's fields come first
    """A dataset, with the data of its newest ready version. The fields that describe its data are null until it is
    `ready`."""

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
