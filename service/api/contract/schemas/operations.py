"""Responses of the catalogue, the workers and the health checks."""

from typing import Any

from marshmallow import pre_dump

from service.api.contract.fields import Moment
from service.api.contract.schemas.base import AnswerSchema
from service.api.contract.schemas.shown import (
    AsItIs,
    Count,
    Identifier,
    Inner,
    Listing,
    Mapping,
    Number,
    OneOf,
    Truth,
    Value,
    Words,
)
from service.operations.upkeep import workers
from service.storage.records import Worker

MOST_TYPES = 1000
MOST_WORKERS = 10_000


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


class JobWorkerSchema(AnswerSchema):
    """A running worker."""

    id = Identifier("wk", "The worker's id; each start gets a new one.")
    host = Words("The worker's host name.", 255, example="trainer-1")
    slots = Count("The most training jobs that the worker runs concurrently.", 1, example=1)
    running = Listing(
        "The jobs that the worker runs.", Words("A job's id.", 63, example="tj_0660cff60faa21743c8f48cd"), 10_000
    )
    status = OneOf(
        "`starting`: it can't start jobs yet. `waiting`: it claims no jobs now. `failing`: it can't start jobs.",
        "starting", "ready", "waiting", "failing",
    )  # fmt: skip
    detail = Words("Why it is `waiting` or `failing`; otherwise null.", allow_none=True, example=None)
    heartbeat_at = Moment("The time of the latest heartbeat.")
    versions = Mapping(
        "The versions of the worker's libraries.", Words("A version.", 100, example="2.21.0", allow_none=True)
    )

    @pre_dump
    def _present(self, found: tuple[Worker, list[str]], **_: Any) -> dict[str, Any]:
        worker, running = found
        members = ("id", "host", "slots", "heartbeat_at", "versions")
        shown = {member: getattr(worker, member) for member in members}
        return {**shown, "status": workers.status_of(worker), "detail": worker.problem, "running": running}


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


class PartsSchema(AnswerSchema):
    """The parts of the service."""

    database = AsItIs(DatabaseStatusSchema, "The database.")
    artifact_store = AsItIs(
        ArtifactStoreStatusSchema,
        "The artifacts: the disk of their folder, or the S3 bucket and the disk of its copies.",
    )
    workers = AsItIs(WorkersStatusSchema, "The workers.")


class ReadinessSchema(AnswerSchema):
    """Whether the service is ready, with the status of each part."""

    status = OneOf(
        "Whether the process accepts requests. `starting`: it still loads networks. `draining`: it shuts down.",
        "starting", "ready", "unavailable", "draining",
    )  # fmt: skip
    parts = AsItIs(PartsSchema, "The status of each part.")
