"""What all jobs that clients start show in the same way."""

from collections.abc import Iterable
from typing import Any

from marshmallow import fields

from service import statuses
from service.api.fields import Choice, Moment, Text
from service.api.links import dataset_url, model_url, version_url
from service.api.paging import ByTime
from service.api.problems import describe_failure
from service.api.schemas.base import Schema
from service.api.schemas.problems import FailureSchema
from service.operations.client_jobs import JobView
from service.storage.records import Event

COLUMNS = (
    "id", "model_id", "dataset_id", "version", "status", "status_reason", "desired_status", "attempt",
    "created_at", "started_at", "finished_at",
)  # fmt: skip
NO_PROGRESS = {"step": 0, "steps": None, "fraction": 0.0, "eta_seconds": None}


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


class StepsSchema(Schema):
    """How far a job is."""

    step = fields.Integer()
    steps = fields.Integer(allow_none=True)
    fraction = fields.Float()
    eta_seconds = fields.Float(allow_none=True)


class VersionJobSchema(JobHeadSchema):
    """A job that works with a version, and can be cancelled."""

    version = fields.Integer(metadata={"description": "Fixed when the job is created."})
    model_id = fields.String()
    dataset_id = fields.String()
    desired_status = fields.String(metadata={"enum": [statuses.RUNNING, statuses.CANCELLED]})
    attempt = fields.Integer(metadata={"description": "Grows when the job's process dies."})
    progress = fields.Nested(StepsSchema)
    error = fields.Nested(FailureSchema, allow_none=True)
    created_at = Moment()
    started_at = Moment(allow_none=True)
    finished_at = Moment(allow_none=True)
    transitions = fields.List(fields.Nested(TransitionSchema))
    links = fields.Dict(fields.String(), fields.String(allow_none=True))


class CancellationSchema(Schema):
    """What becomes of a job."""

    desired_status = Choice(statuses.CANCELLED)


class JobListQuery(ByTime):
    """Which jobs."""

    status = Choice(*statuses.JOB_STATUSES)
    model = Text(63)
    dataset = Text(63)


def present_job(view: JobView) -> dict[str, Any]:
    """The members that a job of any kind has, but its links."""
    job = view.job
    return {
        **{member: getattr(job, member) for member in COLUMNS},
        "model": job.model_name,
        "dataset": job.dataset_name,
        "progress": job.progress or NO_PROGRESS,
        "error": describe_failure(job.error),
        "transitions": present_transitions(view.transitions),
    }


def link_resources(view: JobView) -> dict[str, str | None]:
    """Where the model, version and dataset of a job are; null for what was deleted, or what it has none of."""
    job, model = view.job, str(view.job.model_name)
    return {
        "model": model_url(model) if view.model_exists else None,
        "version": version_url(model, job.version or 0) if view.version_exists else None,
        "dataset": dataset_url(str(job.dataset_name)) if view.dataset_exists else None,
    }


def present_transitions(transitions: Iterable[Event]) -> list[dict[str, Any]]:
    """What TransitionSchema shows."""
    return [{**event.data, "at": event.at} for event in transitions]
