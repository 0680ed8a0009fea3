"""Bodies and answers of the Open Inference Protocol v2, for the documentation alone: no schema reads or writes them."""

from marshmallow import fields

from service.api.schemas.base import Schema

DATATYPES = ["BOOL", *(f"{kind}{bits}" for kind in ("UINT", "INT") for bits in (8, 16, 32, 64))]
DATATYPES += ["FP16", "FP32", "FP64", "BF16", "BYTES"]


class TensorSchema(Schema):
    """A tensor that a model takes or gives; -1 is an axis of any length."""

    name = fields.String()
    datatype = fields.String(metadata={"enum": ["FP32", "BYTES"]})
    shape = fields.List(fields.Integer())


class RequestInputSchema(Schema):
    """An input's tensor."""

    name = fields.String(required=True)
    shape = fields.List(fields.Integer(), required=True)
    datatype = fields.String(
        required=True,
        metadata={"enum": DATATYPES, "description": "Numbers of any type are cast."},
    )
    parameters = fields.Dict(
        metadata={"description": "`binary_data_size`: bytes of the tensor after the JSON, instead of `data`."}
    )
    data = fields.List(
        fields.Raw(),
        metadata={"description": "Flat in row-major order, or nested. null: missing in a table."},
    )


class RequestOutputSchema(Schema):
    """An output that is wanted."""

    name = fields.String(required=True, metadata={"enum": ["output"]})
    parameters = fields.Dict(metadata={"description": "`binary_data`: whether to send the tensor after the JSON."})


class InferRequestSchema(Schema):
    """Tensors to predict for."""

    id = fields.String()
    parameters = fields.Dict(metadata={"description": "`binary_data_output`: whether to send outputs after the JSON."})
    inputs = fields.List(fields.Nested(RequestInputSchema), required=True)
    outputs = fields.List(fields.Nested(RequestOutputSchema))


class AnswerOutputSchema(TensorSchema):
    """An output's tensor."""

    parameters = fields.Dict(metadata={"description": "`binary_data_size`: bytes of the tensor after the JSON."})
    data = fields.List(fields.Float(allow_none=True), metadata={"description": "Flat; null is what isn't finite."})


class InferAnswerSchema(Schema):
    """The network's raw output."""

    model_name = fields.String()
    model_version = fields.String()
    id = fields.String(metadata={"description": "The request's, if it had one."})
    outputs = fields.List(fields.Nested(AnswerOutputSchema))


class ServerMetadataSchema(Schema):
    """What the server is."""

    name = fields.String()
    version = fields.String()
    extensions = fields.List(fields.String())


class ServerHealthSchema(Schema):
    """Whether the server lives, and is ready."""

    live = fields.Boolean()
    ready = fields.Boolean()


class ModelMetadataSchema(Schema):
    """The tensors of a version, and which versions there are."""

    name = fields.String()
    versions = fields.List(fields.String())
    platform = fields.String()
    inputs = fields.List(fields.Nested(TensorSchema))
    outputs = fields.List(fields.Nested(TensorSchema))


class ModelReadySchema(Schema):
    """Whether there can be predictions."""

    name = fields.String()
    ready = fields.Boolean()


class ConfigTensorSchema(Schema):
    """A tensor as Triton's configuration has it."""

    name = fields.String()
    data_type = fields.String(metadata={"enum": ["TYPE_FP32", "TYPE_STRING"]})
    dims = fields.List(fields.Integer())


class ModelConfigSchema(Schema):
    """The configuration of a model, as Triton has it."""

    name = fields.String()
    platform = fields.String()
    backend = fields.String()
    max_batch_size = fields.Integer(metadata={"description": "0: the shapes have the rows as their first axis."})
    input = fields.List(fields.Nested(ConfigTensorSchema))
    output = fields.List(fields.Nested(ConfigTensorSchema))


class IndexRequestSchema(Schema):
    """Which versions to list."""

    ready = fields.Boolean(metadata={"description": "Only those that can predict."})


class IndexEntrySchema(Schema):
    """A version of a model."""

    name = fields.String()
    version = fields.String()
    state = fields.String(metadata={"enum": ["READY", "UNAVAILABLE"]})
    reason = fields.String()


class DurationSchema(Schema):
    """How often, and how long together."""

    count = fields.Integer()
    ns = fields.Integer()


class VersionStatisticsSchema(Schema):
    """What the process that answers has counted of a version since it started."""

    name = fields.String()
    version = fields.String()
    last_inference = fields.Integer(metadata={"description": "Milliseconds since 1970; 0: none yet."})
    inference_count = fields.Integer(metadata={"description": "Rows."})
    execution_count = fields.Integer(metadata={"description": "Requests."})
    inference_stats = fields.Dict(fields.String(), fields.Nested(DurationSchema))
    batch_stats = fields.List(fields.Dict())
    memory_usage = fields.List(fields.Dict())


class StatisticsSchema(Schema):
    """What the process that answers has counted since it started."""

    model_stats = fields.List(fields.Nested(VersionStatisticsSchema))
