"""Requests and responses of TensorFlow Serving's REST API. For the documentation only."""

from typing import Any

from service.api.contract.fields import MOST_ITEMS
from service.api.contract.schemas.base import AnswerSchema
from service.api.contract.schemas.shown import NAMED, Inner, Listing, Mapping, OneOf, Truth, Value, Words
from service.api.contract.schemas.version_statuses import NUMBER

VALUES = 'Values are numbers, strings or `{"b64": …}`, nested like the tensor\'s shape.'


SIGNATURE: dict[str, Any] = {"maxLength": 100, "example": "serving_default"}


class TensorsSchema(AnswerSchema):
    """Tensors in row form (`instances`) or in columnar form (`inputs`), but not both."""

    sometimes = ("signature_name", "instances", "inputs")

    signature_name = Words("`serving_default`, the only signature.", **SIGNATURE)
    instances = Listing(
        f"The rows; with several inputs, objects of values by name. {VALUES}",
        Value("A row."),
        MOST_ITEMS,
        minItems=1,
        example=[[0.1, 0.2]],
    )
    inputs = Value(f"The tensor of the single input, or an object of tensors by name. {VALUES}", example=[[0.1, 0.2]])


class TensorsAnswerSchema(AnswerSchema):
    """The network's raw outputs, in row or columnar form like the request."""

    sometimes = ("predictions", "outputs")

    predictions = Listing(
        "For `instances`: one row for each instance.", Value("A row."), MOST_ITEMS, example=[[0.97, 0.02, 0.01]]
    )
    outputs = Listing("For `inputs`: the output tensor.", Value("A row."), MOST_ITEMS, example=[[0.97, 0.02, 0.01]])


class ExamplesRequestSchema(AnswerSchema):
    """Examples: objects with features by the inputs' names."""

    sometimes = ("signature_name", "context")

    signature_name = Words("`serving_default`, or the name of the method.", **SIGNATURE)
    context = Mapping("Features that all examples share.", example={})
    examples = Listing("The examples.", Mapping("Features by name."), MOST_ITEMS, minItems=1)


class ResultsAnswerSchema(AnswerSchema):
    """A result for each example."""

    results = Listing(
        "A number for each example; for a classification, a list of pairs of label and score.",
        Value("A result."),
        MOST_ITEMS,
        example=[[["0", 0.5], ["1", 0.5]]],
    )


class ModelSpecSchema(AnswerSchema):
    """The version."""

    name = Words("The model's name.", example="flowers", **NAMED)
    signature_name = OneOf("Always empty.", "")
    version = Words("The version's number.", 19, **NUMBER)


class DimensionSchema(AnswerSchema):
    """An axis of a tensor."""

    size = Words("The length; -1 means any.", 19, pattern="^-?[0-9]+$", example="-1")
    name = OneOf("Always empty.", "")


class TensorShapeSchema(AnswerSchema):
    """The axes of a tensor."""

    dim = Listing("The axes, the rows first.", Inner(DimensionSchema, ""), 32)
    unknown_rank = Truth("Always false.")


class TensorInfoSchema(AnswerSchema):
    """A tensor."""

    dtype = OneOf("The type of the elements.", "DT_FLOAT", "DT_STRING")
    tensor_shape = Inner(TensorShapeSchema, "The axes.")
    name = Words("The tensor's name in the graph.", example="input:0")


class SignatureSchema(AnswerSchema):
    """The inputs and outputs of a version."""

    inputs = Mapping("Tensors by name.", Inner(TensorInfoSchema, ""))
    outputs = Mapping("Tensors by name.", Inner(TensorInfoSchema, ""))
    method_name = OneOf("The method.", "tensorflow/serving/predict")
    defaults = Mapping("Always empty.")


class SignaturesSchema(AnswerSchema):
    """The signatures by name."""

    serving_default = Inner(SignatureSchema, "The only signature.")


class SignatureDefinitionsSchema(AnswerSchema):
    """The inner level of the signatures."""

    signature_def = Inner(SignaturesSchema, "The signatures by name.")


class SignatureMetadataSchema(AnswerSchema):
    """The outer level of the signatures."""

    signature_def = Inner(SignatureDefinitionsSchema, "The inner level of the signatures.")


class ServingMetadataSchema(AnswerSchema):
    """The signature of a version, nested twice as in TensorFlow Serving."""

    model_spec = Inner(ModelSpecSchema, "The version.")
    metadata = Inner(SignatureMetadataSchema, "The signatures.")
