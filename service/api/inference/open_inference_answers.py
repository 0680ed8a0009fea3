"""Responses of the Open Inference Protocol v2: the network's output, or the best classes."""

import math
from typing import Any

import numpy as np
import orjson

from models.predictor import Predictor
from models.signature import Datatype
from models.targets import class_name
from service.api.http.json_documents import dump_json
from service.api.http.media_types import OCTETS
from service.api.http.replies import Reply
from service.api.inference.open_inference_request import HEADER_LENGTH, InferRequest
from service.api.inference.open_inference_tensors import LENGTH


def write_answer(request: InferRequest, model: str, version: int, predictor: Predictor, outputs: np.ndarray) -> Reply:
    """The response, with the output as flat data in the JSON, or in binary after it."""
    wanted = request.output
    datatype, shape = Datatype.FP32, outputs.shape
    if wanted.classes:
        texts = name_classes(predictor, outputs, wanted.classes)
        datatype, shape = Datatype.BYTES, texts.shape
    entry: dict[str, Any] = {"name": wanted.name, "datatype": datatype, "shape": shape}
    document: dict[str, Any] = {"model_name": model, "model_version": str(version), "outputs": [entry]}
    if request.id is not None:
        document["id"] = request.id
    if not wanted.binary:
        entry["data"] = texts.ravel().tolist() if wanted.classes else outputs.ravel()
        return Reply(dump_json(document))
    content = _join_texts(texts) if wanted.classes else outputs.astype("<f4", copy=False).tobytes()
    entry["parameters"] = {"binary_data_size": len(content)}
    header = orjson.dumps(document)
    return Reply(header + content, OCTETS, {HEADER_LENGTH: str(len(header))})


def name_classes(predictor: Predictor, outputs: np.ndarray, most: int) -> np.ndarray:
    """The best classes of each row, best first, in Triton's form `score:index:label`; shape (rows, at most `most`).

    For a regression, the largest outputs, without labels.
    """
    regression = predictor.classes is None
    scores = outputs.reshape(len(outputs), math.prod(outputs.shape[1:])) if regression else predictor.score(outputs)
    endings = [f":{place}" for place in range(scores.shape[1])]
    if predictor.classes is not None:
        endings = [f"{ending}:{class_name(label)}" for ending, label in zip(endings, predictor.classes, strict=True)]
    order = np.argsort(-scores, axis=1, kind="stable")[:, :most]
    best = np.take_along_axis(scores, order, axis=1)
    texts = np.empty(order.shape, object)
    texts.ravel()[:] = [
        f"{score:f}{endings[place]}" for score, place in zip(best.ravel().tolist(), order.ravel().tolist(), strict=True)
    ]
    return texts


def _join_texts(texts: np.ndarray) -> bytes:
    encoded = [text.encode() for text in texts.ravel().tolist()]
    return b"".join(part for text in encoded for part in (LENGTH.pack(len(text)), text))
