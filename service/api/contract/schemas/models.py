"""Models as they are posted and shown."""

from typing import Any

from marshmallow import ValidationError, pre_dump, validates_schema

from models.pretrained import as_posted
from models.spec import Scaling, Task
from models.validation.inputs import MOST_DIMENSIONS, MOST_INPUTS
from models.validation.metrics import MOST_METRICS
from service import statuses
from service.api.contract.fields import (
    LARGEST_INTEGER,
    TEXT_PATTERN,
    Anything,
    Choice,
    Items,
    Metadata,
    MetadataChanges,
    Moment,
    Name,
    Object,
    Part,
    QueryFlag,
    Reference,
    Text,
)
from service.api.contract.schemas.base import AnswerSchema, Schema
from service.api.contract.schemas.problems import FailureSchema
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
    ShownMetadata,
    Truth,
    Value,
    Words,
)
from service.api.contract.schemas.version_statuses import ServingVersionSchema, version_statuses
from service.api.http.links import model_url
from service.api.http.paging import ByMetadata, ByTimeOrName
from service.api.http.problems import describe_failure
from service.operations.catalog.models import ModelView
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


AXIS = {"description": "The length of an axis.", "format": "int32", "minimum": 1, "maximum": LARGEST_INTEGER}
COMPONENT: dict[str, Any] = {
    "type": ["string", "object"],
    "maxLength": 100,
    "pattern": TEXT_PATTERN,
    "properties": {"type": {"type": "string", "maxLength": 100, "pattern": TEXT_PATTERN, "description": "Its name."}},
    "required": ["type"],
    "additionalProperties": True,
}
"""A Keras name, or an object of `type` and Keras's parameters."""


class InputSchema(Schema):
    """An input: a shape, or a dataset to take shape and columns from."""

    shape = Items(
        Anything("integer", metadata=AXIS),
        metadata={
            "description": "Of a row, without the batch: `[28, 28]` is a grey picture, `[4]` four numbers.",
            "minItems": 1,
            "maxItems": MOST_DIMENSIONS,
            "example": [4],
        },
    )
    dataset = Reference(
        metadata={
            "description": "Instead of `shape`: the dataset to take shape and columns from. One of several inputs "
            "takes what the dataset has by the same name."
        }
    )
    scaling = Choice(*SCALINGS, metadata={"description": SCALING})

    @validates_schema
    def _check(self, data: dict[str, Any], **_: Any) -> None:
        if "shape" in data and "dataset" in data:
            raise ValidationError("can't be given besides the dataset, which has a shape", "shape")


MOST_LAYERS = 10_000
LAYERS = (
    "In order, each taking what the layer before it puts out; with `inputs` they are a graph, in any order. The last "
    "one listed is the output."
)
LAYER = {
    "description": "Besides, the parameters of its type, as in `GET /v1/layer-types`; `Pretrained` stands for trained "
    "layers of a version.",
    "properties": {
        "type": {"type": "string", "maxLength": 100, "pattern": TEXT_PATTERN, "description": "Its name in Keras."},
        "name": {
            "type": "string",
            "maxLength": 100,
            "pattern": TEXT_PATTERN,
            "description": "Unique within the network; made up where left out.",
        },
        "inputs": {
            "type": ["array", "string", "null"],
            "maxLength": 100,
            "pattern": TEXT_PATTERN,
            "maxItems": MOST_LAYERS,
            "items": {"type": "string", "maxLength": 100, "pattern": TEXT_PATTERN},
            "description": "The layers and inputs of the network whose outputs it takes, by name, in order; the only "
            'input is called "input". Left out: the layer before it.',
        },
    },
    "required": ["type"],
    "additionalProperties": True,
}


class CreateModelSchema(Schema):
    """The spec of a network."""

    name = Name(required=True)
    task = Choice(
        *TASKS,
        required=True,
        metadata={
            "description": "What is predicted: numbers (`regression`), one of two classes (`binary`) or of several "
            "(`multiclass`), or any number of labels (`multilabel`)."
        },
    )
    description = Text(LONGEST_DESCRIPTION, load_default="", metadata={"description": "For people; it can be changed."})
    input = Part(InputSchema, metadata={"description": "The only input."})
    inputs = Object(
        values=Part(InputSchema),
        metadata={
            "description": "Instead of `input`: several, by the names that data and instances have them by.",
            "maxProperties": MOST_INPUTS,
        },
    )
    layers = Items(
        Anything("object", metadata=LAYER), most=MOST_LAYERS, required=True, metadata={"description": LAYERS}
    )
    optimizer = Anything(
        required=True,
        metadata=COMPONENT | {"description": 'Such as `"adam"`; all are listed by `GET /v1/optimizer-types`.'},
    )
    loss = Anything(
        required=True,
        metadata=COMPONENT | {"description": 'Such as `"mean_squared_error"`; all are listed by `GET /v1/loss-types`.'},
    )
    metrics = Items(
        Anything(metadata=COMPONENT),
        load_default=list,
        metadata={
            "description": 'Such as `["accuracy"]`; all are listed by `GET /v1/metric-types`.',
            "maxItems": MOST_METRICS,
        },
    )
    metadata = Metadata()


class NewModelQuery(Schema):
    """How a model is made."""

    dry_run = QueryFlag(load_default=False, metadata={"description": "Check and build, but keep nothing."})


class ModelChangesSchema(Schema):
    """What can be changed of a model."""

    description = Text(LONGEST_DESCRIPTION, metadata={"description": "For people."})
    metadata = MetadataChanges()


MOST_CATEGORIES = 1000
MOST_AXES = 32
METRIC_VALUES = Number("A metric; null where it isn't finite.", allow_none=True, example=0.97)
SHOWN_AXIS = Count("The length of an axis; null: any.", allow_none=True, example=8)


class ColumnSchema(AnswerSchema):
    """A column of a table as a network takes it."""

    sometimes = ("categories", "parts", "format")

    name = Words("The column's name.", example="sepal_length")
    type = OneOf("What its values are.", "number", "boolean", "date", "category")
    categories = Listing("The categories, each of which becomes a number.", Value("A category."), MOST_CATEGORIES)
    parts = Listing("The cycles of a date that count.", OneOf("", "year", "week", "day"), 3)
    format = Words("How dates or numbers are written.", 100, example="ISO 8601")


class ModelInputSchema(AnswerSchema):
    """What a network takes, and what is done to raw values before."""

    sometimes = ("name", "dataset", "scaling", "columns")

    name = Words("The input's name.", example="input")
    dataset = Words("The dataset that shape and columns were taken from.", example="flowers", **NAMED)
    shape = Listing("Of a row, without the batch.", Count("The length of an axis."), MOST_DIMENSIONS, example=[4])
    scaling = OneOf(SCALING, *SCALINGS)
    columns = Listing("Of a table: its columns, in order.", AsItIs(ColumnSchema, ""))


class ModelItemSchema(AnswerSchema):
    """A model as lists show it."""

    sometimes = ("input", "inputs")

    id = Identifier("md", "Its id: a name used again is another model. Null for a dry run.", allow_none=True)
    name = Words("Its name, which the client chose.", example="flowers", **NAMED)
    status = OneOf(
        "`building` until its network was really built once.", statuses.BUILDING, statuses.READY, statuses.FAILED
    )
    task = OneOf("What its output means.", *TASKS)
    description = Words("For people.", example="Three species by four lengths.")
    input = AsItIs(ModelInputSchema, "The only input.")
    inputs = Mapping("Several inputs, by name.", AsItIs(ModelInputSchema, ""), maxProperties=MOST_INPUTS)
    optimizer = Value("As posted.", example="adam", **COMPONENT)
    loss = Value("As posted.", example="sparse_categorical_crossentropy", **COMPONENT)
    metrics = Listing("As posted.", Value("A metric.", **COMPONENT), MOST_METRICS, example=["accuracy"])
    latest_version = Count("The number of its newest version; null: it has none.", 1, allow_none=True, example=1)
    labels = Mapping("The number of the version that each label points to.", Count("A version.", 1, example=1))
    metadata = ShownMetadata()
    error = Inner(FailureSchema, "Why it failed, or null.", allow_none=True)
    created_at = Moment("When it was created; null for a dry run.", allow_none=True)
    links = Links("`self`, `summary`, `versions`, `labels` and `predictions`; null for a dry run.", allow_none=True)

    @pre_dump
    def _present(self, view: ModelView | Model, **_: Any) -> dict[str, Any]:
        return _present_dry_run(view) if isinstance(view, Model) else _present_model(view)


class LayerSummarySchema(AnswerSchema):
    """A layer of a network that was built."""

    name = Words("Its name, made up where the client gave none.", example="dense")
    type = Words("Its type.", 100, example="Dense")
    output_shape = Listing("Of a row that it puts out.", SHOWN_AXIS, MOST_AXES, example=[8])
    parameters = Count("The numbers that it has.", example=40)
    weight_shapes = Listing("Of each of its weights.", Listing("", SHOWN_AXIS, MOST_AXES), example=[[4, 8], [8]])
    trainable = Truth("Whether training changes it.")
    inputs = Listing("The layers and inputs whose outputs it takes.", Words("A name.", example="input"), MOST_LAYERS)


class SummarySchema(AnswerSchema):
    """What a network consists of."""

    layers = Listing("Its layers, in order.", AsItIs(LayerSummarySchema, ""), MOST_LAYERS)
    parameters = Count("The numbers that it has.", example=67)
    trainable_parameters = Count("Those that training changes.", example=67)
    non_trainable_parameters = Count("Those that training leaves as they are.", example=0)
    bytes = Count("What its weights take.", example=268)


class ModelSchema(ModelItemSchema):
    """A model."""

    layers = Listing("As posted.", Anything("object", metadata=LAYER), MOST_LAYERS)
    summary = AsItIs(SummarySchema, "What its network consists of; null until it was built.", allow_none=True)
    model_version_status = Listing(
        "Its newest 100 versions as TensorFlow Serving shows them.", Inner(ServingVersionSchema, ""), 100
    )
    ready = Truth("Whether it has a version, as clients of KServe's first protocol ask.")


class ModelListQuery(ByMetadata, ByTimeOrName):
    """Which models."""

    status = Choice(
        statuses.BUILDING, statuses.READY, statuses.FAILED, metadata={"description": "Only models with that status."}
    )
    task = Choice(*TASKS, metadata={"description": "Only models for that task."})


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
        "metadata": model.metadata_,
        "error": describe_failure(model.error),
        "links": {"self": url} | {part: f"{url}/{part}" for part in parts},
        "model_version_status": version_statuses(view.versions),
        "ready": view.latest_version is not None,
    }


def _present_dry_run(model: Model) -> dict[str, Any]:
    return _present_model(ModelView(model, None, {})) | {"id": None, "created_at": None, "links": None}
