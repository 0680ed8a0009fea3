"""The Open Inference Protocol v2: reads requests for `/infer` and writes the responses."""

from dataclasses import dataclass

import numpy as np

from models.allowance import Allowance
from models.errors import Excessive
from service.api.http.media_types import JSON
from service.api.http.replies import Reply
from service.api.inference.errors import InvalidInference
from service.api.inference.open_inference_answers import write_answer
from service.api.inference.open_inference_request import (
    HEADER_LENGTH,
    HEADER_LENGTH_KEY,
    NO_HEADER,
    InferRequest,
    RequestLimits,
    find_end,
    find_variant,
    may_name_variant,
    parse_request,
    read_request,
)
from service.api.inference.plane import InferenceRequest, Work
from service.errors import NotFound, NotServed, NoVersion
from service.operations.catalog.resolve import NoVariant
from service.operations.inference.predictions import Loaded, PredictionService, Wanted

QUICKLY_PARSED = 2**16
"""The bytes of JSON that are parsed quickly, at most."""


@dataclass(slots=True)
class InferWork(Work):
    """Preprocessed tensors, and the request that they come from."""

    asked: InferRequest


@dataclass(frozen=True)
class Infer:
    """`/infer`."""

    max_json_depth: int

    def aim(self, request: InferenceRequest, *, quickly: bool) -> InferenceRequest | None:
        """The request for the variant that its `parameters` name."""
        header_length = request.headers.get(HEADER_LENGTH_KEY)
        try:
            if not may_name_variant(request.body, header_length):
                return request
            if quickly and find_end(request.body, header_length) > QUICKLY_PARSED:
                return None
            document = parse_request(request.body, header_length, self.max_json_depth, request.allowance)
            variant = find_variant(document)
        except (InvalidInference, Excessive):
            return request
        wanted = request.wanted if variant is None else request.wanted._replace(variant=variant)
        return request._replace(wanted=wanted, document=document)

    def open(self, service: PredictionService, wanted: Wanted) -> Loaded:
        """Raises NotFound with Triton's texts; Conflict if the version can't be served."""
        return find(service, wanted)

    def read(self, request: InferenceRequest, loaded: Loaded) -> InferWork:
        """Raises InvalidInference, InvalidInstances, Excessive, TookTooLong."""
        header_length = request.headers.get(HEADER_LENGTH_KEY)
        if header_length == NO_HEADER and request.headers.get("content-type", "").startswith(JSON):
            raise InvalidInference(f"{HEADER_LENGTH} is 0, but the Content-Type says that the body is JSON.")
        most = loaded.max_batch_size

        def check_rows(rows: int) -> None:
            if rows > most:
                raise InvalidInference(f"inference request batch-size must be <= {most} for '{loaded.model}'")

        limits = RequestLimits(self.max_json_depth, check_rows, request.allowance)
        asked = read_request(request.body, header_length, request.document, loaded.predictor.signature, limits)
        return InferWork(loaded.predictor.read_tensors(asked.tensors, request.allowance), asked)

    def write(self, work: InferWork, loaded: Loaded, outputs: np.ndarray, allowance: Allowance) -> Reply:
        """Raises TookTooLong, AnswerTooLarge."""
        return write_answer(work.asked, loaded, outputs, allowance)


def find(service: PredictionService, wanted: Wanted) -> Loaded:
    """The wanted version, loaded. Raises NotFound with Triton's texts; Conflict if the version can't be served."""
    try:
        return service.loaded(wanted)
    except NoVersion as error:
        reason = f". {error.detail}" if isinstance(error, NotServed) else ""
        raise NotFound(f"Request for unknown model: '{wanted.model}' has no available versions{reason}") from None
    except NoVariant as error:
        raise NotFound(f"{unknown(wanted).detail}: {error.detail}") from None
    except NotFound:
        raise unknown(wanted) from None


def unknown(wanted: Wanted) -> NotFound:
    """Triton's error for a model or version that doesn't exist."""
    version = "" if wanted.version is None else f" version {wanted.version}"
    return NotFound(f"Request for unknown model: '{wanted.model}'{version} is not found")
