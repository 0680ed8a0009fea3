"""What happens to training jobs: the metrics of their epochs, and events as they are listed and streamed."""

from collections.abc import Sequence
from typing import Any, ClassVar

from service.api.contract.fields import Moment, QueryWhole
from service.api.contract.schemas.base import AnswerSchema, Schema
from service.api.contract.schemas.shown import AsItIs, Count, Inner, Listing, Number, OneOf, Url, Value, Words
from service.api.contract.schemas.training_jobs import ProgressSchema
from service.api.http.links import training_job_url
from service.api.http.paging import DEFAULT_LIMIT, LARGEST_LIMIT
from service.statuses import JOB_STATUSES
from service.storage.records import Event

MOST_PRINTED = 10_000_000


class MetricsQuery(Schema):
    """Which epochs."""

    after = QueryWhole(0, load_default=0, metadata={"description": "Only epochs after this one."})
    points = QueryWhole(1, load_default=None, metadata={"description": "At most this many, evenly chosen."})


class EpochSchema(AnswerSchema):
    """An epoch that ended. Its other members are the loss and the metrics, by name; null where they aren't finite."""

    sometimes = ("learning_rate",)
    additional: ClassVar[dict[str, Any]] = {"type": ["number", "null"], "format": "double"}

    epoch = Count("Its number, from 1.", 1, example=1)
    seconds = Number("How long it took.", 0, example=1.9)
    learning_rate = Number("The learning rate at its end.", allow_none=True, example=0.001)


class MetricsSchema(AnswerSchema):
    """The metrics of a job's epochs."""

    epochs = Listing(
        "The epochs, in order.",
        AsItIs(EpochSchema, ""),
        example=[{"epoch": 1, "seconds": 1.9, "loss": 0.21, "accuracy": 0.94, "learning_rate": 0.001}],
    )


class EventsQuery(Schema):
    """Which events."""

    after = QueryWhole(0, load_default=0, metadata={"description": "Only events after the one of this `seq`."})
    limit = QueryWhole(
        1, cap=LARGEST_LIMIT, load_default=DEFAULT_LIMIT, metadata={"description": "Of JSON; a stream has no pages."}
    )


class StatusChangeSchema(AnswerSchema):
    """A status that the job took."""

    status = OneOf("The status.", *JOB_STATUSES)
    reason = Words("Why, as in `status_reason`.", 100, allow_none=True, example=None)


class CheckpointSchema(AnswerSchema):
    """Where the training was when its state was saved."""

    epoch = Count("The running epoch.", example=3)
    step = Count("The steps of the epoch that were done.", example=120)


class TrainingChangeSchema(AnswerSchema):
    """A change of `epochs` or `learning_rate` that took effect."""

    number = Count("Changes are numbered from 1.", 1, example=1)
    epoch = Count("The epoch with which it took effect.", 1, example=4)
    epochs = Count("The new number of epochs; null: unchanged.", 1, allow_none=True, example=8)
    learning_rate = Number("The new learning rate; null: unchanged.", 0, allow_none=True, example=None)


class OutputSchema(AnswerSchema):
    """What the training process printed."""

    sometimes = ("order",)

    text = Words("The text, which may end within a line.", MOST_PRINTED, example="From epoch 4 on: epochs 8\n")
    order = AsItIs(TrainingChangeSchema, "The change that the text is about.")


class EventHeadSchema(AnswerSchema):
    """What all events have."""

    seq = Count("Its number within the job, from 1.", 1, example=12)
    at = Moment("When it happened.")


class JobTransitionEventSchema(EventHeadSchema):
    """The job took another status."""

    type = OneOf("", "transition")
    data = Inner(StatusChangeSchema, "")


class JobProgressEventSchema(EventHeadSchema):
    """The training advanced."""

    type = OneOf("", "progress")
    data = Inner(ProgressSchema, "")


class JobEpochEventSchema(EventHeadSchema):
    """An epoch ended."""

    type = OneOf("", "epoch")
    data = Inner(EpochSchema, "")


class JobCheckpointEventSchema(EventHeadSchema):
    """The training's state was saved; after a crash it goes on from there."""

    type = OneOf("", "checkpoint")
    data = Inner(CheckpointSchema, "")


class JobMessageEventSchema(EventHeadSchema):
    """The training process printed something."""

    type = OneOf("", "message")
    data = Inner(OutputSchema, "")


class JobEventSchema(EventHeadSchema):
    """Something that happened to a job; `type` tells what its `data` is."""

    variants = (
        JobTransitionEventSchema,
        JobProgressEventSchema,
        JobEpochEventSchema,
        JobCheckpointEventSchema,
        JobMessageEventSchema,
    )
    discriminator = "type"

    type = OneOf("What happened.")
    data = Value("More about it.")


class JobEventDataSchema(AnswerSchema):
    """The `data` of a server-sent event; its `event` tells which it is, its `id` is the event's `seq`."""

    variants = (StatusChangeSchema, ProgressSchema, EpochSchema, CheckpointSchema, OutputSchema)
    overlapping = True


class EventsSchema(AnswerSchema):
    """Events in their order."""

    items = Listing("The events.", Inner(JobEventSchema, ""), LARGEST_LIMIT)
    next = Url("The URL of the following events; null when caught up.", allow_none=True, example=None)


def present_events(job_id: str, limit: int, events: Sequence[Event], more: bool) -> dict[str, Any]:
    """A stretch of a job's events, with the URL of the following ones."""
    following = f"{training_job_url(job_id)}/events?after={events[-1].seq}&limit={limit}" if more else None
    return {"items": events, "next": following}
