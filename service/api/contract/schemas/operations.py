"""The catalogue, the workers and the health as they are shown."""

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
from service.storage.records import Worker

MOST_TYPES = 1000
MOST_WORKERS = 10_000


class ParameterSchema(AnswerSchema):
    """A parameter of a type, as Keras names it."""

    name = Words("Its name.", 100, example="units")
    type = Words("What its value is; `shape` is a list of integers.", 100, example="integer")
    required = Truth("Whether it must be given.")
    default = Value("What it is when it is left out.", example=None)
    minimum = Number("The least value that is allowed; null: there is none.", allow_none=True, example=1)
    maximum = Number("The largest value that is allowed; null: there is none.", allow_none=True, example=None)
    allowed = Listing(
        "The only values that are allowed; null: there are others.", Value("A value."), MOST_TYPES, allow_none=True
    )
    description = Words("What it does.", example="Dimensionality of the output space.")


class ComponentTypeSchema(AnswerSchema):
    """A layer, optimizer, loss or metric that a spec may name."""

    type = Words("Its name, which is Keras's own.", 100, example="Dense")
    category = Words("What it is like.", 100, example="core")
    description = Words("What it does.", example="A densely-connected layer.")
    parameters = Listing("What can be set of it.", Inner(ParameterSchema, ""), MOST_TYPES)


class ComponentTypesSchema(AnswerSchema):
    """All types of a kind."""

    items = Listing("The types.", Inner(ComponentTypeSchema, ""), MOST_TYPES)


class JobWorkerSchema(AnswerSchema):
    """A worker that lives."""

    id = Identifier("wk", "Its id, a new one at each start.")
    host = Words("The machine that it runs on.", 255, example="trainer-1")
    slots = Count("Training jobs that it runs at once.", 1, example=1)
    running = Listing("The jobs that it runs.", Words("A job's id.", 63, example="tj_0660cff60faa21743c8f48cd"), 10_000)
    heartbeat_at = Moment("When it last said that it lives.")
    versions = Mapping("Of its libraries.", Words("A version.", 100, example="2.21.0", allow_none=True))

    @pre_dump
    def _present(self, found: tuple[Worker, list[str]], **_: Any) -> dict[str, Any]:
        worker, running = found
        members = ("id", "host", "slots", "heartbeat_at", "versions")
        return {**{member: getattr(worker, member) for member in members}, "running": running}


class WorkersSchema(AnswerSchema):
    """The workers that live."""

    items = Listing("The workers.", Inner(JobWorkerSchema, ""), MOST_WORKERS)


class HealthSchema(AnswerSchema):
    """Whether the process lives."""

    status = OneOf("A process that doesn't live says nothing.", "ok")


class DatabaseStatusSchema(AnswerSchema):
    """Whether the database answers."""

    status = OneOf("What it does.", "ready", "unavailable")


class WorkersStatusSchema(AnswerSchema):
    """Whether there are workers. A missing worker makes nothing unready: only new work waits."""

    status = OneOf("`unknown` while the database is away.", "ready", "missing", "unknown")
    alive = Count("How many live; null while the database is away.", allow_none=True, example=1)


class PartsSchema(AnswerSchema):
    """The parts of the service."""

    database = AsItIs(DatabaseStatusSchema, "The database.")
    workers = AsItIs(WorkersStatusSchema, "The workers.")


class ReadinessSchema(AnswerSchema):
    """What each part of the service does."""

    status = OneOf("Whether requests should be sent here.", "ready", "unavailable", "draining")
    parts = AsItIs(PartsSchema, "Each part with a status of its own.")
