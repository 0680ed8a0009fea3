"""Datasets as they are posted and shown."""

from typing import Any

from marshmallow import fields, pre_dump

from models.datasets import find_request_faults
from models.datasets.descriptor import MAX_GUESSED_CLASSES, MAX_LISTED_NUMBERS
from models.errors import Fault
from service import statuses
from service.api.fields import Anything, Choice, Items, Moment, Name, Object, Text, UploadedFile
from service.api.links import dataset_url
from service.api.paging import ByTimeOrName, ListQuery
from service.api.problems import describe_failure
from service.api.schemas.base import Schema
from service.api.schemas.problems import FailureSchema
from service.operations.datasets import UPLOAD, DatasetView

KINDS = ("table", "vector", "sequence", "image", "video")
SPLITS = ("train", "validation", "test")


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


class NewDatasetSchema(Schema):
    """A dataset to make, from a built-in source or from data within the request."""

    name = Name(required=True)
    source = Text(63, required=True, metadata={"description": "`inline`, or one of `GET /v1/dataset-sources`."})
    parameters = Object(metadata={"description": "Of the source; see `GET /v1/dataset-sources`."})
    inputs = Anything("array", "object", metadata={"description": "Inline: one value for each row, nested lists."})
    targets = Items(metadata={"description": TARGETS})
    rows = Items(metadata={"description": "Inline: the rows of a table, each an object by column."})
    target = Text(1000, metadata={"description": f"Inline `rows`: {TARGET}"})
    types = Object(metadata={"description": f"Inline `rows`: {TYPES}"})
    ignore = Items(metadata={"description": f"Inline `rows`: {IGNORE}"})
    split = Object(allow_none=True, metadata={"description": SPLIT})

    def find_more_faults(self, members: dict[str, Any]) -> list[Fault]:
        return find_request_faults(members) if "source" in members else []


class NewUploadSchema(Schema):
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
    name = Name(required=True)
    target = Text(1000, metadata={"description": f"Tables: {TARGET}"})
    csv = Object(
        metadata={
            "description": "`delimiter`, `encoding`, `decimal`, `header`: recognised where left out. `missing`: a list "
            "of words for what is missing, besides the usual ones."
        }
    )
    types = Object(metadata={"description": TYPES})
    ignore = Items(metadata={"description": IGNORE})
    split = Object(metadata={"description": SPLIT})
    window = Object(
        metadata={"description": "`steps`, `horizon`, `stride`, `time_column`: the table becomes sequences."}
    )
    picture = Object(metadata={"description": "`height`, `width`, `channels` of every picture."})

    def find_more_faults(self, members: dict[str, Any]) -> list[Fault]:
        if "file" not in members:
            return []
        return find_request_faults(members | {"source": UPLOAD, "file": members["file"].to_document()})


class DatasetSchema(Schema):
    """A dataset."""

    id = fields.String()
    name = fields.String()
    status = fields.String(metadata={"enum": [statuses.PROCESSING, statuses.READY, statuses.FAILED]})
    source = fields.String(metadata={"description": "`upload` for one that was made from a file."})
    file = fields.Dict(allow_none=True, metadata={"description": "Of an upload: `name`, `bytes`, `sha256`."})
    progress = fields.Dict(
        fields.String(),
        fields.Float(),
        allow_none=True,
        metadata={"description": "While it is being imported: `fraction`, the share that is done."},
    )
    kind = fields.String(allow_none=True, metadata={"enum": [*KINDS, None]})
    rows = fields.Integer(allow_none=True)
    splits = fields.Dict(fields.String(), fields.Integer(), allow_none=True, metadata={"description": "Rows of each."})
    bytes = fields.Integer(allow_none=True)
    inputs = fields.List(fields.Dict(), allow_none=True)
    left_out = fields.List(
        fields.Dict(), allow_none=True, metadata={"description": "Columns that can't be used, each with the reason."}
    )
    target = fields.Dict(allow_none=True)
    created_at = Moment()
    error = fields.Nested(FailureSchema, allow_none=True)
    links = fields.Dict(fields.String(), fields.String())

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
            "error": describe_failure(dataset.error),
            "links": {"self": url, "rows": f"{url}/rows"},
        }


class DatasetListQuery(ByTimeOrName):
    """Which datasets."""

    status = Choice(statuses.PROCESSING, statuses.READY, statuses.FAILED)
    kind = Choice(*KINDS)


class RowsQuery(ListQuery):
    """Which rows."""

    split = Choice(*SPLITS, load_default="train", metadata={"description": "The rows of one split are listed."})


class RowSchema(Schema):
    """A row as it can be posted to predictions."""

    row = fields.Integer(metadata={"description": "Its number within the dataset, from 0."})
    instance = Anything()
    target = Anything()
    split = fields.String(metadata={"enum": SPLITS})


class DatasetSourcesSchema(Schema):
    """The built-in sources of datasets."""

    items = fields.List(fields.Dict())
