"""Responses of the Open Inference Protocol v2: the network's output, or the best classes."""

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import orjson

from models.allowance import Allowance
from models.predictor import Predictor, in_blocks
from models.signature import Datatype
from models.targets import class_name
from service.api.http.errors import AnswerTooLarge
from service.api.http.json_documents import dump_blocks, dump_json, limit_answer
from service.api.http.media_types import OCTETS
from service.api.http.replies import Reply
from service.api.inference.open_inference_request import HEADER_LENGTH_KEY, InferRequest
from service.api.inference.open_inference_tensors import LENGTH
from service.api.inference.plane import VARIANT
from service.operations.inference.predictions import Loaded


def write_answer(request: InferRequest, loaded: Loaded, outputs: np.ndarray, allowance: Allowance) -> Reply:
    """The response, with the output as flat data in the JSON, or in binary after it.

    Raises TookTooLong, and AnswerTooLarge if it exceeds `answer_bytes`.
    """
    wanted, predictor = request.output, loaded.predictor
    datatype, shape = Datatype.FP32, outputs.shape
    describe: Callable[[np.ndarray], Any] = _flatten
    if wanted.classes:
        classes = predictor.classes
        width = math.prod(outputs.shape[1:]) if classes is None else len(classes)
        datatype, shape = Datatype.BYTES, (len(outputs), min(wanted.classes, width))
        describe = partial(_name_classes, predictor, wanted.classes)
    entry: dict[str, Any] = {"name": wanted.name, "datatype": datatype, "shape": shape}
    document: dict[str, Any] = {"model_name": loaded.model, "model_version": str(loaded.version), "outputs": [entry]}
    if loaded.variant is not None:
        document["parameters"] = {VARIANT: loaded.variant}
    if request.id is not None:
        document["id"] = request.id
    if not wanted.binary:
        entry["data"] = dump_blocks(in_blocks(outputs), describe, allowance)
        return Reply(limit_answer(dump_json(document), allowance))
    content = b"".join(_join(map(describe, in_blocks(outputs)), allowance))
    entry["parameters"] = {"binary_data_size": len(content)}
    header = orjson.dumps(document)
    return Reply(header + content, OCTETS, {HEADER_LENGTH_KEY: str(len(header))})


def _name_classes(predictor: Predictor, most: int, outputs: np.ndarray) -> list[str]:
    """The best classes of each row, at most `most` and best first, in Triton's form `score:index:label`.

    For a regression, the largest outputs, without labels.
    """
    regression = predictor.classes is None
    scores = outputs.reshape(len(outputs), math.prod(outputs.shape[1:])) if regression else predictor.score(outputs)
    endings = [f":{place}" for place in range(scores.shape[1])]
    if predictor.classes is not None:
        endings = [f"{ending}:{class_name(label)}" for ending, label in zip(endings, predictor.classes, strict=True)]
    order = np.argsort(-scores, axis=1, kind="stable")[:, :most]
    best = np.take_along_axis(scores, order, axis=1)
    return [
        f"{score:f}{endings[place]}" for score, place in zip(best.ravel().tolist(), order.ravel().tolist(), strict=True)
    ]


def _flatten(block: np.ndarray) -> np.ndarray:
    return block.ravel()


def _join(blocks: Iterable[Any], allowance: Allowance) -> Iterator[bytes]:
    """The elements of each block in binary form. Raises TookTooLong, AnswerTooLarge."""
    size, most = 0, allowance.limits.answer_bytes
    for block in blocks:
        allowance.check_time()
        is_text = isinstance(block, list)
        part = _join_texts(block) if is_text else block.astype("<f4", copy=False).tobytes()
        size += len(part)
        if size > most:
            raise AnswerTooLarge(most)
        if is_text:
            allowance.reserve(2 * len(part))  # labels may be long, and the response will have a copy
        yield part


def _join_texts(texts: list[str]) -> bytes:
    encoded = [text.encode() for text in texts]
    return b"".join(part for text in encoded for part in (LENGTH.pack(len(text)), text))
