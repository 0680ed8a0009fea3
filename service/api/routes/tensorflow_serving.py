"""The routes of TensorFlow Serving's REST API, below `/v1/models`."""

from collections.abc import Callable
from functools import partial
from typing import Any

from service.api.contract.dialect_blueprint import DialectBlueprint
from service.api.contract.schemas.base import Schema
from service.api.contract.schemas.tensorflow_serving import (
    ExamplesRequestSchema,
    ResultsAnswerSchema,
    ServingMetadataSchema,
    TensorsAnswerSchema,
    TensorsSchema,
)
from service.api.http.links import MODELS
from service.api.http.media_types import JSON
from service.api.http.state import predictions
from service.api.inference import tensorflow_serving
from service.api.inference.answering import respond
from service.api.inference.plane import Dialect

blueprint = DialectBlueprint("tensorflow_serving", __name__, description="TensorFlow Serving's REST API.")

DESCRIPTIONS = {
    "predict": "The network's raw outputs: `predictions` for `instances`, `outputs` for `inputs`. Values are raw, too: "
    "what was learned about scales and categories is applied here.",
    "classify": "For each example pairs of label and score. Of models that classify; 400 otherwise.",
    "regress": "For each example a number. Of regressions with one output; 400 otherwise.",
}


def _add(verb: str, dialect: Callable[[int], Dialect[Any]], body: type[Schema], answer: type[Schema]) -> None:
    blueprint.add_for_versions(
        f"{MODELS}/<name>{{version}}:{verb}",
        partial(respond, dialect),
        name=f"serving_{verb}",
        summary=f"As TensorFlow Serving: {verb} with",
        answer=answer,
        documentation={
            "description": DESCRIPTIONS[verb],
            "requestBody": {"required": True, "content": {JSON: {"schema": body}}},
        },
    )


_add("predict", tensorflow_serving.Predict, TensorsSchema, TensorsAnswerSchema)
_add("classify", tensorflow_serving.Classify, ExamplesRequestSchema, ResultsAnswerSchema)
_add("regress", tensorflow_serving.Regress, ExamplesRequestSchema, ResultsAnswerSchema)
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
