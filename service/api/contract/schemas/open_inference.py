"""Requests and responses of the Open Inference Protocol v2. For the documentation only."""

from typing import Any

from models.jobs.variant import VARIANT_TYPES
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
    """An input or output tensor of a model; -1 is an axis of any length."""

    name = Words("The tensor's name.", **TENSOR)
    datatype = OneOf("The type of the elements.", "FP32", "BYTES")
    shape = Listing("The lengths of the axes, the rows first.", ROWS, MOST_AXES, example=[-1, 4])


class RequestInputSchema(AnswerSchema):
    """The tensor of an input."""

    sometimes = ("parameters", "data")

    name = Words("The input's name.", **TENSOR)
    shape = Listing("The axes, the rows first.", Count("The length of an axis."), MOST_AXES, example=[1, 4])
    datatype = OneOf("The type of the elements. Numbers of any type are cast.", *DATATYPES)
    parameters = Mapping(
        "`binary_data_size`: the size of the tensor in bytes after the JSON, instead of `data`. `content_type`: the "
        "encoding of strings, one of `base64`, `datetime`, `np`, `pd` and `str`."
    )
    data = Listing(
        "Flat in row-major order, or nested. In tables, null is a missing value.",
        Value("A number, a string, or a list of them."),
        MOST_ITEMS,
        example=[5.1, 3.5, 1.4, 0.2],
    )


class RequestOutputSchema(AnswerSchema):
    """A requested output."""

    sometimes = ("parameters",)

    name = Words("The output's name. Any name works, because there is only one output.", example="output")
    parameters = Mapping(
        "`binary_data`: whether to send the tensor after the JSON. `classification`: the number of best "
        "classes to send instead, each as `score:index:label`."
    )


class InferRequestSchema(AnswerSchema):
    """The input tensors of a prediction."""

    sometimes = ("id", "parameters", "outputs")

    id = Words("An id that the response repeats.", example="42")
    parameters = Mapping(
        "`binary_data_output`: whether to send outputs after the JSON. `content_type`: the default for inputs. "
        "`variant`: the type of the version's variant that predicts, such as `int8`."
    )
    inputs = Listing("The model's inputs, each once.", Inner(RequestInputSchema, ""), MOST_TENSORS)
    outputs = Listing("The requested outputs. Default: all.", Inner(RequestOutputSchema, ""), MOST_TENSORS)


ELEMENT_TEXT = {"type": "string", "maxLength": 10_000, "pattern": ANY_TEXT}


class AnswerOutputSchema(TensorSchema):
    """The tensor of an output."""

    sometimes = ("parameters", "data")

    parameters = Mapping("`binary_data_size`: the size of the tensor in bytes after the JSON.")
    data = Listing(
        "Flat; null for values that aren't finite. Strings if classes are requested.",
        Value("An element.", anyOf=[{"type": ["number", "null"]}, ELEMENT_TEXT]),
        MOST_ITEMS,
        example=[0.97, 0.02, 0.01],
    )


class InferAnswerSchema(AnswerSchema):
    """The network's raw output."""

    sometimes = ("id", "parameters")

    model_name = Words(MODEL, example="flowers")
    model_version = Words(VERSION, 19, **NUMBER)
    id = Words("The request's id, if it had one.", example="42")
    parameters = Mapping("`variant`: the type of the variant that predicted; absent if the version itself did.")
    outputs = Listing("The outputs.", Inner(AnswerOutputSchema, ""), MOST_TENSORS)


class ServerMetadataSchema(AnswerSchema):
    """The server's metadata."""

    name = OneOf("The server's name.", "fitserve")
    version = Words("The server's version.", 100, example="0.1.0")
    extensions = Listing("The supported extensions of the protocol.", Words("An extension.", 100), 100)


class ServerHealthSchema(AnswerSchema):
    """Whether the server is live and ready."""

    live = Truth("Whether the server is live.")
    ready = Truth("Whether the server is ready for requests.")


class ModelMetadataSchema(AnswerSchema):
    """The tensors of a version, and the model's versions."""

    name = Words(MODEL, example="flowers")
    versions = Listing("The versions that are ready.", Words(VERSION, 19, **NUMBER), MOST_VERSIONS)
    platform = OneOf("The platform.", "onnx_onnxv1")
    inputs = Listing("The inputs.", Inner(TensorSchema, ""), MOST_TENSORS)
    outputs = Listing("The outputs.", Inner(TensorSchema, ""), 1)


class ModelReadySchema(AnswerSchema):
    """Whether the model is ready for predictions."""

    name = Words(MODEL, example="flowers")
    ready = Truth("Always true; a model that isn't ready gets an error.")


class ConfigOutputSchema(AnswerSchema):
    """An output in Triton's configuration format."""

    name = Words("The tensor's name.", **TENSOR)
    data_type = OneOf("The type of the elements.", "TYPE_FP32", "TYPE_STRING")
    dims = Listing("The lengths of the axes, without the rows.", ROWS, MOST_AXES, example=[4])
    label_filename = OneOf("Always empty.", "")
    is_shape_tensor = Truth("Always false.")


class ConfigInputSchema(AnswerSchema):
    """An input in Triton's configuration format."""

    name = Words("The tensor's name.", **TENSOR)
    data_type = OneOf("The type of the elements.", "TYPE_FP32", "TYPE_STRING")
    dims = Listing("The lengths of the axes, without the rows.", ROWS, MOST_AXES, example=[4])
    format = OneOf("The position of an image's channels.", "FORMAT_NONE", "FORMAT_NHWC")
    is_shape_tensor = Truth("Always false.")
    allow_ragged_batch = Truth("Always false.")
    optional = Truth("Always false: every input is required.")


class ModelConfigSchema(AnswerSchema):
    """The configuration of a model in Triton's format."""

    name = Words(MODEL, example="flowers")
    platform = OneOf("The platform.", "onnx_onnxv1")
    backend = OneOf("The backend, which Triton uses instead of the platform.", "onnxruntime")
    runtime = OneOf("Always empty.", "")
    version_policy = Mapping("All versions are served.", example={"all": {}})
    max_batch_size = Count("The most rows in a request.", 1, maximum=2**31 - 1, example=4096)
    input = Listing("The inputs.", Inner(ConfigInputSchema, ""), MOST_TENSORS)
    output = Listing("The outputs.", Inner(ConfigOutputSchema, ""), 1)
    batch_input = Listing("Always empty.", Value("Nothing."), 0)
    batch_output = Listing("Always empty.", Value("Nothing."), 0)
    optimization = Mapping("Triton's defaults.", example={"priority": "PRIORITY_DEFAULT"})
    instance_group = Listing("The instances.", Mapping("A group of instances."), 1)
    default_model_filename = OneOf("The version's file.", "network.onnx")
    cc_model_filenames = Mapping("Always empty.", example={})
    metric_tags = Mapping("Always empty.", example={})
    parameters = Mapping("Always empty.", example={})
    model_warmup = Listing("Always empty.", Value("Nothing."), 0)


class IndexRequestSchema(AnswerSchema):
    """The versions to list."""

    sometimes = ("ready",)

    ready = Truth("Whether to list only versions that are ready.")


class IndexEntrySchema(AnswerSchema):
    """A version of a model."""

    sometimes = ("version",)

    name = Words(MODEL, example="flowers")
    version = Words("The version's number; absent for a model without versions.", 19, **NUMBER)
    state = OneOf("Whether the version is ready for predictions.", "READY", "UNAVAILABLE")
    reason = Words("The reason if it is unavailable.", example="")


class DurationSchema(AnswerSchema):
    """A count and a total duration."""

    count = Count("The count.", example=3)
    ns = Count("The total duration in nanoseconds.", example=1_500_000)


class InferenceStatisticsSchema(AnswerSchema):
    """The durations of the parts of predictions."""

    success = Inner(DurationSchema, "Successful predictions.")
    fail = Inner(DurationSchema, "Failed predictions.")
    queue = Inner(DurationSchema, "Always 0: nothing waits.")
    compute_input = Inner(DurationSchema, "Reading and preparing inputs.")
    compute_infer = Inner(DurationSchema, "Computing.")
    compute_output = Inner(DurationSchema, "Writing outputs.")
    cache_hit = Inner(DurationSchema, "Always 0: nothing is cached.")
    cache_miss = Inner(DurationSchema, "Always 0: nothing is cached.")


class BatchStatisticsSchema(AnswerSchema):
    """The durations of the parts of predictions, for requests with the same number of rows."""

    batch_size = Count("The number of rows in a request.", example=1)
    compute_input = Inner(DurationSchema, "Reading and preparing inputs.")
    compute_infer = Inner(DurationSchema, "Computing.")
    compute_output = Inner(DurationSchema, "Writing outputs.")


class VersionStatisticsSchema(AnswerSchema):
    """The statistics of a version, or of a variant of it, since the start of the api."""

    sometimes = ("variant",)

    name = Words(MODEL, example="flowers")
    version = Words(VERSION, 19, **NUMBER)
    variant = OneOf("The type of the variant; absent for the version itself.", *VARIANT_TYPES)
    last_inference = Count(
        "The time of the last prediction, in milliseconds since 1970; 0: none.", example=1_800_000_000_000
    )
    inference_count = Count("The number of predicted rows.", example=3)
    execution_count = Count("The number of requests.", example=3)
    inference_stats = Inner(InferenceStatisticsSchema, "The durations of the parts.")
    batch_stats = Listing(
        "The durations by the number of rows in a request, for the first 100 such numbers in each process.",
        Inner(BatchStatisticsSchema, ""),
        MOST_SIZES,
    )
    memory_usage = Listing("Always empty.", Value("Nothing."), 0)


class StatisticsSchema(AnswerSchema):
    """The statistics since the start of the api."""

    model_stats = Listing(
        "One entry for each version that is ready, and for each of its variants.",
        Inner(VersionStatisticsSchema, ""),
        MOST_VERSIONS,
    )
