"""TensorFlow Serving's bodies and answers, for the documentation alone: no schema reads or writes them."""

from marshmallow import fields

from service.api.schemas.base import Schema

VALUES = 'Numbers, text, or `{"b64": …}`; nested as the tensor\'s shape is.'


class TensorsSchema(Schema):
    """Tensors in row form (`instances`) or in columnar form (`inputs`), never both."""

    signature_name = fields.String(metadata={"description": "`serving_default`, the only one."})
    instances = fields.List(
        fields.Raw(), metadata={"description": f"Rows: values, with several inputs objects of them by name. {VALUES}"}
    )
    inputs = fields.Raw(metadata={"description": f"The only input's tensor, or an object of tensors by name. {VALUES}"})


class OutputsSchema(Schema):
    """The network's raw outputs, in the form of the request."""

    predictions = fields.List(fields.Raw(), metadata={"description": "Of `instances`: a row each."})
    outputs = fields.List(fields.Raw(), metadata={"description": "Of `inputs`: the tensor."})


class ExamplesSchema(Schema):
    """Examples, objects of features by the inputs' names."""

    signature_name = fields.String(metadata={"description": "`serving_default`, or the method's own name."})
    context = fields.Dict(metadata={"description": "Features of all examples."})
    examples = fields.List(fields.Dict(), required=True)


class ResultsSchema(Schema):
    """A result for each example."""

    results = fields.List(
        fields.Raw(),
        metadata={"description": "A number, or of a classification a list of pairs of label and score."},
    )


class ServingMetadataSchema(Schema):
    """The signature of a version, doubly nested as TensorFlow Serving has it."""

    model_spec = fields.Dict(fields.String(), fields.String())
    metadata = fields.Dict(metadata={"description": "`signature_def.signature_def.serving_default`."})
