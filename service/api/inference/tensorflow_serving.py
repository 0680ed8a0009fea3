"""TensorFlow Serving's REST API: the requests and responses of `:predict`, `:classify`, `:regress` and `/metadata`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import orjson

from models.allowance import Allowance
from models.predictor import in_blocks
from models.signature import Datatype, Signature, Tensor, TensorSpec
from models.spec import Task
from models.targets import class_name
from service.api.http.errors import MalformedBody
from service.api.http.json_documents import dump_blocks, limit_answer, parse_json
from service.api.http.replies import Reply
from service.api.inference.errors import InvalidInference
from service.api.inference.json_numbers import read_even_numbers
from service.api.inference.plane import InferenceRequest, Work
from service.api.inference.tensorflow_json import (
    DEFAULT_SIGNATURE,
    explain_syntax,
    fit_axes,
    read_examples,
    read_inputs,
    read_signature_name,
    show,
)
from service.errors import NotFound, NotServed, NoVersion
from service.operations.catalog.resolve import NoVariant
from service.operations.inference.predictions import Loaded, PredictionService, Wanted

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
METHODS = "tensorflow/serving/"
LARGEST_VERSION = 2**63 - 1
ANSWERS = {"instances": "predictions", "inputs": "outputs"}
"""The name of the output in the response, by the form of the request."""
TENSORFLOW_TYPES = {Datatype.FP32: "DT_FLOAT", Datatype.BYTES: "DT_STRING"}
VARIANT_HEADER = "Fitserve-Variant"
"""Says which variant of the version predicted: the bodies of this protocol have no place for it."""
Document = dict[str, Any]


@dataclass(frozen=True)
class _TensorFlowServing:
    """The base of the three methods."""

    max_json_depth: int

    def aim(self, request: InferenceRequest, *, quickly: bool) -> InferenceRequest:
        """The request as it is: this protocol has variants only by labels that point to them."""
        return request

    def open(self, service: PredictionService, wanted: Wanted) -> Loaded:
        """Raises NotFound and InvalidInference with TensorFlow Serving's texts; Conflict if it can't be served."""
        return find(service, wanted)


@dataclass(slots=True)
class PredictWork(Work):
    """Preprocessed tensors, and the name of the output in the response."""

    answer: str


class Predict(_TensorFlowServing):
    """`:predict`."""

    def read(self, request: InferenceRequest, loaded: Loaded) -> PredictWork:
        """Raises InvalidInference, InvalidInstances, Excessive, TookTooLong."""
        predictor, allowance = loaded.predictor, request.allowance
        tensors, answer = _read_tensors(request.body, predictor.signature, self.max_json_depth, allowance)
        return PredictWork(predictor.read_tensors(tensors, allowance), answer)

    def write(self, work: PredictWork, loaded: Loaded, outputs: np.ndarray, allowance: Allowance) -> Reply:
        """Raises TookTooLong, AnswerTooLarge."""
        return _write_list(work.answer, outputs, _as_it_is, loaded, allowance)


class _OfExamples(_TensorFlowServing):
    """The base of the methods that take examples."""

    method: ClassVar[str]

    def read(self, request: InferenceRequest, loaded: Loaded) -> Work:
        """Raises InvalidInference, InvalidInstances, Excessive, TookTooLong."""
        own = "regress" if loaded.predictor.task is Task.REGRESSION else "classify"
        if own != self.method:
            kind = "regression" if self.method == "regress" else "classification"
            expected = f"Expected {kind} signature method_name to be {METHODS}{self.method}"
            raise InvalidInference(f"{expected}. Was: {METHODS}{own}")
        allowance, signature = request.allowance, loaded.predictor.signature
        body = _parse(request.body, self.max_json_depth, allowance)
        name = read_signature_name(body)
        if name not in (DEFAULT_SIGNATURE, f"{METHODS}{self.method}"):
            raise InvalidInference(f"No signature was found with the name: {name}")
        return Work(loaded.predictor.read_tensors(read_examples(body, signature, allowance), allowance))


class Classify(_OfExamples):
    """`:classify`."""

    method = "classify"

    def write(self, work: Work, loaded: Loaded, outputs: np.ndarray, allowance: Allowance) -> Reply:
        """Raises TookTooLong, AnswerTooLarge."""
        labels = [class_name(value) for value in loaded.predictor.classes or ()]

        def describe(block: np.ndarray) -> list[list[tuple[str, np.float32]]]:
            with np.errstate(invalid="ignore"):
                scores = loaded.predictor.score(block)
            return [list(zip(labels, row, strict=True)) for row in scores]

        return _write_list("results", outputs, describe, loaded, allowance)


class Regress(_OfExamples):
    """`:regress`."""

    method = "regress"

    def write(self, work: Work, loaded: Loaded, outputs: np.ndarray, allowance: Allowance) -> Reply:
        """Raises InvalidInference for a regression with several outputs; TookTooLong, AnswerTooLarge."""
        if outputs[0].size != 1:
            shape = ",".join(map(str, outputs.shape))
            expected = "Expected output Tensor shape to be either [batch_size] or [batch_size, 1]"
            raise InvalidInference(f"{expected} but got [{shape}]")
        return _write_list("results", outputs.ravel(), _as_it_is, loaded, allowance)


def find(service: PredictionService, wanted: Wanted) -> Loaded:
    """The wanted version, loaded. Raises NotFound and InvalidInference with TensorFlow Serving's texts."""
    if (wanted.version or 0) > LARGEST_VERSION:
        raise InvalidInference(f"Failed to convert version: {wanted.version} to numeric.")
    try:
        return service.loaded(wanted)
    except NoVariant as error:
        raise NotFound(f"Servable not found for request: {error.detail}") from None
    except (NotFound, NoVersion) as error:
        if wanted.label is not None:
            raise InvalidInference(f"Unrecognized servable version label: {wanted.label}") from None
        number = "" if wanted.version is None else f", {wanted.version}"
        request_ = f"{'Latest' if wanted.version is None else 'Specific'}({wanted.model}{number})"
        reason = f". {error.detail}" if isinstance(error, NotServed) else ""
        raise NotFound(f"Servable not found for request: {request_}{reason}") from None


def _parse(body: bytes, max_depth: int, allowance: Allowance) -> Document:
    """Raises InvalidInference, Excessive."""
    body = body.removeprefix(BYTE_ORDER_MARK)
    if not body.strip():
        raise InvalidInference("JSON Parse error: The document is empty")
    try:
        document = parse_json(body, max_depth, allowance, non_finite=True)
    except MalformedBody as error:
        raise InvalidInference(f"JSON Parse error: {explain_syntax(body) or error.detail}") from None
    if not isinstance(document, dict):
        raise InvalidInference(f"JSON Value: {show(document)} Is not object")
    return document


def write(document: Document, loaded: Loaded) -> Reply:
    """The response as JSON. Floats have a point or an exponent; NaN and infinity are null."""
    return Reply(orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY), headers=variant_header(loaded))


def variant_header(loaded: Loaded) -> dict[str, str]:
    """The header of a response that a variant made; none for that of a version."""
    return {} if loaded.variant is None else {VARIANT_HEADER: loaded.variant}


def _write_list(
    member: str, outputs: np.ndarray, describe: Callable[[np.ndarray], Any], loaded: Loaded, allowance: Allowance
) -> Reply:
    """The response with the described outputs as its only field. Raises TookTooLong, AnswerTooLarge."""
    reply = write({member: dump_blocks(in_blocks(outputs), describe, allowance)}, loaded)
    limit_answer(reply.content, allowance)
    return reply


def _as_it_is(block: np.ndarray) -> np.ndarray:
    return block


def _read_tensors(
    content: bytes, signature: Signature, max_depth: int, allowance: Allowance
) -> tuple[dict[str, Tensor], str]:
    """The tensors of a `:predict` request, and the name of the output in the response.

    Raises InvalidInference, Excessive.
    """
    spec = next(iter(signature.inputs.values()))
    if len(signature.inputs) == 1 and spec.datatype is Datatype.FP32:
        for member, answer in ANSWERS.items():
            numbers = read_even_numbers(content, member, allowance)
            if numbers is not None:
                return {spec.name: fit_axes(numbers, spec)}, answer
    body = _parse(content, max_depth, allowance)
    name = read_signature_name(body)
    if name != DEFAULT_SIGNATURE:
        raise InvalidInference(f'Serving signature name: "{name}" not found in signature def')
    return read_inputs(body, signature), ANSWERS["inputs" if "inputs" in body else "instances"]


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
