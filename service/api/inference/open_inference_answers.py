"""Responses of the Open Inference Protocol v2: the network's output, or the best classes."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson

from models.allowance import Allowance
from models.predictor import Predictor, in_blocks
from models.signature import Datatype
from models.targets import class_name
from service.api.http.errors import AnswerTooLarge
from service.api.http.json_documents import dump_blocks, dump_json
from service.api.http.media_types import OCTETS
from service.api.http.replies import Reply
from service.api.inference.open_inference_request import HEADER_LENGTH, InferRequest
from service.api.inference.open_inference_tensors import LENGTH
from service.operations.inference.predictions import Loaded


def write_answer(request: InferRequest, loaded: Loaded, outputs: np.ndarray, allowance: Allowance) -> Reply:
    """The response, with the output as flat data in the JSON, or in binary after it.

    Raises TookTooLong, and AnswerTooLarge if it exceeds `answer_bytes`.
    """
    wanted, most = request.output, allowance.limits.answer_bytes
    datatype, shape = Datatype.FP32, outputs.shape
    blocks = in_blocks(outputs, allowance.deadline)
    if wanted.classes:
        classes = loaded.predictor.classes
        width = math.prod(outputs.shape[1:]) if classes is None else len(classes)
        datatype, shape = Datatype.BYTES, (len(outputs), min(wanted.classes, width))
        blocks = (name_classes(loaded.predictor, block, wanted.classes) for block in blocks)
    entry: dict[str, Any] = {"name": wanted.name, "datatype": datatype, "shape": shape}
    document: dict[str, Any] = {"model_name": loaded.model, "model_version": str(loaded.version), "outputs": [entry]}
    if request.id is not None:
        document["id"] = request.id
    if not wanted.binary:
        entry["data"] = dump_blocks((_flatten(block) for block in blocks), most)
        return Reply(dump_json(document))
    content = b"".join(_join(blocks, most))
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


def _flatten(block: np.ndarray) -> Any:
    return block.ravel().tolist() if block.dtype == object else block.ravel()


def _join(blocks: Iterator[np.ndarray], most: int) -> Iterator[bytes]:
    """The elements of each block in binary form. Raises AnswerTooLarge if they take more than `most` bytes."""
    size = 0
    for block in blocks:
        part = _join_texts(block) if block.dtype == object else block.astype("<f4", copy=False).tobytes()
        size += len(part)
        if size > most:
            raise AnswerTooLarge(most)
        yield part


def _join_texts(texts: np.ndarray) -> bytes:
    encoded = [text.encode() for text in texts.ravel().tolist()]
    return b"".join(part for text in encoded for part in (LENGTH.pack(len(text)), text))
