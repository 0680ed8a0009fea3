"""Requests and responses of the snapshots of training jobs."""

from typing import Any, ClassVar

from marshmallow import ValidationError, fields, pre_dump, validates

from models.jobs.training import BEST, LATEST
from service.api.contract.fields import MESSAGES, Metadata, Moment, Name, Reference, Whole
from service.api.contract.schemas.base import AnswerSchema, Schema
from service.api.contract.schemas.models import METRIC_VALUES
from service.api.contract.schemas.predictions import PredictionAnswerSchema
from service.api.contract.schemas.shown import Count, Links, Mapping
from service.api.http.links import snapshot_url, training_job_url
from service.api.http.paging import ByTime
from service.operations.jobs.snapshots import SnapshotView

NAMES = (LATEST, BEST)
LARGEST_EPOCH = 999_999_999
MOST_KEPT = 10_000
"""Each is a file."""


class SnapshotsSchema(Schema):
    """Which epochs keep their weights. The latest and the best always do."""

    every = Whole(1, load_default=1, metadata={"description": "Only multiples of this epoch, the latest and the best."})
    keep = Whole(
        0,
        MOST_KEPT,
        load_default=None,
        allow_none=True,
        metadata={
            "description": "The most snapshots to keep, evenly spaced. During the training, those in between are "
            "removed. null: as many as fit FITSERVE_SNAPSHOT_BYTES; the response shows how many, unless the "
            "job still waits for its model or dataset. 0: none fit."
        },
    )

    @validates("keep")
    def _check(self, keep: int | None, **_: Any) -> None:
        if keep == 1:
            raise ValidationError("must be at least 2: the latest and the best epoch are always kept")


class Epoch(fields.Raw):
    """The number of an epoch that has a snapshot, or the name of a snapshot."""

    def __init__(self, **options: Any) -> None:
        shown = {"type": ["integer", "string"], "minimum": 1, "maximum": LARGEST_EPOCH, "format": "int32"}
        names = {"pattern": f"^({'|'.join(NAMES)})$", "maxLength": max(map(len, NAMES))}
        metadata = shown | names | options.pop("metadata")
        super().__init__(error_messages=MESSAGES, metadata=metadata, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> int | str:
        is_number = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST_EPOCH
        if not is_number and value not in NAMES:
            raise ValidationError("must be the number of an epoch, `latest` or `best`")
        found: int | str = value
        return found


class SnapshotSchema(AnswerSchema):
    """The weights of a training at the end of an epoch."""

    epoch = Count("The epoch, from 1.", 1, example=12)
    at = Moment("The time at which the epoch was recorded.", allow_none=True)
    metrics = Mapping("The metrics of the epoch.", METRIC_VALUES, allow_none=True)
    bytes = Count("The size of the weights.", example=1_628_200)
    links = Links("`self`, `training_job`, `weights` and `predictions`.")

    @pre_dump
    def _present(self, view: SnapshotView, **_: Any) -> dict[str, Any]:
        snapshot = view.snapshot
        url = snapshot_url(snapshot.job_id, snapshot.epoch)
        return {
            "epoch": snapshot.epoch,
            "at": None if view.event is None else view.event.at,
            "metrics": view.metrics,
            "bytes": snapshot.bytes,
            "links": {
                "self": url,
                "training_job": training_job_url(snapshot.job_id),
                "weights": f"{url}/weights",
                "predictions": f"{url}/predictions",
            },
        }


class SnapshotListQuery(ByTime):
    """The parameters of a list of snapshots."""


class SnapshotPredictionAnswerSchema(PredictionAnswerSchema):
    """The predictions of a training at an epoch."""

    class Meta(PredictionAnswerSchema.Meta):
        exclude: ClassVar = ("version", "variant")

    epoch = Count("The epoch whose weights made the predictions.", 1, example=12)


class SnapshotVersionSchema(Schema):
    """The snapshot to create a version from."""

    training_job = Reference(required=True, metadata={"description": "The id of a training job of the model."})
    epoch = Epoch(
        load_default=LATEST, metadata={"description": "The epoch; `latest` and `best` are resolved to its number."}
    )
    label = Name(load_default=None, allow_none=True, metadata={"description": "A label to point to the new version."})
    metadata = Metadata()
