"""Bodies of the Open Inference Protocol v2, and reading its answers."""

import json
import struct
from typing import Any

import numpy as np
from werkzeug.test import TestResponse

from tests.service.api.dialect_client import DialectClient

LINE = "/v2/models/line/infer"
FRUIT = "/v2/models/fruit/infer"
LENGTH = "Inference-Header-Content-Length"


def tensor(data: Any, datatype: str = "FP32", shape: Any = None, name: str = "input", **more: Any) -> dict[str, Any]:
    """An input, of one column where no shape is given."""
    shape = [len(data), 1] if shape is None else shape
    return {"name": name, "shape": shape, "datatype": datatype, "data": data} | more


def binary(shape: Any, size: Any, datatype: str = "FP32", name: str = "input") -> dict[str, Any]:
    """An input whose elements come after the JSON."""
    return {"name": name, "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": size}}


def texts(*values: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(value)) + value for value in values)


def send_binary(
    client: DialectClient, document: Any, content: bytes, expect: int = 200, path: str = LINE, length: Any = None
) -> TestResponse:
    header = json.dumps(document).encode()
    headers = {LENGTH: str(len(header) if length is None else length)}
    return client.send("POST", path, expect, data=header + content, headers=headers)


def read_binary(response: TestResponse) -> tuple[Any, np.ndarray]:
    """The JSON of an answer, and its only output."""
    length = int(response.headers[LENGTH])
    document = json.loads(response.data[:length])
    (output,) = document["outputs"]
    content = response.data[length:]
    assert output["parameters"] == {"binary_data_size": len(content)}
    return document, np.frombuffer(content, "<f4").reshape(output["shape"])
