"""The Open Inference Protocol v2: what `/infer` reads and answers."""

from service.api.http.replies import Reply
from service.api.inference.open_inference_tensors import read_request, write_answer
from service.errors import NotFound, NoVersion
from service.operations.inference.predictions import Loaded, PredictionService, Wanted


def infer(service: PredictionService, wanted: Wanted, body: bytes, header_length: str | None) -> Reply:
    """What an inference request is answered; `header_length` is the header that says where the JSON of the body ends.

    Raises InvalidInference, and what predicting raises.
    """
    loaded = find(service, wanted)
    signature = loaded.predictor.signature
    with loaded.statistics.prediction() as clock:
        asked = read_request(body, header_length, signature, service.settings.max_json_depth)
        output = service.infer(loaded, asked.tensors, clock)
        return write_answer(asked, loaded.model, loaded.version, signature.output.name, output)


def find(service: PredictionService, wanted: Wanted) -> Loaded:
    """Raises NotFound; Conflict when the version can't be served."""
    try:
        return service.loaded(wanted)
    except NoVersion as error:
        raise NotFound(error.detail) from None
