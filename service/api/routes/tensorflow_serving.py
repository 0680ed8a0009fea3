"""The routes of TensorFlow Serving's REST API, below `/v1/models`; the front answers those of predictions."""

from flask import Response

from service.api.contract.dialect_blueprint import DialectBlueprint
from service.api.contract.documentation.headers import refer
from service.api.contract.front_operations import never_called
from service.api.contract.schemas.base import Schema
from service.api.contract.schemas.tensorflow_serving import (
    ExamplesRequestSchema,
    ResultsAnswerSchema,
    ServingMetadataSchema,
    TensorsAnswerSchema,
    TensorsSchema,
)
from service.api.http.bodies import write_json
from service.api.http.links import MODELS
from service.api.http.media_types import JSON
from service.api.http.state import predictions
from service.api.inference import tensorflow_serving
from service.api.inference.tensorflow_serving import VARIANT_HEADER, variant_header
from service.operations.inference.predictions import Wanted

blueprint = DialectBlueprint("tensorflow_serving", __name__, description="TensorFlow Serving's REST API.")

HEADERS = refer(VARIANT_HEADER)
DESCRIPTIONS = {
    "predict": "The response has the network's raw outputs: `predictions` for `instances`, `outputs` for `inputs`. "
    "Send raw values: the version applies the scaling and the categories of its training.",
    "classify": "The response has a list of label and score pairs for each example. If the model doesn't classify, "
    "the response is 400.",
    "regress": "The response has a number for each example. If the model isn't a regression with one output, the "
    "response is 400.",
}


def _add(verb: str, body: type[Schema], answer: type[Schema]) -> None:
    blueprint.add_for_versions(
        f"{MODELS}/<name>{{version}}:{verb}",
        never_called,
        name=f"serving_{verb}",
        summary=f"TensorFlow Serving: {verb} with",
        answer=answer,
        documentation={
            "description": DESCRIPTIONS[verb],
            "requestBody": {"required": True, "content": {JSON: {"schema": body}}},
        },
        headers=HEADERS,
    )


def _describe_signature(wanted: Wanted) -> Response:
    loaded = tensorflow_serving.find(predictions(), wanted)
    response = write_json(tensorflow_serving.describe(loaded))
    response.headers.update(variant_header(loaded))
    return response


_add("predict", TensorsSchema, TensorsAnswerSchema)
_add("classify", ExamplesRequestSchema, ResultsAnswerSchema)
_add("regress", ExamplesRequestSchema, ResultsAnswerSchema)
blueprint.add_for_versions(
    f"{MODELS}/<name>{{version}}/metadata",
    _describe_signature,
    name="serving_metadata",
    summary="TensorFlow Serving: get the signature of",
    answer=ServingMetadataSchema,
    documentation={
        "description": "The response has the name, type and shape of each tensor. In a shape, -1 is an "
        "axis of any length."
    },
    headers=HEADERS,
)
