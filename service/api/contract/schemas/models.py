"""Requests and responses of models."""

from typing import Any

from marshmallow import ValidationError, pre_dump, validates_schema

from models.model_files.formats import ModelFormat
from models.preprocessing.missing import CHOICES
from models.pretrained import as_posted
from models.spec import Scaling, TargetScaling, Task
from models.text_options import OutputMode, Standardize, TextSplit
from models.validation.inputs import MOST_DIMENSIONS, MOST_INPUTS
from models.validation.metrics import MOST_METRICS
from models.validation.texts import LEAST_TOKENS, MOST_LENGTH, MOST_NGRAMS, MOST_TOKENS
from service import statuses
from service.api.contract.fields import (
    LARGEST_INTEGER,
    TEXT_PATTERN,
    Amount,
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
    Whole,
)
from service.api.contract.schemas.base import AnswerSchema, Schema
from service.api.contract.schemas.problems import FailureSchema
from service.api.contract.schemas.shown import (
    DIGEST,
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
    "`none`, `unit` (divides by 255) or `standard` (subtracts the training rows' mean and divides by their standard "
    "deviation). The default with a shape is `none`. The default with a dataset is `unit` for images and video of "
    "bytes (numbers from 0 to 255, some above 127), else `standard`. But it is `none` if a layer is Rescaling, "
    "Normalization or Embedding and the dataset isn't a table."
)
TARGET_SCALINGS = tuple(scaling.value for scaling in TargetScaling)
TARGET_SCALING = (
    "How the network learns the targets of a regression: `none`, `standard` (minus the training rows' mean, divided by "
    "their standard deviation) or `log` (the logarithm of 1 + the target, then as `standard`; targets must be greater "
    "than -1). Several targets are scaled one by one. Predictions, metrics and exported networks have the target's own "
    "units. The default is `standard` if the input comes from a dataset that is a table or sequences and the network "
    "can output any number with a loss of differences (`mean_squared_error`, `mean_absolute_error`, `huber` or "
    "`log_cosh`), else `none`."
)
SERVE = (
    "The label whose version serves predictions that name neither a version nor a label; null: the latest version "
    "serves them. Until the label exists, such predictions get a 409. Once the model has a version, the label "
    "must exist."
)
MISSING = (
    "For tables: what replaces a missing value: the training rows' `median`, `mean` or `most_frequent` value, or "
    "`zero`. By default `median`; a missing category counts as an unknown one unless `most_frequent` replaces it."
)
THRESHOLD = (
    "For binary and multilabel tasks: the score from which the positive class, or a label, counts as predicted. It "
    "applies to new predictions, evaluations and batch predictions with every version of the model. Null: 0.5."
)
LONGEST_DESCRIPTION = 10_000


MOST_COLUMNS = 10_000
AXIS = {"description": "The length of an axis.", "format": "int32", "minimum": 1, "maximum": LARGEST_INTEGER}
COMPONENT: dict[str, Any] = {
    "type": ["string", "object"],
    "maxLength": 100,
    "pattern": TEXT_PATTERN,
    "properties": {
        "type": {"type": "string", "maxLength": 100, "pattern": TEXT_PATTERN, "description": "The type's name."}
    },
    "required": ["type"],
    "additionalProperties": True,
}
"""The name of a Keras type, or an object with `type` and the parameters."""


class TextOptionsSchema(Schema):
    """How texts become token ids, under the names of Keras's TextVectorization."""

    column = Text(1000, required=True, metadata={"description": "The column, whose `type` is `text`."})
    max_tokens = Whole(
        LEAST_TOKENS,
        MOST_TOKENS,
        required=True,
        metadata={
            "description": "The size of the vocabulary: the most frequent tokens, padding (0) and unknown tokens (1). "
            "An Embedding that takes the input requires an `input_dim` of at least this."
        },
    )
    length = Whole(
        1,
        MOST_LENGTH,
        metadata={
            "description": "Required for the output mode `int`: the number of token ids of a row "
            "(`output_sequence_length` of Keras). Longer texts are cut, shorter ones padded with 0."
        },
    )
    standardize = Choice(
        *(option.value for option in Standardize),
        allow_none=True,
        load_default=Standardize.LOWER_AND_STRIP_PUNCTUATION.value,
        metadata={
            "description": "How a text is standardized before it is split; null: not at all. It changes only "
            "ASCII letters."
        },
    )
    split = Choice(
        *(option.value for option in TextSplit),
        load_default=TextSplit.WHITESPACE.value,
        metadata={"description": "What the tokens are: words, or characters."},
    )
    ngrams = Whole(
        2,
        MOST_NGRAMS,
        allow_none=True,
        load_default=None,
        metadata={"description": "Sequences of 2 to this many tokens are tokens too."},
    )
    output_mode = Choice(
        *(option.value for option in OutputMode),
        load_default=OutputMode.INT.value,
        metadata={
            "description": "`int`: the ids of the tokens in order. The others have one number per token of the "
            "vocabulary: whether it occurs, how often, or how often relative to other texts."
        },
    )


class InputSchema(Schema):
    """An input: a shape, or a dataset that determines the shape and the columns."""

    shape = Items(
        Anything("integer", metadata=AXIS),
        metadata={
            "description": "The shape of a row, without the batch: `[28, 28]` for a grey image, `[4]` for 4 numbers.",
            "minItems": 1,
            "maxItems": MOST_DIMENSIONS,
            "example": [4],
        },
    )
    dataset = Reference(
        metadata={
            "description": "Instead of `shape`: a dataset that determines the shape and the columns. One of several "
            "inputs uses the dataset's input of the same name."
        }
    )
    scaling = Choice(*SCALINGS, metadata={"description": SCALING})
    missing = Anything(
        "string",
        "object",
        metadata={
            "description": f"{MISSING} One value for the whole table, or an object by column.",
            "maxLength": 100,
            "pattern": TEXT_PATTERN,
            "additionalProperties": {"type": "string", "enum": list(CHOICES)},
        },
    )
    missing_indicator = Anything(
        "boolean",
        "array",
        metadata={
            "description": "For tables: the columns that get one more number, which is 1 where the value is missing. "
            "`true`: all columns with missing values that aren't categories.",
            "items": {"type": "string", "maxLength": 1000, "pattern": TEXT_PATTERN},
            "maxItems": MOST_COLUMNS,
        },
    )

    text = Part(
        TextOptionsSchema,
        metadata={
            "description": "Instead of the dataset's other columns: a column of texts, as token ids. The vocabulary is "
            "learned from the training rows, as by Keras's TextVectorization."
        },
    )

    @validates_schema
    def _check(self, data: dict[str, Any], **_: Any) -> None:
        for name in ("missing", "missing_indicator", "text"):
            if data.get(name) is not None and "dataset" not in data:
                raise ValidationError("is for the columns of a table: it requires `dataset`", name)
        if "shape" in data and "dataset" in data:
            raise ValidationError("can't be combined with `dataset`, which determines the shape", "shape")


class TargetSchema(Schema):
    """How a regression learns its target."""

    scaling = Choice(*TARGET_SCALINGS, metadata={"description": TARGET_SCALING})


MOST_LAYERS = 10_000
LAYERS = (
    "The layers in order. Each takes the previous one's output; with `inputs`, the layers form a graph and can have "
    "any order. The last layer of the list is the output."
)
LAYER = {
    "description": "A layer, with the parameters of its type from `GET /v1/layer-types`. `Pretrained` reuses trained "
    "layers of a version.",
    "properties": {
        "type": {
            "type": "string",
            "maxLength": 100,
            "pattern": TEXT_PATTERN,
            "description": "The type's name in Keras.",
        },
        "name": {
            "type": "string",
            "maxLength": 100,
            "pattern": TEXT_PATTERN,
            "description": "A name that is unique within the network. By default, one is generated.",
        },
        "inputs": {
            "type": ["array", "string", "null"],
            "maxLength": 100,
            "pattern": TEXT_PATTERN,
            "maxItems": MOST_LAYERS,
            "items": {"type": "string", "maxLength": 100, "pattern": TEXT_PATTERN},
            "description": "The names of the layers and network inputs that the layer takes, in order. A single "
            'network input is named "input". Default: the previous layer.',
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
            "description": "What the model predicts: numbers (`regression`), one of two classes (`binary`), one of "
            "several classes (`multiclass`), or any number of labels (`multilabel`)."
        },
    )
    description = Text(
        LONGEST_DESCRIPTION, load_default="", metadata={"description": "Free text. You can change it later."}
    )
    input = Part(InputSchema, metadata={"description": "The network's single input."})
    inputs = Object(
        values=Part(InputSchema),
        metadata={
            "description": "Instead of `input`: several inputs, by their names in data and instances.",
            "maxProperties": MOST_INPUTS,
        },
    )
    layers = Items(
        Anything("object", metadata=LAYER), most=MOST_LAYERS, required=True, metadata={"description": LAYERS}
    )
    optimizer = Anything(
        required=True,
        metadata=COMPONENT | {"description": 'For example `"adam"`. `GET /v1/optimizer-types` lists all.'},
    )
    loss = Anything(
        required=True,
        metadata=COMPONENT | {"description": 'For example `"mean_squared_error"`. `GET /v1/loss-types` lists all.'},
    )
    metrics = Items(
        Anything(metadata=COMPONENT),
        load_default=list,
        metadata={
            "description": 'For example `["accuracy"]`. `GET /v1/metric-types` lists all.',
            "maxItems": MOST_METRICS,
        },
    )
    serve = Name(load_default=None, allow_none=True, metadata={"description": SERVE})
    threshold = Amount(0, 1, load_default=None, allow_none=True, metadata={"description": THRESHOLD})
    target = Part(
        TargetSchema,
        load_default=None,
        allow_none=True,
        metadata={"description": "For a regression: how its target is learned. Null for other tasks."},
    )
    metadata = Metadata()


class NewModelQuery(Schema):
    """The parameters of creating a model."""

    dry_run = QueryFlag(
        load_default=False, metadata={"description": "Validate and build the model without creating it."}
    )


class ModelChangesSchema(Schema):
    """The changes to a model."""

    description = Text(LONGEST_DESCRIPTION, metadata={"description": "Free text."})
    serve = Name(allow_none=True, metadata={"description": SERVE})
    threshold = Amount(0, 1, allow_none=True, metadata={"description": THRESHOLD})
    metadata = MetadataChanges()


class SourceSchema(AnswerSchema):
    """The file that a model or a version was imported from."""

    format = OneOf("The format of the file.", *(format_.value for format_ in ModelFormat))
    sha256 = Words("The file's SHA-256.", **DIGEST)
    file = Words("The file's name on the client, without folders.", 255, example="model.keras")


SOURCE = "The file that it was imported from; null for all others."
IMPORT_NOTES = "What the import of the file inferred, converted or ignored, in sentences."
MOST_NOTES = 1000


MOST_CATEGORIES = 1000
MOST_AXES = 32
METRIC_VALUES = Number("A metric; null if it isn't finite.", allow_none=True, example=0.97)
SHOWN_AXIS = Count("The length of an axis; null: any.", allow_none=True, example=8)


class ColumnSchema(AnswerSchema):
    """A column of a table that is an input."""

    sometimes = ("categories", "parts", "format", "missing", "missing_indicator")

    name = Words("The column's name.", example="sepal_length")
    type = OneOf("The type of the values.", "number", "boolean", "date", "category")
    categories = Listing("The categories, each encoded as a number.", Value("A category."), MOST_CATEGORIES)
    parts = Listing("The cycles of dates that the network gets.", OneOf("", "year", "week", "day"), 3)
    format = Words("The format of dates or numbers, with the unit if there is one.", 100, example="ISO 8601")
    missing = OneOf(MISSING, *CHOICES)
    missing_indicator = Truth("Whether one more number indicates that the value is missing.")


class ShownTextOptionsSchema(AnswerSchema):
    """How texts become token ids."""

    sometimes = ("length",)

    column = Words("The column of texts.", example="review")
    max_tokens = Count("The size of the vocabulary.", LEAST_TOKENS, example=10_000)
    length = Count("The number of token ids of a row.", 1, example=100)
    standardize = OneOf(
        "How a text is standardized before it is split.", *(option.value for option in Standardize), allow_none=True
    )
    split = OneOf("What the tokens are.", *(option.value for option in TextSplit))
    ngrams = Count("The longest sequence of tokens that is a token too.", 2, allow_none=True, example=2)
    output_mode = OneOf("The numbers that stand for a text.", *(option.value for option in OutputMode))


class ModelInputSchema(AnswerSchema):
    """An input of a network, with the preprocessing of its raw values."""

    sometimes = ("name", "dataset", "scaling", "columns", "text")

    name = Words("The input's name.", example="input")
    dataset = Words("The dataset that determined the shape and the columns.", example="flowers", **NAMED)
    shape = Listing(
        "The shape of a row, without the batch.", Count("The length of an axis."), MOST_DIMENSIONS, example=[4]
    )
    scaling = OneOf(SCALING, *SCALINGS)
    columns = Listing("For tables: the columns, in order.", AsItIs(ColumnSchema, ""))
    text = AsItIs(ShownTextOptionsSchema, "For texts: how they become token ids.")


class ModelTargetSchema(AnswerSchema):
    """How a regression learns its target."""

    scaling = OneOf(TARGET_SCALING, *TARGET_SCALINGS)


OF_TRAINING = "As in the request, or as in the imported file; null if the model can't be trained."


class ModelItemSchema(AnswerSchema):
    """A model in a list."""

    sometimes = ("input", "inputs")

    id = Identifier(
        "md", "The model's id, which distinguishes models that had the same name. Null for a dry run.", allow_none=True
    )
    name = Words("The name that the client chose.", example="flowers", **NAMED)
    status = OneOf(
        "`building` until a worker has built the network.", statuses.BUILDING, statuses.READY, statuses.FAILED
    )
    task = OneOf(
        "What the model predicts. Null until the file of an imported model is read, if the request omitted it.",
        *TASKS,
        allow_none=True,
    )
    source = AsItIs(SourceSchema, SOURCE, allow_none=True)
    trainable = Truth(
        "Whether it can be trained. A model that was imported from ONNX can only predict and be evaluated."
    )
    description = Words("Free text.", example="Predicts one of three iris species from four lengths.")
    input = AsItIs(ModelInputSchema, "The single input.")
    inputs = Mapping("Several inputs, by name.", AsItIs(ModelInputSchema, ""), maxProperties=MOST_INPUTS)
    optimizer = Value(OF_TRAINING, allow_none=True, example="adam", **COMPONENT)
    loss = Value(OF_TRAINING, allow_none=True, example="sparse_categorical_crossentropy", **COMPONENT)
    metrics = Listing("As in the request.", Value("A metric.", **COMPONENT), MOST_METRICS, example=["accuracy"])
    target = Inner(ModelTargetSchema, "How a regression learns its target; null for other tasks.", allow_none=True)
    threshold = Number(
        "The score from which the positive class of a binary task, or a label of a multilabel task, counts as "
        "predicted; null for other tasks.",
        0,
        1,
        allow_none=True,
        example=None,
    )
    latest_version = Count("The number of the newest version; null if there is none.", 1, allow_none=True, example=1)
    labels = Mapping(
        "The labels, each with the number of its version. The list of labels has the `variant` of those that point to "
        "one.",
        Count("A version.", 1, example=1),
    )
    serve = Words("The label that predictions use by default; null: the latest version.", allow_none=True, **NAMED)
    metadata = ShownMetadata()
    error = Inner(FailureSchema, "The error of a failed model, else null.", allow_none=True)
    created_at = Moment("The creation time; null for a dry run.", allow_none=True)
    links = Links("`self`, `summary`, `versions`, `labels` and `predictions`; null for a dry run.", allow_none=True)

    @pre_dump
    def _present(self, view: ModelView | Model, **_: Any) -> dict[str, Any]:
        return _present_dry_run(view) if isinstance(view, Model) else _present_model(view)


class LayerSummarySchema(AnswerSchema):
    """A layer of a built network."""

    name = Words("The layer's name, generated if the client omitted it.", example="dense")
    type = Words("The layer's type.", 100, example="Dense")
    output_shape = Listing("The shape of an output row.", SHOWN_AXIS, MOST_AXES, example=[8])
    parameters = Count("The number of parameters.", example=40)
    weight_shapes = Listing("The shape of each weight.", Listing("", SHOWN_AXIS, MOST_AXES), example=[[4, 8], [8]])
    trainable = Truth("Whether training changes the layer's weights.")
    inputs = Listing(
        "The layers and network inputs that the layer takes.", Words("A name.", example="input"), MOST_LAYERS
    )


class SummarySchema(AnswerSchema):
    """The structure of a network."""

    layers = Listing("The layers, in order.", AsItIs(LayerSummarySchema, ""), MOST_LAYERS)
    parameters = Count("The number of parameters.", example=67)
    trainable_parameters = Count("The number of parameters that training changes.", example=67)
    non_trainable_parameters = Count("The number of parameters that training doesn't change.", example=0)
    bytes = Count("The size of the weights.", example=268)


class ModelSchema(ModelItemSchema):
    """A model."""

    layers = Listing(
        "As in the request, or as in the imported file; empty for ONNX.",
        Anything("object", metadata=LAYER),
        MOST_LAYERS,
    )
    notes = Listing(IMPORT_NOTES, Words("A sentence."), MOST_NOTES)
    summary = AsItIs(SummarySchema, "The structure of the network; null until it is built.", allow_none=True)
    model_version_status = Listing(
        "The newest 100 versions in TensorFlow Serving's format.", Inner(ServingVersionSchema, ""), 100
    )
    ready = Truth("Whether it has a version that it serves. Clients of KServe's first protocol read this field.")


class ModelListQuery(ByMetadata, ByTimeOrName):
    """The parameters of a list of models."""

    status = Choice(
        statuses.BUILDING, statuses.READY, statuses.FAILED, metadata={"description": "Only models with this status."}
    )
    task = Choice(*TASKS, metadata={"description": "Only models for this task."})


def _present_model(view: ModelView) -> dict[str, Any]:
    model, url = view.model, model_url(view.model.name)
    kept = (
        "id", "name", "status", "source", "trainable", "description", "serve", "summary", "notes", "created_at"
    )  # fmt: skip
    parts = ("summary", "versions", "labels", "predictions")
    unscaled = {"scaling": TargetScaling.NONE.value} if model.task == Task.REGRESSION else None
    return {
        **model.document,
        "target": model.document.get("target", unscaled),
        "layers": [as_posted(layer) for layer in model.document["layers"]],
        **{member: getattr(model, member) for member in kept},
        "task": model.task or None,
        "threshold": model.threshold,
        "latest_version": view.latest_version,
        "labels": view.labels,
        "metadata": model.metadata_,
        "error": describe_failure(model.error),
        "links": {"self": url} | {part: f"{url}/{part}" for part in parts},
        "model_version_status": version_statuses(view.versions),
        "ready": view.latest_version is not None and (model.serve is None or model.serve in view.labels),
    }


def _present_dry_run(model: Model) -> dict[str, Any]:
    return _present_model(ModelView(model, None, {})) | {"id": None, "created_at": None, "links": None}
