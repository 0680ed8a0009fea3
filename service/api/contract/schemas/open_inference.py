"""Bodies and answers of the Open Inference Protocol v2, for the documentation alone: no schema reads or writes them."""

from typing import Any

from service.api.contract.fields import MOST_ITEMS
from service.api.contract.schemas.base import AnswerSchema
from service.api.contract.schemas.shown import ANY_TEXT, Count, Inner, Listing, Mapping, OneOf, Truth, Value, Words
from service.api.contract.schemas.version_statuses import NUMBER

DATATYPES = ["BOOL", *(f"{kind}{bits}" for kind in ("UINT", "INT") for bits in (8, 16, 32, 64))]
DATATYPES += ["FP16", "FP32", "FP64", "BF16", "BYTES"]


MOST_TENSORS = 10_000
MOST_AXES = 32
MOST_VERSIONS = 1_000_000
MOST_SIZES = 100 * 64
"""Batch sizes of a version that all processes together count apart."""
MODEL = "The model's name."
VERSION = "The version's number."
TENSOR: dict[str, Any] = {"example": "input"}
ROWS = Count("The length of an axis.", -1, example=1)


class TensorSchema(AnswerSchema):
    """A tensor that a model takes or gives; -1 is an axis of any length."""

    name = Words("Its name.", **TENSOR)
    datatype = OneOf("What its elements are.", "FP32", "BYTES")
    shape = Listing("Its axes, the rows first.", ROWS, MOST_AXES, example=[-1, 4])


class RequestInputSchema(AnswerSchema):
    """An input's tensor."""

    sometimes = ("parameters", "data")

    name = Words("The input's name.", **TENSOR)
    shape = Listing("Its axes, the rows first.", Count("The length of an axis."), MOST_AXES, example=[1, 4])
    datatype = OneOf("What its elements are. Numbers of any type are cast.", *DATATYPES)
    parameters = Mapping(
        "`binary_data_size`: bytes of the tensor after the JSON, instead of `data`. `content_type`: what texts stand "
        "for, `base64`, `datetime`, `np`, `pd` or `str`."
    )
    data = Listing(
        "Flat in row-major order, or nested. null: missing in a table.",
        Value("A number, text, or a list of them."),
        MOST_ITEMS,
        example=[5.1, 3.5, 1.4, 0.2],
    )


class RequestOutputSchema(AnswerSchema):
    """An output that is wanted."""

    sometimes = ("parameters",)

    name = Words("The output's name: any, since there is only one.", example="output")
    parameters = Mapping(
        "`binary_data`: whether to send the tensor after the JSON. `classification`: how many of the best classes to "
        "send instead, each as `score:index:label`."
    )


class InferRequestSchema(AnswerSchema):
    """Tensors to predict for."""

    sometimes = ("id", "parameters", "outputs")

    id = Words("Is repeated in the answer.", example="42")
    parameters = Mapping(
        "`binary_data_output`: whether to send outputs after the JSON. `content_type`: that of inputs without one."
    )
    inputs = Listing("The model's inputs, each once.", Inner(RequestInputSchema, ""), MOST_TENSORS)
    outputs = Listing("The outputs that are wanted; all where left out.", Inner(RequestOutputSchema, ""), MOST_TENSORS)


ELEMENT_TEXT = {"type": "string", "maxLength": 10_000, "pattern": ANY_TEXT}


class AnswerOutputSchema(TensorSchema):
    """An output's tensor."""

    sometimes = ("parameters", "data")

    parameters = Mapping("`binary_data_size`: bytes of the tensor after the JSON.")
    data = Listing(
        "Flat; null is what isn't finite. Texts where classes are asked for.",
        Value("An element.", anyOf=[{"type": ["number", "null"]}, ELEMENT_TEXT]),
        MOST_ITEMS,
        example=[0.97, 0.02, 0.01],
    )


class InferAnswerSchema(AnswerSchema):
    """The network's raw output."""

    sometimes = ("id",)

    model_name = Words(MODEL, example="flowers")
    model_version = Words(VERSION, 19, **NUMBER)
    id = Words("The request's, if it had one.", example="42")
    outputs = Listing("The outputs.", Inner(AnswerOutputSchema, ""), MOST_TENSORS)


class ServerMetadataSchema(AnswerSchema):
    """What the server is."""

    name = OneOf("The server's name.", "fitserve")
    version = Words("The server's version.", 100, example="0.1.0")
    extensions = Listing("The protocol's extensions that it has.", Words("An extension.", 100), 100)


class ServerHealthSchema(AnswerSchema):
    """Whether the server lives, and is ready."""

    live = Truth("Whether it lives.")
    ready = Truth("Whether requests should be sent here.")


class ModelMetadataSchema(AnswerSchema):
    """The tensors of a version, and which versions there are."""

    name = Words(MODEL, example="flowers")
    versions = Listing("The versions that can predict.", Words(VERSION, 19, **NUMBER), MOST_VERSIONS)
    platform = OneOf("What predicts.", "onnx_onnxv1")
    inputs = Listing("What it takes.", Inner(TensorSchema, ""), MOST_TENSORS)
    outputs = Listing("What it gives.", Inner(TensorSchema, ""), 1)


class ModelReadySchema(AnswerSchema):
    """Whether there can be predictions."""

    name = Words(MODEL, example="flowers")
    ready = Truth("Always true: otherwise there is an error.")


class ConfigOutputSchema(AnswerSchema):
    """An output as Triton's configuration has it."""

    name = Words("Its name.", **TENSOR)
    data_type = OneOf("What its elements are.", "TYPE_FP32", "TYPE_STRING")
    dims = Listing("Its axes, without the rows.", ROWS, MOST_AXES, example=[4])
    label_filename = OneOf("Always empty.", "")
    is_shape_tensor = Truth("Always false.")


class ConfigInputSchema(AnswerSchema):
    """An input as Triton's configuration has it."""

    name = Words("Its name.", **TENSOR)
    data_type = OneOf("What its elements are.", "TYPE_FP32", "TYPE_STRING")
    dims = Listing("Its axes, without the rows.", ROWS, MOST_AXES, example=[4])
    format = OneOf("Where the channels of a picture are.", "FORMAT_NONE", "FORMAT_NHWC")
    is_shape_tensor = Truth("Always false.")
    allow_ragged_batch = Truth("Always false.")
    optional = Truth("Always false: every input is needed.")


class ModelConfigSchema(AnswerSchema):
    """The configuration of a model, as Triton has it."""

    name = Words(MODEL, example="flowers")
    platform = OneOf("What predicts.", "onnx_onnxv1")
    backend = OneOf("What predicts, in Triton's newer words.", "onnxruntime")
    runtime = OneOf("Always empty.", "")
    version_policy = Mapping("All versions are served.", example={"all": {}})
    max_batch_size = Count("The most rows of a request.", 1, maximum=2**31 - 1, example=4096)
    input = Listing("What it takes.", Inner(ConfigInputSchema, ""), MOST_TENSORS)
    output = Listing("What it gives.", Inner(ConfigOutputSchema, ""), 1)
    batch_input = Listing("Always empty.", Value("Nothing."), 0)
    batch_output = Listing("Always empty.", Value("Nothing."), 0)
    optimization = Mapping("Triton's defaults.", example={"priority": "PRIORITY_DEFAULT"})
    instance_group = Listing("Where it runs.", Mapping("A group of instances."), 1)
    default_model_filename = OneOf("The version's file.", "network.onnx")
    cc_model_filenames = Mapping("Always empty.", example={})
    metric_tags = Mapping("Always empty.", example={})
    parameters = Mapping("Always empty.", example={})
    model_warmup = Listing("Always empty.", Value("Nothing."), 0)


class IndexRequestSchema(AnswerSchema):
    """Which versions to list."""

    sometimes = ("ready",)

    ready = Truth("Only those that can predict.")


class IndexEntrySchema(AnswerSchema):
    """A version of a model."""

    sometimes = ("version",)

    name = Words(MODEL, example="flowers")
    version = Words("The version's number; left out for a model without one.", 19, **NUMBER)
    state = OneOf("Whether there can be predictions.", "READY", "UNAVAILABLE")
    reason = Words("Why there can't be any.", example="")


class DurationSchema(AnswerSchema):
    """How often, and how long together."""

    count = Count("How often.", example=3)
    ns = Count("Nanoseconds, all together.", example=1_500_000)


class InferenceStatisticsSchema(AnswerSchema):
    """How long the parts of predictions took."""

    success = Inner(DurationSchema, "Predictions that were answered.")
    fail = Inner(DurationSchema, "Predictions that failed.")
    queue = Inner(DurationSchema, "Always 0: nothing waits.")
    compute_input = Inner(DurationSchema, "Reading and preparing inputs.")
    compute_infer = Inner(DurationSchema, "Computing.")
    compute_output = Inner(DurationSchema, "Writing outputs.")
    cache_hit = Inner(DurationSchema, "Always 0: nothing is cached.")
    cache_miss = Inner(DurationSchema, "Always 0: nothing is cached.")


class BatchStatisticsSchema(AnswerSchema):
    """How long the parts of predictions of so many rows took."""

    batch_size = Count("Rows of a request.", example=1)
    compute_input = Inner(DurationSchema, "Reading and preparing inputs.")
    compute_infer = Inner(DurationSchema, "Computing.")
    compute_output = Inner(DurationSchema, "Writing outputs.")


class VersionStatisticsSchema(AnswerSchema):
    """What the api has counted of a version since it started."""

    name = Words(MODEL, example="flowers")
    version = Words(VERSION, 19, **NUMBER)
    last_inference = Count("Milliseconds since 1970; 0: none yet.", example=1_800_000_000_000)
    inference_count = Count("Rows.", example=3)
    execution_count = Count("Requests.", example=3)
    inference_stats = Inner(InferenceStatisticsSchema, "How long the parts took.")
    batch_stats = Listing(
        "By rows of a request: the first 100 sizes of each process.", Inner(BatchStatisticsSchema, ""), MOST_SIZES
    )
    memory_usage = Listing("Always empty.", Value("Nothing."), 0)


class StatisticsSchema(AnswerSchema):
    """What the api has counted since it started."""

    model_stats = Listing("One for each version that can predict.", Inner(VersionStatisticsSchema, ""), MOST_VERSIONS)
