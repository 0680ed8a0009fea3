"""TensorFlow Serving's bodies and answers, for the documentation alone: no schema reads or writes them."""

from typing import Any

from service.api.contract.fields import MOST_ITEMS
from service.api.contract.schemas.base import AnswerSchema
from service.api.contract.schemas.shown import NAMED, Inner, Listing, Mapping, OneOf, Truth, Value, Words
from service.api.contract.schemas.version_statuses import NUMBER

VALUES = 'Numbers, text, or `{"b64": …}`; nested as the tensor\'s shape is.'


SIGNATURE: dict[str, Any] = {"maxLength": 100, "example": "serving_default"}


class TensorsSchema(AnswerSchema):
    """Tensors in row form (`instances`) or in columnar form (`inputs`), never both."""

    sometimes = ("signature_name", "instances", "inputs")

    signature_name = Words("`serving_default`, the only one.", **SIGNATURE)
    instances = Listing(
        f"Rows: values, with several inputs objects of them by name. {VALUES}",
        Value("A row."),
        MOST_ITEMS,
        minItems=1,
        example=[[0.1, 0.2]],
    )
    inputs = Value(f"The only input's tensor, or an object of tensors by name. {VALUES}", example=[[0.1, 0.2]])


class TensorsAnswerSchema(AnswerSchema):
    """The network's raw outputs, in the form of the request."""

    sometimes = ("predictions", "outputs")

    predictions = Listing("Of `instances`: a row each.", Value("A row."), MOST_ITEMS, example=[[0.97, 0.02, 0.01]])
    outputs = Listing("Of `inputs`: the tensor.", Value("A row."), MOST_ITEMS, example=[[0.97, 0.02, 0.01]])


class ExamplesRequestSchema(AnswerSchema):
    """Examples, objects of features by the inputs' names."""

    sometimes = ("signature_name", "context")

    signature_name = Words("`serving_default`, or the method's own name.", **SIGNATURE)
    context = Mapping("Features of all examples.", example={})
    examples = Listing("The examples.", Mapping("Features by name."), MOST_ITEMS, minItems=1)


class ResultsAnswerSchema(AnswerSchema):
    """A result for each example."""

    results = Listing(
        "A number, or of a classification a list of pairs of label and score.",
        Value("A result."),
        MOST_ITEMS,
        example=[[["0", 0.5], ["1", 0.5]]],
    )


class ModelSpecSchema(AnswerSchema):
    """Which version it is."""

    name = Words("The model's name.", example="flowers", **NAMED)
    signature_name = OneOf("Always empty.", "")
    version = Words("The version's number.", 19, **NUMBER)


class DimensionSchema(AnswerSchema):
    """An axis of a tensor."""

    size = Words("Its length; -1 is any.", 19, pattern="^-?[0-9]+$", example="-1")
    name = OneOf("Always empty.", "")


class TensorShapeSchema(AnswerSchema):
    """The axes of a tensor."""

    dim = Listing("The axes, the rows first.", Inner(DimensionSchema, ""), 32)
    unknown_rank = Truth("Always false.")


class TensorInfoSchema(AnswerSchema):
    """A tensor."""

    dtype = OneOf("What its elements are.", "DT_FLOAT", "DT_STRING")
    tensor_shape = Inner(TensorShapeSchema, "Its axes.")
    name = Words("Its name in the graph.", example="input:0")


class SignatureSchema(AnswerSchema):
    """What a version takes and gives."""

    inputs = Mapping("Tensors by name.", Inner(TensorInfoSchema, ""))
    outputs = Mapping("Tensors by name.", Inner(TensorInfoSchema, ""))
    method_name = OneOf("The method.", "tensorflow/serving/predict")
    defaults = Mapping("Always empty.")


class SignaturesSchema(AnswerSchema):
    """The signatures by name."""

    serving_default = Inner(SignatureSchema, "The only one.")


class SignatureDefinitionsSchema(AnswerSchema):
    """The signatures, inner level."""

    signature_def = Inner(SignaturesSchema, "The signatures by name.")


class SignatureMetadataSchema(AnswerSchema):
    """The signatures, outer level."""

    signature_def = Inner(SignatureDefinitionsSchema, "The signatures, once more.")


class ServingMetadataSchema(AnswerSchema):
    """The signature of a version, doubly nested as TensorFlow Serving has it."""

    model_spec = Inner(ModelSpecSchema, "Which version it is.")
    metadata = Inner(SignatureMetadataSchema, "Its signatures.")
