"""The Open Inference Protocol v2: what `/infer` reads and answers."""

from dataclasses import dataclass

import numpy as np

from service.api.http.replies import Reply
from service.api.inference.open_inference_tensors import HEADER_LENGTH, InferRequest, read_request, write_answer
from service.api.inference.plane import InferenceRequest, Work
from service.errors import NotFound, NoVersion
from service.operations.inference.predictions import Loaded, PredictionService, Wanted

HEADER_LENGTH_KEY = HEADER_LENGTH.lower()


@dataclass(frozen=True)
class InferWork(Work):
    """Tensors, and how the output is wanted."""

    asked: InferRequest


@dataclass(frozen=True)
class Infer:
    """`/infer`."""

    max_json_depth: int

    def open(self, service: PredictionService, wanted: Wanted) -> Loaded:
        """Raises NotFound; Conflict when the version can't be served."""
        return find(service, wanted)

    def read(self, request: InferenceRequest, loaded: Loaded) -> InferWork:
        """Raises InvalidInference, InvalidInstances."""
        header_length = request.headers.get(HEADER_LENGTH_KEY)
        asked = read_request(request.body, header_length, loaded.predictor.signature, self.max_json_depth)
        return InferWork(loaded.predictor.read_tensors(asked.tensors), asked)

    def write(self, work: InferWork, loaded: Loaded, outputs: np.ndarray, deadline: float) -> Reply:
        name = loaded.predictor.signature.output.name
        return write_answer(work.asked, loaded.model, loaded.version, name, outputs)


def find(service: PredictionService, wanted: Wanted) -> Loaded:
    """Raises NotFound; Conflict when the version can't be served."""
    try:
        return service.loaded(wanted)
    except NoVersion as error:
        raise NotFound(error.detail) from None
