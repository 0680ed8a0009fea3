"""What all jobs that clients start show in the same way."""

from collections.abc import Iterable
from typing import Any

from marshmallow import fields

from service import statuses
from service.api.fields import Moment
from service.api.schemas.base import Schema
from service.storage.records import Event


class TransitionSchema(Schema):
    """A status that the job took."""

    status = fields.String(metadata={"enum": statuses.JOB_STATUSES})
    at = Moment()
    reason = fields.String(allow_none=True)


class JobHeadSchema(Schema):
    """What a reader of a job looks for first."""

    id = fields.String()
    model = fields.String()
    dataset = fields.String()
    status = fields.String(metadata={"enum": statuses.JOB_STATUSES})
    status_reason = fields.String(
        allow_none=True,
        metadata={
            "description": "Why it has its status: `stopped`, `early_stopping`, `time_limit`, `diverged`, "
            "`out_of_memory`, `disk_full`, `worker_lost`, `worker_shutdown`, `stalled`, `stopped_before_training`, "
            "or null."
        },
    )


def present_transitions(transitions: Iterable[Event]) -> list[dict[str, Any]]:
    """What TransitionSchema shows."""
    return [{**event.data, "at": event.at} for event in transitions]
