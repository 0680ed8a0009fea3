"""The catalogue, the workers and the health as they are shown."""

from typing import Any

from marshmallow import fields, pre_dump

from service.api.fields import Anything, Moment
from service.api.schemas.base import Schema
from service.storage.records import Worker


class ParameterSchema(Schema):
    """A parameter of a type, as Keras names it."""

    name = fields.String()
    type = fields.String()
    required = fields.Boolean()
    default = Anything()
    minimum = fields.Float(allow_none=True)
    maximum = fields.Float(allow_none=True)
    allowed = fields.List(fields.Raw(), allow_none=True)
    description = fields.String()


class ComponentTypeSchema(Schema):
    """A layer, optimizer, loss or metric that a spec may name."""

    type = fields.String()
    category = fields.String()
    description = fields.String()
    parameters = fields.List(fields.Nested(ParameterSchema))


class ComponentTypesSchema(Schema):
    """All types of a kind."""

    items = fields.List(fields.Nested(ComponentTypeSchema))


class WorkerSchema(Schema):
    """A worker that lives."""

    id = fields.String()
    host = fields.String()
    slots = fields.Integer(metadata={"description": "Training jobs that it runs at once."})
    running = fields.List(fields.String(), metadata={"description": "The ids of the jobs that it runs."})
    heartbeat_at = Moment()
    versions = fields.Dict(metadata={"description": "Of its libraries."})

    @pre_dump
    def _present(self, found: tuple[Worker, list[str]], **_: Any) -> dict[str, Any]:
        worker, running = found
        members = ("id", "host", "slots", "heartbeat_at", "versions")
        return {**{member: getattr(worker, member) for member in members}, "running": running}


class WorkersSchema(Schema):
    """The workers that live."""

    items = fields.List(fields.Nested(WorkerSchema))


class HealthSchema(Schema):
    """Whether the process lives."""

    status = fields.String(metadata={"enum": ["ok"]})


class ReadinessSchema(Schema):
    """What each part of the service does."""

    status = fields.String(metadata={"enum": ["ready", "unavailable", "draining"]})
    parts = fields.Dict(fields.String(), fields.Dict())
