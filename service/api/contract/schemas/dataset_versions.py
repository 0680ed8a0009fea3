"""Requests and responses of versions of datasets."""

from typing import Any

from marshmallow import pre_dump

from service import statuses
from service.api.contract.fields import Items, Moment
from service.api.contract.schemas.base import AnswerSchema, Schema
from service.api.contract.schemas.dataset_data import MOST_COLUMNS, DescribedSchema, present_described
from service.api.contract.schemas.datasets import CreateUploadSchema
from service.api.contract.schemas.problems import FailureSchema
from service.api.contract.schemas.shown import (
    DIGEST,
    AsItIs,
    Count,
    Inner,
    Links,
    Listing,
    Mapping,
    OneOf,
    Value,
    Words,
)
from service.api.http.links import dataset_url, dataset_version_url
from service.api.http.paging import ByTime
from service.api.http.problems import describe_failure
from service.operations.catalog.dataset_versions import VersionView

CHANGES = (
    "added", "removed", "used", "left_out", "type_changed", "shape_changed", "unit_changed", "missing",
    "new_categories", "vanished_categories", "mean", "range", "renamed", "new_classes", "vanished_classes",
    "class_shares", "positive_class",
)  # fmt: skip


class AppendRowsSchema(Schema):
    """A new version of a table: the rows of the newest version, followed by new ones."""

    holds_data = True

    append = Items(
        required=True,
        metadata={
            "description": "Rows to append, each an object by column. Values have the types of the existing columns; "
            "an omitted input is missing. The old rows keep their splits; the new ones are split by the same options."
        },
    )


class AddFileSchema(CreateUploadSchema):
    """A new version from a file. Omitted options are those of the newest version."""

    class Meta(CreateUploadSchema.Meta):
        exclude = ("name", "metadata")

    def find_more_faults(self, members: dict[str, Any]) -> list[Any]:
        """None: a fault may concern options that only the newest version has."""
        return []


class ChangeSchema(AnswerSchema):
    """A difference between a version and the ready one before it."""

    sometimes = ("before", "after", "counts")

    type = OneOf(
        "`added`, `removed`: a column of the data. `used`, `left_out`: whether a column that both have is an input. "
        "`mean`: moved by at least 0.1 standard deviations. `range`: a bound moved by at least a tenth of the range. "
        "`missing`: the share moved by at least 0.01, or from or to 0. `class_shares`: moved by at least 0.05. "
        "`renamed`: another column is the target.",
        *CHANGES,
    )
    column = Words("The column.", example="price")
    detail = Words("The change as a sentence.", example='The mean of "price" was 10.1 and is 14.')
    before = Value("The earlier value: a type, share or mean, `[min, max]`, or shares by class.", example=10.1)
    after = Value("The value of this version.", example=14)
    counts = Mapping("The rows of each new or vanished category or class; at most 100.", example={"EU": 12})


class DriftSchema(AnswerSchema):
    """How a version differs from the ready one before it."""

    since = Count("The number of the version that it is compared with.", 1, example=1)
    changes = Listing("The changes; empty if there are none.", AsItIs(ChangeSchema, ""), MOST_COLUMNS)


class VersionHeadSchema(AnswerSchema):
    """The first fields of a version of a dataset."""

    dataset = Words("The dataset's name.", example="flowers")
    version = Count("The version's number, from 1.", 1, example=2)
    status = OneOf("`processing` until the import ends.", statuses.PROCESSING, statuses.READY, statuses.FAILED)
    source = Words(
        "The source of the data; `upload` for a file, `append` for rows that were appended.", 63, example="upload"
    )


class DatasetVersionSchema(DescribedSchema, VersionHeadSchema):  # the last base's fields come first
    """The data of a dataset at one time. It never changes once it is `ready`."""

    base = Count("The version that rows were appended to, else null.", 1, allow_none=True, example=None)
    options = Mapping(
        "How the data was read, such as `target`, `types` and `split`; null if an earlier release read it.",
        Value("An option."),
        allow_none=True,
        example={"target": "species"},
    )
    sha256 = Words(
        "The SHA-256 of the file, or of the data in the request as compact JSON with sorted names, preceded by the "
        "`sha256` of the version that it was appended to. Null for such data of an earlier release.",
        allow_none=True,
        **DIGEST,
    )
    drift = AsItIs(
        DriftSchema,
        "How the data differs from the ready version before it; null until it is ready, and for the first version.",
        allow_none=True,
    )
    error = Inner(FailureSchema, "The error of a failed import, else null.", allow_none=True)
    created_at = Moment("The creation time.")
    links = Links("`self` and `dataset`.")

    @pre_dump
    def _present(self, view: VersionView, **_: Any) -> dict[str, Any]:
        version = view.version
        members = ("status", "source", "base", "options", "sha256", "drift", "created_at")
        return {
            **{member: getattr(version, member) for member in members},
            **present_described(version, view.progress),
            "dataset": view.dataset,
            "version": version.number,
            "error": describe_failure(version.error),
            "links": {"self": dataset_version_url(view.dataset, version.number), "dataset": dataset_url(view.dataset)},
        }


class DatasetVersionListQuery(ByTime):
    """The parameters of a list of versions."""
