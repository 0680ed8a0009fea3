"""The floors: a Flask route, a WSGI and an ASGI function that do the work of a prediction and nothing else.

All answer `POST /NETWORK` with orjson, `np.asarray` and ONNX Runtime, for every `NETWORK.onnx` in the folder that
BENCHMARK_NETWORKS names, in the form of Fitserve's own answers.
"""

import gc
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
from flask import Flask, Response, request

from benchmarks.serving_peers.answers import describe, read_pixels
from benchmarks.serving_peers.sessions import open_sessions

NETWORKS = Path(os.environ["BENCHMARK_NETWORKS"])


SESSIONS = open_sessions(NETWORKS)


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


async def asgi_app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message["body"])
        more = message["more_body"]
    answer = predict(scope["path"][1:], b"".join(parts))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


gc.collect()
gc.freeze()
