"""Payloads that MLServer's codecs encode and decode: `URL`, and rows on the standard input; prints what it gets."""

import json
import sys
import urllib.request
from typing import Any

import numpy as np
import pandas
from mlserver.codecs import NumpyCodec, NumpyRequestCodec, PandasCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse, RequestInput

URL, ROWS = sys.argv[1], json.load(sys.stdin)


def infer(model: str, request: InferenceRequest) -> Any:
    body = request.model_dump_json(exclude_none=True).encode()
    asked = urllib.request.Request(f"{URL}/v2/models/{model}/infer", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked) as response:
        answer = InferenceResponse.model_validate_json(response.read())
    return NumpyCodec.decode_output(answer.outputs[0]).tolist()


def fruit(colour: RequestInput) -> InferenceRequest:
    width = RequestInput(name="width", shape=[2], datatype="FP32", data=[1.0, 2.0])
    return InferenceRequest(inputs=[width, colour])


colours = ["red", "grün"]
frame = pandas.DataFrame({"width": [1.0, 2.0], "colour": colours})
found = {
    "numpy": infer("dense", NumpyRequestCodec.encode_request(np.array(ROWS, np.float32))),
    "strings": infer("fruit", fruit(StringCodec.encode_input("colour", colours))),
    "base64": infer(
        "fruit",
        fruit(
            RequestInput(
                name="colour",
                shape=[2, 1],
                datatype="BYTES",
                data=["cmVk", "Z3LDvG4="],
                parameters={"content_type": "base64"},
            )
        ),
    ),
    "pandas": infer("fruit", PandasCodec.encode_request(frame)),
}
print(json.dumps(found))
