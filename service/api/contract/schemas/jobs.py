"""What all jobs that clients start show in the same way."""

from collections.abc import Iterable
from typing import Any

from service import statuses
from service.api.contract.fields import LONGEST_NAME, Choice, MetadataChanges, Moment, Text
from service.api.contract.schemas.base import AnswerSchema, Schema
from service.api.contract.schemas.problems import FailureSchema
from service.api.contract.schemas.shown import (
    NAMED,
    Count,
    Identifier,
    Inner,
    Links,
    Listing,
    Number,
    OneOf,
    ShownMetadata,
    Words,
)
from service.api.http.links import dataset_url, model_url, version_url
from service.api.http.paging import ByMetadata, ByTime
from service.api.http.problems import describe_failure
from service.operations.jobs.client_jobs import JobView
from service.storage.records import Event

COLUMNS = (
    "id", "model_id", "dataset_id", "version", "status", "status_reason", "desired_status", "attempt",
    "created_at", "started_at", "finished_at",
)  # fmt: skip
NO_PROGRESS = {"step": 0, "steps": None, "fraction": 0.0, "eta_seconds": None}


MOST_TRANSITIONS = 1_000_000


class TransitionSchema(AnswerSchema):
    """A status that the job took."""

    status = OneOf("The status.", *statuses.JOB_STATUSES)
    at = Moment("When the job took it.")
    reason = Words("Why, as in `status_reason`.", 100, allow_none=True)


class JobHeadSchema(AnswerSchema):
    """What a reader of a job looks for first."""

    id = Identifier("tj", "Jobs have no name: this is what their URL ends with.")
    model = Words("The model's name when the job was created.", example="flowers", **NAMED)
    dataset = Words("The dataset's name when the job was created.", example="flowers", **NAMED)
    status = OneOf(
        "What the job does: it begins `queued`, and ends `succeeded`, `failed` or `cancelled`, for ever. After a crash "
        "it is `queued` again.",
        *statuses.JOB_STATUSES,
    )
    status_reason = Words(
        "Why it has its status: `stopped`, `early_stopping`, `time_limit`, `diverged`, `out_of_memory`, `disk_full`, "
        "`worker_lost`, `worker_shutdown`, `stalled`, `stopped_before_training`, or null.",
        100,
        allow_none=True,
        example=None,
    )


class JobProgressSchema(AnswerSchema):
    """How far a job is."""

    step = Count("Steps that are done.", example=120)
    steps = Count("Steps in all; null where nobody knows before the end.", allow_none=True, example=469)
    fraction = Number("The share that is done.", 0, 1, example=0.45)
    eta_seconds = Number("How long it will probably still take; null while unknown.", 0, allow_none=True, example=4.1)


class VersionJobSchema(JobHeadSchema):
    """A job that works with a version, and can be cancelled."""

    version = Count("The version's number, fixed when the job is created.", 1, example=1)
    model_id = Identifier("md", "The model's id: a name used again is another model.")
    dataset_id = Identifier("ds", "The dataset's id.", allow_none=True)
    desired_status = OneOf("What the client wants of it.", statuses.RUNNING, statuses.CANCELLED)
    attempt = Count("Grows when the job's process dies.", example=1)
    progress = Inner(JobProgressSchema, "How far it is.")
    metadata = ShownMetadata()
    error = Inner(FailureSchema, "Why it failed, or null.", allow_none=True)
    created_at = Moment("When it was created.")
    started_at = Moment("When its process began; null before.", allow_none=True)
    finished_at = Moment("When it became final; null before.", allow_none=True)
    transitions = Listing("Every status that it had.", Inner(TransitionSchema, ""), MOST_TRANSITIONS)
    links = Links("`self`, `model`, `version`, `dataset`, and what else there is; null for what was deleted.")


class JobChangesSchema(Schema):
    """What becomes of a job."""

    desired_status = Choice(statuses.CANCELLED, metadata={"description": "Cancels the job."})
    metadata = MetadataChanges()


class JobListQuery(ByMetadata, ByTime):
    """Which jobs."""

    status = Choice(*statuses.JOB_STATUSES, metadata={"description": "Only jobs with that status."})
    model = Text(LONGEST_NAME, metadata={"description": "Only jobs of the model with that name."})
    dataset = Text(LONGEST_NAME, metadata={"description": "Only jobs with the dataset of that name."})


def present_job(view: JobView) -> dict[str, Any]:
    """The members that a job of any kind has, but its links."""
    job = view.job
    return {
        **{member: getattr(job, member) for member in COLUMNS},
        "model": job.model_name,
        "dataset": job.dataset_name,
        "progress": job.progress or NO_PROGRESS,
        "metadata": job.metadata_,
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
