"""Responses with the metrics of a training job's epochs, and with its events, as lists and streams."""

from collections.abc import Sequence
from typing import Any, ClassVar

from service.api.contract.fields import Moment, QueryWhole
from service.api.contract.schemas.base import AnswerSchema, Schema
from service.api.contract.schemas.models import METRIC_VALUES
from service.api.contract.schemas.shown import AsItIs, Count, Inner, Listing, Mapping, Number, OneOf, Url, Value, Words
from service.api.contract.schemas.training_jobs import ProgressSchema
from service.api.http.links import training_job_url
from service.api.http.paging import DEFAULT_LIMIT, LARGEST_LIMIT
from service.statuses import JOB_STATUSES
from service.storage.records import Event

MOST_PRINTED = 10_000_000


class MetricsQuery(Schema):
    """The parameters of a list of epochs."""

    after = QueryWhole(0, load_default=0, metadata={"description": "Only epochs after this one; 0: all."})
    points = QueryWhole(1, load_default=None, metadata={"description": "At most this many epochs, evenly spaced."})


class EpochSchema(AnswerSchema):
    """A finished epoch. The other fields are the loss and the metrics by name; null if they aren't finite."""

    sometimes = ("learning_rate",)
    additional: ClassVar[dict[str, Any]] = {"type": ["number", "null"], "format": "double"}

    epoch = Count("The epoch's number, from 1.", 1, example=1)
    seconds = Number("The duration of the epoch.", 0, example=1.9)
    learning_rate = Number("The learning rate at the end of the epoch.", allow_none=True, example=0.001)


class MetricsSchema(AnswerSchema):
    """The metrics of a job's epochs."""

    epochs = Listing(
        "The epochs, in order.",
        AsItIs(EpochSchema, ""),
        example=[{"epoch": 1, "seconds": 1.9, "loss": 0.21, "accuracy": 0.94, "learning_rate": 0.001}],
    )


class EventsQuery(Schema):
    """The parameters of a list of events."""

    after = QueryWhole(0, load_default=0, metadata={"description": "Only events with a higher `seq`."})
    limit = QueryWhole(
        1,
        cap=LARGEST_LIMIT,
        load_default=DEFAULT_LIMIT,
        metadata={"description": "The most events to return as JSON; streams ignore it."},
    )


class StatusChangeSchema(AnswerSchema):
    """A change of the job's status."""

    status = OneOf("The new status.", *JOB_STATUSES)
    reason = Words("The reason, as in `status_reason`.", 100, allow_none=True, example=None)


class CheckpointSchema(AnswerSchema):
    """The position in the training whose state was saved."""

    epoch = Count("The current epoch.", example=3)
    step = Count("The finished steps of the epoch.", example=120)


class TrainingChangeSchema(AnswerSchema):
    """A change of `epochs` or `learning_rate` that took effect."""

    number = Count("The change's number, from 1.", 1, example=1)
    epoch = Count("The first epoch with the change.", 1, example=4)
    epochs = Count("The new number of epochs; null: unchanged.", 1, allow_none=True, example=8)
    learning_rate = Number("The new learning rate; null: unchanged.", 0, allow_none=True, example=None)


class FinishedFoldSchema(AnswerSchema):
    """A finished fold of a cross-validation."""

    fold = Count("The fold's number, from 1.", 1, example=2)
    folds = Count("The number of folds.", 2, example=5)
    metrics = Mapping("The loss and the metrics on the held-out rows.", METRIC_VALUES)


class OutputSchema(AnswerSchema):
    """Output of the training process."""

    sometimes = ("order", "fold")

    text = Words("The text; it may end in the middle of a line.", MOST_PRINTED, example="From epoch 4 on: epochs 8\n")
    order = AsItIs(TrainingChangeSchema, "The change that the text reports.")
    fold = AsItIs(FinishedFoldSchema, "The fold that the text reports.")


class EventHeadSchema(AnswerSchema):
    """The fields of all events."""

    seq = Count("The event's number within the job, from 1.", 1, example=12)
    at = Moment("The time of the event.")


class JobTransitionEventSchema(EventHeadSchema):
    """The job's status changed."""

    type = OneOf("", "transition")
    data = Inner(StatusChangeSchema, "")


class JobProgressEventSchema(EventHeadSchema):
    """The training made progress."""

    type = OneOf("", "progress")
    data = Inner(ProgressSchema, "")


class JobEpochEventSchema(EventHeadSchema):
    """An epoch ended."""

    type = OneOf("", "epoch")
    data = Inner(EpochSchema, "")


class JobCheckpointEventSchema(EventHeadSchema):
    """The training's state was saved; after a crash, the training resumes from it."""

    type = OneOf("", "checkpoint")
    data = Inner(CheckpointSchema, "")


class JobMessageEventSchema(EventHeadSchema):
    """The training process printed something."""

    type = OneOf("", "message")
    data = Inner(OutputSchema, "")


class JobEventSchema(EventHeadSchema):
    """An event of a job; `type` determines the schema of `data`."""

    variants = (
        JobTransitionEventSchema,
        JobProgressEventSchema,
        JobEpochEventSchema,
        JobCheckpointEventSchema,
        JobMessageEventSchema,
    )
    discriminator = "type"

    type = OneOf("The type of the event.")
    data = Value("The details of the event.")


class JobEventDataSchema(AnswerSchema):
    """The `data` of a server-sent event. `event` is the event's type and determines the schema; `id` is its `seq`."""

    variants = (StatusChangeSchema, ProgressSchema, EpochSchema, CheckpointSchema, OutputSchema)
    overlapping = True


class EventsSchema(AnswerSchema):
    """Events in order."""

    items = Listing("The events.", Inner(JobEventSchema, ""), LARGEST_LIMIT)
    next = Url("The URL of the next events; null if there are none yet.", allow_none=True, example=None)


def present_events(job_id: str, limit: int, events: Sequence[Event], more: bool) -> dict[str, Any]:
    """A page of a job's events, with the URL of the next page."""
    following = f"{training_job_url(job_id)}/events?after={events[-1].seq}&limit={limit}" if more else None
    return {"items": events, "next": following}
