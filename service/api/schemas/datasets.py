"""Datasets as they are posted and shown."""

from typing import Any

from marshmallow import fields, pre_dump

from service import statuses
from service.api.fields import Anything, Choice, Items, Moment, Name, Object, Text
from service.api.links import dataset_url
from service.api.paging import ByTimeOrName, ListQuery
from service.api.problems import describe_failure
from service.api.schemas.base import Schema
from service.api.schemas.problems import FailureSchema
from service.storage.records import Dataset

KINDS = ("table", "vector", "sequence", "image", "video")
SPLITS = ("train", "validation", "test")


class NewDatasetSchema(Schema):
    """A dataset to make, from a built-in source or from data within the request."""

    name = Name(required=True)
    source = Text(63, required=True, metadata={"description": "`inline`, or one of `GET /v1/dataset-sources`."})
    parameters = Object(metadata={"description": "Of the source; see `GET /v1/dataset-sources`."})
    inputs = Anything("array", "object", metadata={"description": "Inline: one value for each row, nested lists."})
    targets = Items(metadata={"description": "Inline: one for each row of `inputs`."})
    rows = Items(metadata={"description": "Inline: the rows of a table, each an object by column."})
    target = Text(1000, metadata={"description": "Inline: the column of `rows` that is to be predicted."})
    split = Object(
        allow_none=True,
        metadata={"description": "`validation` and `test`: shares of the rows from 0 to 1; `seed` of the choice."},
    )


class DatasetSchema(Schema):
    """A dataset."""

    id = fields.String()
    name = fields.String()
    status = fields.String(metadata={"enum": [statuses.PROCESSING, statuses.READY, statuses.FAILED]})
    source = fields.String()
    kind = fields.String(allow_none=True, metadata={"enum": [*KINDS, None]})
    rows = fields.Integer(allow_none=True)
    splits = fields.Dict(fields.String(), fields.Integer(), allow_none=True, metadata={"description": "Rows of each."})
    bytes = fields.Integer(allow_none=True)
    inputs = fields.List(fields.Dict(), allow_none=True)
    target = fields.Dict(allow_none=True)
    created_at = Moment()
    error = fields.Nested(FailureSchema, allow_none=True)
    links = fields.Dict(fields.String(), fields.String())

    @pre_dump
    def _present(self, dataset: Dataset, **_: Any) -> dict[str, Any]:
        url = dataset_url(dataset.name)
        members = ("id", "name", "status", "source", "kind", "created_at")
        described = ("rows", "splits", "bytes", "inputs", "target")
        return {
            **{member: getattr(dataset, member) for member in members},
            **{member: (dataset.descriptor or {}).get(member) for member in described},
            "error": describe_failure(dataset.error),
            "links": {"self": url, "rows": f"{url}/rows"},
        }


class DatasetListQuery(ByTimeOrName):
    """Which datasets."""

    status = Choice(statuses.PROCESSING, statuses.READY, statuses.FAILED)
    kind = Choice(*KINDS)


class RowsQuery(ListQuery):
    """Which rows."""

    split = Choice(*SPLITS, load_default="train")


class RowSchema(Schema):
    """A row as it can be posted to predictions."""

    row = fields.Integer(metadata={"description": "Its number within the dataset, from 0."})
    instance = Anything()
    target = Anything()


class DatasetSourcesSchema(Schema):
    """The built-in sources of datasets."""

    items = fields.List(fields.Dict())
