"""The routes of TensorFlow Serving's REST API, below `/v1/models`."""

from functools import partial

from flask import Response, request

from service.api.contract.dialect_blueprint import DialectBlueprint
from service.api.contract.schemas.base import Schema
from service.api.contract.schemas.tensorflow_serving import (
    ExamplesRequestSchema,
    ResultsAnswerSchema,
    ServingMetadataSchema,
    TensorsAnswerSchema,
    TensorsSchema,
)
from service.api.http.bodies import read_body
from service.api.http.links import MODELS
from service.api.http.media_types import JSON
from service.api.http.state import predictions
from service.api.inference import tensorflow_serving
from service.api.inference.tensorflow_serving import Compute
from service.operations.inference.predictions import Wanted

blueprint = DialectBlueprint("tensorflow_serving", __name__, description="TensorFlow Serving's REST API.")

DESCRIPTIONS = {
    "predict": "The network's raw outputs: `predictions` for `instances`, `outputs` for `inputs`. Values are raw, too: "
    "what was learned about scales and categories is applied here.",
    "classify": "For each example pairs of label and score. Of models that classify; 400 otherwise.",
    "regress": "For each example a number. Of regressions with one output; 400 otherwise.",
}


def _handle(wanted: Wanted, compute: Compute) -> Response:
    body = read_body(request)
    with predictions().admit(len(body)):
        return tensorflow_serving.answer(predictions(), wanted, body, compute).to_response()


def _add(verb: str, compute: Compute, body: type[Schema], answer: type[Schema]) -> None:
    blueprint.add_for_versions(
        f"{MODELS}/<name>{{version}}:{verb}",
        partial(_handle, compute=compute),
        name=f"serving_{verb}",
        summary=f"As TensorFlow Serving: {verb} with",
        answer=answer,
        documentation={
            "description": DESCRIPTIONS[verb],
            "requestBody": {"required": True, "content": {JSON: {"schema": body}}},
        },
    )


_add("predict", tensorflow_serving.compute_predict, TensorsSchema, TensorsAnswerSchema)
_add("classify", tensorflow_serving.classify, ExamplesRequestSchema, ResultsAnswerSchema)
_add("regress", tensorflow_serving.regress, ExamplesRequestSchema, ResultsAnswerSchema)
blueprint.add_for_versions(
    f"{MODELS}/<name>{{version}}/metadata",
    lambda wanted: tensorflow_serving.write(
        tensorflow_serving.describe(tensorflow_serving.find(predictions(), wanted))
    ).to_response(),
    name="serving_metadata",
    summary="As TensorFlow Serving: get the signature of",
    answer=ServingMetadataSchema,
    documentation={"description": "Its tensors, with their names, types and shapes; -1 is an axis of any length."},
)
