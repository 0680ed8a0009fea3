"""How each dialect asks for predictions, and what numbers its answers hold."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import orjson

from benchmarks.serving.load import END_OF_HEAD, Answer, Load

JSON = "application/json"
OCTETS = "application/octet-stream"
CLOSE = 1e-5
"""Of 1 or of the number, whichever is larger: how far the order of additions may move it."""
HEADER_LENGTH = "Inference-Header-Content-Length"


@dataclass(frozen=True)
class Body:
    """What a request carries."""

    content: bytes
    content_type: str = JSON
    header_length: int | None = None


@dataclass(frozen=True)
class Dialect:
    """A path with the network's name, raw rows to a body, and an answer to the network's outputs (rows, …)."""

    name: str
    path: str
    write: Callable[[np.ndarray], Body]
    read: Callable[[Answer], np.ndarray]

    def request(self, model: str, rows: np.ndarray) -> bytes:
        """The bytes of a request for raw rows."""
        body = self.write(rows)
        headers = {"Host": "127.0.0.1", "Content-Type": body.content_type, "Content-Length": len(body.content)}
        if body.header_length is not None:
            headers[HEADER_LENGTH] = body.header_length
        lines = [f"POST {self.path.format(model=model)} HTTP/1.1", *(f"{name}: {headers[name]}" for name in headers)]
        return "\r\n".join(lines).encode() + END_OF_HEAD + body.content

    def count_wrong(self, load: Load, expected: np.ndarray) -> int:
        """The different answers whose numbers aren't those expected of their request (requests, rows, …)."""
        return sum(
            not is_close(self.read(answer), expected[number])
            for number, answers in load.answers.items()
            for answer in answers.values()
        )


def is_close(found: np.ndarray, expected: np.ndarray) -> bool:
    """Whether these are the same numbers."""
    if found.shape != expected.shape:
        return False
    return bool((np.abs(found - expected) <= CLOSE * np.maximum(1, np.abs(expected))).all())


def write_instances(rows: np.ndarray) -> Body:
    return Body(orjson.dumps({"instances": rows.tolist()}))


def read_described(answer: Answer) -> np.ndarray:
    """Of predictions with scores, or values."""
    predictions = orjson.loads(answer.body)["predictions"]
    return np.array([row["scores"] if "scores" in row else [row["value"]] for row in predictions])


def read_plain(answer: Answer) -> np.ndarray:
    return np.array(orjson.loads(answer.body)["predictions"])


def write_tensor(rows: np.ndarray) -> Body:
    tensor = {"name": "input", "shape": rows.shape, "datatype": "FP32", "data": rows.ravel().tolist()}
    return Body(orjson.dumps({"id": "1", "inputs": [tensor]}))


def read_tensor(answer: Answer) -> np.ndarray:
    (tensor,) = orjson.loads(answer.body)["outputs"]
    return np.array(tensor["data"]).reshape(tensor["shape"])


def write_binary_tensor(rows: np.ndarray) -> Body:
    content = rows.astype("<f4").tobytes()
    tensor = {
        "name": "input",
        "shape": rows.shape,
        "datatype": "FP32",
        "parameters": {"binary_data_size": len(content)},
    }
    output = {"name": "output", "parameters": {"binary_data": True}}
    header = orjson.dumps({"inputs": [tensor], "outputs": [output]})
    return Body(header + content, OCTETS, len(header))


def read_binary_tensor(answer: Answer) -> np.ndarray:
    header = {name.lower(): value for name, _, value in (line.partition(b":") for line in answer.head.split(b"\r\n"))}
    length = int(header[HEADER_LENGTH.lower().encode()])
    (tensor,) = orjson.loads(answer.body[:length])["outputs"]
    return np.frombuffer(answer.body, "<f4", offset=length).reshape(tensor["shape"])


NATIVE = Dialect("Fitserve, native JSON", "/v1/models/{model}/predictions", write_instances, read_described)
TENSORFLOW_SERVING = Dialect("Fitserve, TensorFlow Serving", "/v1/models/{model}:predict", write_instances, read_plain)
V2_JSON = Dialect("Fitserve, v2 JSON", "/v2/models/{model}/infer", write_tensor, read_tensor)
V2_BINARY = Dialect("Fitserve, v2 binary", "/v2/models/{model}/infer", write_binary_tensor, read_binary_tensor)
FITSERVE = (NATIVE, TENSORFLOW_SERVING, V2_JSON, V2_BINARY)


def plain_route(name: str) -> Dialect:
    """A route of one's own for each network, which answers as Fitserve's own does."""
    return Dialect(name, "/{model}", write_instances, read_described)


def inference_protocol(name: str) -> Dialect:
    """Another server that speaks v2 in JSON."""
    return Dialect(name, V2_JSON.path, write_tensor, read_tensor)
