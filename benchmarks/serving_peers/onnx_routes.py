"""The floors: a Flask route and a WSGI function that do the work of a prediction and nothing else.

Both answer `POST /NETWORK` with orjson, `np.asarray` and ONNX Runtime, for every `NETWORK.onnx` in the folder that
BENCHMARK_NETWORKS names, in the form of Fitserve's own answers.
"""

import gc
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import onnxruntime
import orjson
from flask import Flask, Response, request

from benchmarks.serving_peers.answers import describe, read_pixels

NETWORKS = Path(os.environ["BENCHMARK_NETWORKS"])


def open_session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


SESSIONS = {path.stem: open_session(path) for path in NETWORKS.glob("*.onnx")}


def predict(name: str, body: bytes) -> bytes:
    pixels = read_pixels(orjson.loads(body)["instances"])
    return orjson.dumps({"predictions": describe(SESSIONS[name].run(None, {"input": pixels})[0])})


flask_app = Flask(__name__)


@flask_app.post("/<name>")
def predict_route(name: str) -> Response:
    return Response(predict(name, request.get_data()), mimetype="application/json")


def wsgi_app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    answer = predict(environ["PATH_INFO"][1:], body)
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]


gc.collect()
gc.freeze()
