"""TensorFlow Serving's REST API: what `:predict`, `:classify`, `:regress` and `/metadata` read and answer."""

from collections.abc import Callable
from typing import Any

import numpy as np
import orjson

from models.signature import Datatype, Signature, Tensor, TensorSpec
from models.spec import Task
from models.targets import class_name
from service.api.http.bodies import parse_json
from service.api.http.errors import MalformedBody
from service.api.http.replies import Reply
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


def predict(service: PredictionService, wanted: Wanted, body: bytes) -> Reply:
    """What a `:predict` request is answered. Raises InvalidInference, and what predicting raises."""
    return answer(service, wanted, body, compute_predict)


def answer(service: PredictionService, wanted: Wanted, body: bytes, compute: Compute) -> Reply:
    loaded = find(service, wanted)
    with loaded.statistics.prediction() as clock:
        return write(compute(service, loaded, body, clock))


def find(service: PredictionService, wanted: Wanted) -> Loaded:
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


def write(document: Document) -> Reply:
    """As JSON: floats have a point or an exponent, and are null where they aren't finite."""
    return Reply(orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY))


def compute_predict(service: PredictionService, loaded: Loaded, content: bytes, clock: Clock) -> Document:
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


def classify(service: PredictionService, loaded: Loaded, content: bytes, clock: Clock) -> Document:
    if loaded.predictor.task is Task.REGRESSION:
        raise _wrong_method("classification", "classify", "regress")
    outputs = _run_examples(service, loaded, content, clock, "classify")
    with np.errstate(invalid="ignore"):
        scores = loaded.predictor.score(outputs)
    labels = [class_name(value) for value in loaded.predictor.classes or ()]
    return {"results": [list(zip(labels, row, strict=True)) for row in scores]}


def regress(service: PredictionService, loaded: Loaded, content: bytes, clock: Clock) -> Document:
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


def describe(loaded: Loaded) -> Document:
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
