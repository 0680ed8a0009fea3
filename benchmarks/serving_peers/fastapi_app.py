"""FastAPI in front of ONNX Runtime, for uvicorn.

Answers `POST /NETWORK` for every `NETWORK.onnx` in the folder that BENCHMARK_NETWORKS names. Runs in an environment
with requirements-asgi.txt. A body goes through orjson rather than through a Pydantic model, which would look at every
pixel by itself, and the route is a coroutine: `def` would add the switch to a thread and back to every request.
"""

import gc
import os
from pathlib import Path

import orjson
from answers import describe, read_pixels
from fastapi import FastAPI, Request, Response
from sessions import open_sessions

SESSIONS = open_sessions(Path(os.environ["BENCHMARK_NETWORKS"]))

app = FastAPI()


@app.post("/{name}")
async def predict(name: str, request: Request) -> Response:
    pixels = read_pixels(orjson.loads(await request.body())["instances"])
    (scores,) = SESSIONS[name].run(None, {"input": pixels})
    return Response(orjson.dumps({"predictions": describe(scores)}), media_type="application/json")


gc.collect()
gc.freeze()
