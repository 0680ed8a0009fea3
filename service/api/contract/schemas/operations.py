"""Responses of the catalogue, the workers and the health checks."""

from typing import Any

from marshmallow import pre_dump

from service.api.contract.fields import Choice, Moment
from service.api.contract.schemas.base import AnswerSchema, Schema
from service.api.contract.schemas.shown import (
    NAMED,
    AsItIs,
    Count,
    Identifier,
    Inner,
    Links,
    Listing,
    Mapping,
    Number,
    OneOf,
    Truth,
    Value,
    Words,
)
from service.api.http.links import worker_url
from service.operations.upkeep import workers
from service.operations.upkeep.workers import WorkerView

MOST_TYPES = 1000
MOST_WORKERS = 10_000
COLUMNS = ("id", "host", "slots", "queues", "devices", "versions", "desired_status", "started_at", "heartbeat_at")


class ParameterSchema(AnswerSchema):
    """A parameter of a type, named as in Keras."""

    name = Words("The parameter's name.", 100, example="units")
    type = Words("The type of the value; `shape` is a list of integers.", 100, example="integer")
    required = Truth("Whether the parameter is required.")
    default = Value("The default value.", example=None)
    minimum = Number("The smallest allowed value; null: no limit.", allow_none=True, example=1)
    maximum = Number("The largest allowed value; null: no limit.", allow_none=True, example=None)
    allowed = Listing(
        "The allowed values; null: not restricted to a list.", Value("A value."), MOST_TYPES, allow_none=True
    )
    description = Words("The meaning of the parameter.", example="Dimensionality of the output space.")


class ComponentTypeSchema(AnswerSchema):
    """A layer, optimizer, loss or metric that a model's spec can use."""

    type = Words("The type's name in Keras.", 100, example="Dense")
    category = Words("The type's category.", 100, example="core")
    description = Words("A description of the type.", example="A densely-connected layer.")
    parameters = Listing("The parameters that you can set.", Inner(ParameterSchema, ""), MOST_TYPES)


class ComponentTypesSchema(AnswerSchema):
    """All types of a kind."""

    items = Listing("The types.", Inner(ComponentTypeSchema, ""), MOST_TYPES)


class AcceleratorSchema(AnswerSchema):
    """A device that computes faster than the CPU."""

    type = OneOf("The type.", "gpu")
    name = Words("The name that its driver shows.", 255, example="NVIDIA H200")
    memory_bytes = Count("The bytes of its memory; null if they aren't known.", allow_none=True, example=150754820096)


class DevicesSchema(AnswerSchema):
    """What a worker computes with."""

    cpus = Count("The CPU cores that the worker may use.", 1, example=2)
    memory_bytes = Count("The bytes of memory that the worker may use.", example=8589934592)
    accelerators = Listing(
        "The GPUs that NVIDIA's driver shows on the worker's host.", Inner(AcceleratorSchema, ""), 1000, example=[]
    )


class JobWorkerSchema(AnswerSchema):
    """A running worker."""

    id = Identifier("wk", "The worker's id; each start gets a new one.")
    host = Words("The worker's host name.", 255, example="trainer-1")
    slots = Count("The most training jobs that the worker runs concurrently.", 1, example=1)
    running = Listing(
        "The jobs of your project that the worker runs.",
        Words("A job's id.", 63, example="tj_0660cff60faa21743c8f48cd"),
        10_000,
    )
    running_jobs = Count("The number of jobs that the worker runs, of all projects.", example=1)
    queues = Listing(
        "The queues from which it claims jobs.", Words("A name.", example="cpu", **NAMED), 1000, example=["cpu"]
    )
    devices = AsItIs(DevicesSchema, "What it computes with; null for a worker of an older Fitserve.", allow_none=True)
    status = OneOf(
        "`starting`: it can't start jobs yet. `waiting`: it claims no jobs now. `draining`: it finishes its jobs and "
        "claims no more. `failing`: it can't start jobs.",
        "starting", "ready", "waiting", "draining", "failing",
    )  # fmt: skip
    desired_status = OneOf("What an administrator requested.", *workers.DESIRED_STATUSES)
    detail = Words("Why it is `waiting` or `failing`; otherwise null.", allow_none=True, example=None)
    started_at = Moment("The time of its start; null for a worker of an older Fitserve.", allow_none=True)
    heartbeat_at = Moment("The time of the latest heartbeat.")
    versions = Mapping(
        "The versions of the worker's libraries.", Words("A version.", 100, example="2.21.0", allow_none=True)
    )

    links = Links("`self`.")

    @pre_dump
    def _present(self, view: WorkerView, **_: Any) -> dict[str, Any]:
        worker = view.worker
        return {
            **{member: getattr(worker, member) for member in COLUMNS},
            "status": workers.status_of(worker),
            "detail": worker.problem,
            "running": view.running,
            "running_jobs": view.running_jobs,
            "links": {"self": worker_url(worker.id)},
        }


class WorkerChangesSchema(Schema):
    """The changes to a worker."""

    desired_status = Choice(
        *workers.DESIRED_STATUSES,
        metadata={
            "description": "`draining`: the worker finishes its jobs and claims no more, until it starts again. "
            "`running`: it claims jobs again."
        },
    )


class WorkersSchema(AnswerSchema):
    """The running workers."""

    items = Listing("The workers.", Inner(JobWorkerSchema, ""), MOST_WORKERS)


class HealthSchema(AnswerSchema):
    """Whether the process is alive."""

    status = OneOf("Always `ok`.", "ok")


class PartSchema(AnswerSchema):
    """The status of a part that the service depends on."""

    detail = Words("The problem; null if there is none.", allow_none=True, example=None)


class DiskSchema(PartSchema):
    """The status of a part that stores data on a disk."""

    free_bytes = Count("The free bytes on its disk; null if they aren't known.", allow_none=True, example=52428800000)


class DatabaseStatusSchema(DiskSchema):
    """Whether the database answers. The disk of a PostgreSQL server isn't known."""

    status = OneOf(
        "`low`: fewer free bytes than FITSERVE_MIN_FREE_BYTES, so requests that store something are refused. `full`: "
        "next to none. `unusable`: damaged, read-only, or from another version of Fitserve.",
        "ready", "low", "full", "unavailable", "unusable",
    )  # fmt: skip


class ArtifactStoreStatusSchema(DiskSchema):
    """Whether the artifact store can be written."""

    status = OneOf(
        "`low`: fewer free bytes than FITSERVE_MIN_FREE_BYTES, so requests that store something are refused. `full`: "
        "next to none.",
        "ready", "low", "full", "read-only", "unavailable",
    )  # fmt: skip


class QueueStatusSchema(AnswerSchema):
    """Whether a worker can run the jobs of a queue."""

    status = OneOf("`waiting`: the workers claim no jobs now.", "ready", "waiting", "missing")
    workers = Count("The number of workers that can run its jobs.", example=1)


class WorkersStatusSchema(PartSchema):
    """Whether workers are running. The service stays ready without a worker: only new jobs wait."""

    status = OneOf(
        "`waiting`: the workers claim no jobs now. `missing`: no worker can start jobs. `unknown`: the database is "
        "unavailable.",
        "ready", "waiting", "missing", "unknown",
    )  # fmt: skip
    alive = Count("The number of running workers; null while the database is unavailable.", allow_none=True, example=1)
    queues = Mapping(
        "The queues by name; null while the database is unavailable.", Inner(QueueStatusSchema, ""), allow_none=True
    )


class BrokerStatusSchema(PartSchema):
    """Whether the message broker answers. The service stays ready without it: jobs only start later."""

    status = OneOf("`unknown`: it was just started.", "ready", "unavailable", "unknown")


class PartsSchema(AnswerSchema):
    """The parts of the service."""

    sometimes = ("broker",)

    database = AsItIs(DatabaseStatusSchema, "The database.")
    artifact_store = AsItIs(
        ArtifactStoreStatusSchema,
        "The artifacts: the disk of their folder, or the S3 bucket and the disk of its copies.",
    )
    workers = AsItIs(WorkersStatusSchema, "The workers.")
    broker = AsItIs(BrokerStatusSchema, "The message broker, if FITSERVE_BROKER_URL names one.")


class ReadinessSchema(AnswerSchema):
    """Whether the service is ready, with the status of each part."""

    status = OneOf(
        "Whether the process accepts requests. `starting`: it still loads networks. `draining`: it shuts down.",
        "starting", "ready", "unavailable", "draining",
    )  # fmt: skip
    parts = AsItIs(PartsSchema, "The status of each part.")
