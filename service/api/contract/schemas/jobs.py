"""The fields that all jobs of clients share."""

from collections.abc import Iterable
from typing import Any

from models.jobs.variant import VARIANT_TYPES
from service import statuses
from service.api.contract.fields import LONGEST_NAME, Choice, MetadataChanges, Moment, Reference, Text, Whole
from service.api.contract.schemas.base import AnswerSchema, Schema
from service.api.contract.schemas.problems import FailureSchema
from service.api.contract.schemas.shown import (
    DIGEST,
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
    "id", "model_id", "dataset_id", "dataset_version", "dataset_sha256", "version", "status", "desired_status",
    "attempt", "created_at", "started_at", "finished_at",
)  # fmt: skip
NO_PROGRESS = {"step": 0, "steps": None, "fraction": 0.0, "eta_seconds": None}


MOST_TRANSITIONS = 1_000_000


class TransitionSchema(AnswerSchema):
    """A change of the job's status."""

    status = OneOf("The new status.", *statuses.JOB_STATUSES)
    at = Moment("The time of the change.")
    reason = Words("The reason, as in `status_reason`.", 100, allow_none=True)


class JobHeadSchema(AnswerSchema):
    """The first fields of a job."""

    id = Identifier("tj", "The job's id, which its URL ends with.")
    model = Words("The model's name at the job's creation.", example="flowers", **NAMED)
    dataset = Words("The dataset's name at the job's creation.", example="flowers", **NAMED)
    status = OneOf(
        "The job's status. It starts as `queued`. The final statuses are `succeeded`, `failed` and `cancelled`. After "
        "a crash the job is `queued` again.",
        *statuses.JOB_STATUSES,
    )
    status_reason = Words(
        "The reason for the status: `waiting_for_model` or `waiting_for_dataset` while the model is still being "
        "built or the dataset imported, `waiting_for_worker` while no running worker claims jobs from its "
        "queue, `waiting_for_workers` while fewer workers than its `hosts` are free, `stopped`, "
        "`early_stopping`, `time_limit`, `diverged`, `out_of_memory`, `disk_full`, `artifacts_unwritable`, "
        "`worker_lost`, `worker_shutdown`, `stalled`, `inputs_unavailable` (a worker couldn't read the job's "
        "inputs from the artifact store), `stopped_before_training`, or null.",
        100,
        allow_none=True,
        example=None,
    )
    dataset_version = Count(
        "The number of the dataset's version that the job reads; null while it waits for the dataset, and for a file.",
        1,
        allow_none=True,
        example=1,
    )
    dataset_sha256 = Words(
        "The `sha256` of that version; null if it is unknown.", allow_none=True, **DIGEST | {"example": None}
    )


class JobProgressSchema(AnswerSchema):
    """A job's progress."""

    step = Count("The finished steps.", example=120)
    steps = Count("The total number of steps; null if it is only known at the end.", allow_none=True, example=469)
    fraction = Number("The finished share.", 0, 1, example=0.45)
    eta_seconds = Number("The estimated remaining seconds; null while unknown.", 0, allow_none=True, example=4.1)


def WantedData() -> Whole:  # noqa: N802 (a field)
    """The dataset's version that a new job reads."""
    description = "The number of the dataset's version to read; null: the newest that is ready when the job is created."
    return Whole(1, load_default=None, allow_none=True, metadata={"description": description})


class WantedVersionSchema(Schema):
    """The model and version that a new job uses."""

    model = Reference(required=True, metadata={"description": "The model's name."})
    version = Whole(
        1,
        load_default=None,
        allow_none=True,
        metadata={"description": "The version's number; null: the latest version."},
    )
    label = Reference(
        load_default=None, allow_none=True, metadata={"description": "Instead of `version`: a label that points to it."}
    )


class WantedNetworkSchema(WantedVersionSchema):
    """The model, version and variant that a new job uses."""

    variant = Choice(
        *VARIANT_TYPES,
        load_default=None,
        allow_none=True,
        metadata={
            "description": "The type of the version's variant to use; null: the variant to which the label points, or "
            "else the version itself."
        },
    )


def UsedVariant() -> OneOf:  # noqa: N802 (a field)
    """The variant that a job uses."""
    description = "The type of the version's variant that the job uses; null: the version itself."
    return OneOf(description, *VARIANT_TYPES, allow_none=True)


class VersionJobSchema(JobHeadSchema):
    """A job that uses a version and can be cancelled."""

    version = Count("The version's number, resolved at the job's creation.", 1, example=1)
    model_id = Identifier("md", "The model's id. It distinguishes models that had the same name.")
    dataset_id = Identifier("ds", "The dataset's id.", allow_none=True)
    desired_status = OneOf(
        "The status that the client requested; `paused` if the service paused the job because of the disk.",
        statuses.RUNNING,
        statuses.PAUSED,
        statuses.CANCELLED,
    )
    attempt = Count("The number of the attempt, from 1. It increases when the job's process crashes.", example=1)
    progress = Inner(JobProgressSchema, "The job's progress.")
    metadata = ShownMetadata()
    error = Inner(FailureSchema, "The error of a failed job, else null.", allow_none=True)
    created_at = Moment("The creation time.")
    started_at = Moment("The time of the first start; null before.", allow_none=True)
    finished_at = Moment("The time when the job became final; null before.", allow_none=True)
    transitions = Listing("All changes of the status, in order.", Inner(TransitionSchema, ""), MOST_TRANSITIONS)
    links = Links("`self`, `model`, `version`, `dataset` and other resources; null for deleted ones.")


class JobChangesSchema(Schema):
    """The changes to a job."""

    desired_status = Choice(
        statuses.CANCELLED,
        statuses.RUNNING,
        metadata={"description": "`cancelled` cancels the job. `running` resumes a job that a full disk paused."},
    )
    metadata = MetadataChanges()


class JobListQuery(ByMetadata, ByTime):
    """The parameters of a list of jobs."""

    status = Choice(*statuses.JOB_STATUSES, metadata={"description": "Only jobs with this status."})
    model = Text(LONGEST_NAME, metadata={"description": "Only jobs of the model with this name."})
    dataset = Text(LONGEST_NAME, metadata={"description": "Only jobs with the dataset of this name."})


def present_job(view: JobView) -> dict[str, Any]:
    """The fields of a job of any kind, without its links."""
    job = view.job
    return {
        **{member: getattr(job, member) for member in COLUMNS},
        "status_reason": view.status_reason,
        "model": job.model_name,
        "dataset": job.dataset_name,
        "progress": job.progress or NO_PROGRESS,
        "metadata": job.metadata_,
        "error": describe_failure(job.error),
        "transitions": present_transitions(view.transitions),
    }


def link_resources(view: JobView) -> dict[str, str | None]:
    """The URLs of a job's model, version and dataset; None for missing ones."""
    job, model = view.job, str(view.job.model_name)
    return {
        "model": model_url(model) if view.model_exists else None,
        "version": version_url(model, job.version or 0) if view.version_exists else None,
        "dataset": dataset_url(str(job.dataset_name)) if view.dataset_exists else None,
    }


def present_transitions(transitions: Iterable[Event]) -> list[dict[str, Any]]:
    """Convert a job's transitions for TransitionSchema."""
    return [{**event.data, "at": event.at} for event in transitions]
