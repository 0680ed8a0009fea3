"""Models as they are posted and shown."""

from typing import Any

from marshmallow import ValidationError, fields, pre_dump, validates_schema

from models.pretrained import as_posted
from models.spec import Scaling, Task
from service import statuses
from service.api.fields import Anything, Choice, Items, Moment, Name, Object, Part, QueryFlag, Text
from service.api.links import model_url
from service.api.paging import ByTimeOrName
from service.api.problems import describe_failure
from service.api.schemas.base import Schema
from service.api.schemas.problems import FailureSchema
from service.api.schemas.version_statuses import VersionStatusSchema, version_statuses
from service.operations.models import ModelView
from service.storage.records import Model

TASKS = tuple(task.value for task in Task)
SCALINGS = tuple(scaling.value for scaling in Scaling)
SCALING = (
    "`none`, `unit` (divided by 255) or `standard` (less the training rows' mean, divided by their deviation). Left "
    "out it is `none` beside a shape. Beside a dataset it is `standard`; `unit` for pictures and video of bytes "
    "(numbers from 0 to 255, some above 127); and `none`, unless it is a table, if a layer is Rescaling, Normalization "
    "or Embedding."
)
LONGEST_DESCRIPTION = 10_000


class InputSchema(Schema):
    """An input: a shape, or a dataset to take shape and columns from."""

    shape = Items(metadata={"description": "Of a row, without the batch."})
    dataset = Text(63, metadata={"description": "One of several inputs takes what the dataset has by the same name."})
    scaling = Choice(*SCALINGS, metadata={"description": SCALING})

    @validates_schema
    def _check(self, data: dict[str, Any], **_: Any) -> None:
        if "shape" in data and "dataset" in data:
            raise ValidationError("can't be given besides the dataset, which has a shape", "shape")


LAYERS = (
    "In order, each taking what the layer before it puts out; with `inputs` they are a graph, in any order. The last "
    "one listed is the output."
)
LAYER = {
    "description": "Besides, the parameters of its type, as in `GET /v1/layer-types`; `Pretrained` stands for trained "
    "layers of a version.",
    "properties": {
        "type": {"type": "string"},
        "name": {"type": "string", "description": "Unique within the network; made up where left out."},
        "inputs": {
            "type": ["array", "string", "null"],
            "items": {"type": "string"},
            "description": "The layers and inputs of the network whose outputs it takes, by name, in order; the only "
            'input is called "input". Left out: the layer before it.',
        },
    },
    "required": ["type"],
}


class NewModelSchema(Schema):
    """The spec of a network."""

    name = Name(required=True)
    task = Choice(*TASKS, required=True)
    description = Text(LONGEST_DESCRIPTION, load_default="")
    input = Part(InputSchema)
    inputs = Object(
        values=Part(InputSchema),
        metadata={"description": "Several inputs, by the names that data and instances have them by."},
    )
    layers = Items(Anything("object", metadata=LAYER), required=True, metadata={"description": LAYERS})
    optimizer = Anything("string", "object", required=True, metadata={"description": "See `GET /v1/optimizer-types`."})
    loss = Anything("string", "object", required=True, metadata={"description": "See `GET /v1/loss-types`."})
    metrics = Items(load_default=list, metadata={"description": "See `GET /v1/metric-types`."})


class NewModelQuery(Schema):
    """How a model is made."""

    dry_run = QueryFlag(load_default=False, metadata={"description": "Check and build, but keep nothing."})


class ModelChangesSchema(Schema):
    """What can be changed of a model."""

    description = Text(LONGEST_DESCRIPTION)


class ModelItemSchema(Schema):
    """A model as lists show it."""

    id = fields.String(allow_none=True)
    name = fields.String()
    status = fields.String(metadata={"enum": [statuses.BUILDING, statuses.READY, statuses.FAILED]})
    task = fields.String(metadata={"enum": TASKS})
    description = fields.String()
    input = fields.Dict()
    inputs = fields.Dict()
    optimizer = Anything("string", "object")
    loss = Anything("string", "object")
    metrics = fields.List(fields.Raw())
    latest_version = fields.Integer(allow_none=True)
    labels = fields.Dict(fields.String(), fields.Integer(), metadata={"description": "Version by label."})
    error = fields.Nested(FailureSchema, allow_none=True)
    created_at = Moment(allow_none=True)
    links = fields.Dict(fields.String(), fields.String(), allow_none=True)

    @pre_dump
    def _present(self, view: ModelView | Model, **_: Any) -> dict[str, Any]:
        return _present_dry_run(view) if isinstance(view, Model) else _present_model(view)


class SummarySchema(Schema):
    """What a network consists of."""

    layers = fields.List(fields.Dict())
    parameters = fields.Integer()
    trainable_parameters = fields.Integer()
    non_trainable_parameters = fields.Integer()
    bytes = fields.Integer()


class ModelSchema(ModelItemSchema):
    """A model."""

    layers = fields.List(fields.Dict())
    summary = fields.Nested(SummarySchema, allow_none=True)
    model_version_status = fields.List(fields.Nested(VersionStatusSchema))


class ModelListQuery(ByTimeOrName):
    """Which models."""

    status = Choice(statuses.BUILDING, statuses.READY, statuses.FAILED)
    task = Choice(*TASKS)


def _present_model(view: ModelView) -> dict[str, Any]:
    model, url = view.model, model_url(view.model.name)
    kept = ("id", "name", "status", "task", "description", "summary", "created_at")
    parts = ("summary", "versions", "labels", "predictions")
    return {
        **model.document,
        "layers": [as_posted(layer) for layer in model.document["layers"]],
        **{member: getattr(model, member) for member in kept},
        "latest_version": view.latest_version,
        "labels": view.labels,
        "error": describe_failure(model.error),
        "links": {"self": url} | {part: f"{url}/{part}" for part in parts},
        "model_version_status": version_statuses(view.versions),
    }


def _present_dry_run(model: Model) -> dict[str, Any]:
    return _present_model(ModelView(model, None, {})) | {"id": None, "created_at": None, "links": None}
