"""TensorFlow Serving's REST API: `:predict`, `:classify`, `:regress` and `/metadata`, below `/v1/models`."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import orjson
from flask import Response, request

from models.signature import Datatype, Signature, Tensor, TensorSpec
from models.spec import Task
from models.targets import class_name
from service.api.contract.dialect_blueprint import DialectBlueprint
from service.api.contract.schemas.base import Schema
from service.api.contract.schemas.tensorflow_serving import (
    ExamplesRequestSchema,
    ResultsAnswerSchema,
    ServingMetadataSchema,
    TensorsAnswerSchema,
    TensorsSchema,
)
from service.api.http.bodies import parse_json, read_body
from service.api.http.errors import MalformedBody
from service.api.http.links import MODELS
from service.api.http.media_types import JSON
from service.api.http.replies import Reply
from service.api.http.state import predictions
from service.api.inference.errors import InvalidInference
from service.api.inference.json_numbers import read_even_numbers
from service.api.inference.tensorflow_json import (
    DEFAULT_SIGNATURE,
    fit_axes,
    read_examples,
    read_inputs,
    read_signature_name,
    show,
)
from service.errors import NotFound, NoVersion
from service.operations.inference.predictions import Loaded, PredictionService, Wanted
from service.operations.inference.statistics import Clock

METHODS = "tensorflow/serving/"
ANSWERS = {"instances": "predictions", "inputs": "outputs"}
"""What an answer calls the output, by the form of the request."""
TENSORFLOW_TYPES = {Datatype.FP32: "DT_FLOAT", Datatype.BYTES: "DT_STRING"}
Document = dict[str, Any]
Compute = Callable[[PredictionService, Loaded, bytes, Clock], Document]

blueprint = DialectBlueprint("tensorflow_serving", __name__, description="TensorFlow Serving's REST API.")


def predict(service: PredictionService, wanted: Wanted, body: bytes) -> Reply:
    """What a `:predict` request is answered. Raises InvalidInference, and what predicting raises."""
    return _answer(service, wanted, body, _predict)


def _answer(service: PredictionService, wanted: Wanted, body: bytes, compute: Compute) -> Reply:
    loaded = _find(service, wanted)
    with loaded.statistics.prediction() as clock:
        return _write(compute(service, loaded, body, clock))


def _find(service: PredictionService, wanted: Wanted) -> Loaded:
    """The version that a path means. Raises NotFound and InvalidInference with TensorFlow Serving's texts."""
    try:
        return service.loaded(wanted)
    except (NotFound, NoVersion):
        if wanted.label is not None:
            raise InvalidInference(f"Unrecognized servable version label: {wanted.label}") from None
        number = "" if wanted.version is None else f", {wanted.version}"
        request_ = f"{'Latest' if wanted.version is None else 'Specific'}({wanted.model}{number})"
        raise NotFound(f"Servable not found for request: {request_}") from None


def _parse(body: bytes, max_depth: int) -> Document:
    """Raises InvalidInference."""
    if not body.strip():
        raise InvalidInference("JSON Parse error: The document is empty")
    try:
        document = parse_json(body, max_depth)
    except MalformedBody as error:
        raise InvalidInference(f"JSON Parse error: {error.detail}") from None
    if not isinstance(document, dict):
        raise InvalidInference(f"JSON Value: {show(document)} Is not object")
    return document


def _write(document: Document) -> Reply:
    """As JSON: floats have a point or an exponent, and are null where they aren't finite."""
    return Reply(orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY))


def _predict(service: PredictionService, loaded: Loaded, content: bytes, clock: Clock) -> Document:
    tensors, answer = _read_tensors(content, loaded.predictor.signature, service.settings.max_json_depth)
    return {answer: service.infer(loaded, tensors, clock)}


def _read_tensors(content: bytes, signature: Signature, max_depth: int) -> tuple[dict[str, Tensor], str]:
    """The tensors of a `:predict` request, and what the answer calls the output. Raises InvalidInference."""
    spec = next(iter(signature.inputs.values()))
    if len(signature.inputs) == 1 and spec.datatype is Datatype.FP32:
        for member, answer in ANSWERS.items():
            numbers = read_even_numbers(content, member)
            if numbers is not None:
                return {spec.name: fit_axes(numbers, spec)}, answer
    body = _parse(content, max_depth)
    name = read_signature_name(body)
    if name != DEFAULT_SIGNATURE:
        raise InvalidInference(f'Serving signature name: "{name}" not found in signature def')
    return read_inputs(body, signature), ANSWERS["inputs" if "inputs" in body else "instances"]


def _classify(service: PredictionService, loaded: Loaded, content: bytes, clock: Clock) -> Document:
    if loaded.predictor.task is Task.REGRESSION:
        raise _wrong_method("classification", "classify", "regress")
    outputs = _run_examples(service, loaded, content, clock, "classify")
    with np.errstate(invalid="ignore"):
        scores = loaded.predictor.score(outputs)
    labels = [class_name(value) for value in loaded.predictor.classes or ()]
    return {"results": [list(zip(labels, row, strict=True)) for row in scores]}


def _regress(service: PredictionService, loaded: Loaded, content: bytes, clock: Clock) -> Document:
    if loaded.predictor.task is not Task.REGRESSION:
        raise _wrong_method("regression", "regress", "classify")
    outputs = _run_examples(service, loaded, content, clock, "regress")
    if outputs[0].size != 1:
        shape = ",".join(map(str, outputs.shape))
        expected = "Expected output Tensor shape to be either [batch_size] or [batch_size, 1]"
        raise InvalidInference(f"{expected} but got [{shape}]")
    return {"results": outputs.ravel()}


def _run_examples(service: PredictionService, loaded: Loaded, content: bytes, clock: Clock, method: str) -> np.ndarray:
    body = _parse(content, service.settings.max_json_depth)
    name = read_signature_name(body)
    if name not in (DEFAULT_SIGNATURE, f"{METHODS}{method}"):
        raise InvalidInference(f"No signature was found with the name: {name}")
    return service.infer(loaded, read_examples(body, loaded.predictor.signature), clock)


def _wrong_method(kind: str, method: str, own: str) -> InvalidInference:
    expected = f"Expected {kind} signature method_name to be {METHODS}{method}"
    return InvalidInference(f"{expected}. Was: {METHODS}{own}")


def _describe(loaded: Loaded) -> Document:
    signature: Signature = loaded.predictor.signature
    definition = {
        "inputs": {spec.name: _describe_tensor(spec) for spec in signature.inputs.values()},
        "outputs": {signature.output.name: _describe_tensor(signature.output)},
        "method_name": f"{METHODS}predict",
        "defaults": {},
    }
    return {
        "model_spec": {"name": loaded.model, "signature_name": "", "version": str(loaded.version)},
        "metadata": {"signature_def": {"signature_def": {DEFAULT_SIGNATURE: definition}}},
    }


def _describe_tensor(spec: TensorSpec) -> Document:
    dimensions = [{"size": str(length), "name": ""} for length in spec.shape]
    return {
        "dtype": TENSORFLOW_TYPES[spec.datatype],
        "tensor_shape": {"dim": dimensions, "unknown_rank": False},
        "name": f"{spec.name}:0",
    }


DESCRIPTIONS = {
    "predict": "The network's raw outputs: `predictions` for `instances`, `outputs` for `inputs`. Values are raw, too: "
    "what was learned about scales and categories is applied here.",
    "classify": "For each example pairs of label and score. Of models that classify; 400 otherwise.",
    "regress": "For each example a number. Of regressions with one output; 400 otherwise.",
}


def _handle(wanted: Wanted, compute: Compute) -> Response:
    body = read_body(request)
    with predictions().admit(len(body)):
        return _answer(predictions(), wanted, body, compute).to_response()


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


_add("predict", _predict, TensorsSchema, TensorsAnswerSchema)
_add("classify", _classify, ExamplesRequestSchema, ResultsAnswerSchema)
_add("regress", _regress, ExamplesRequestSchema, ResultsAnswerSchema)
blueprint.add_for_versions(
    f"{MODELS}/<name>{{version}}/metadata",
    lambda wanted: _write(_describe(_find(predictions(), wanted))).to_response(),
    name="serving_metadata",
    summary="As TensorFlow Serving: get the signature of",
    answer=ServingMetadataSchema,
    documentation={"description": "Its tensors, with their names, types and shapes; -1 is an axis of any length."},
)
