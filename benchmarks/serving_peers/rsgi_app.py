"""A function of RSGI, Granian's own protocol, in front of ONNX Runtime: what Granian is fastest with.

Answers `POST /NETWORK` for every `NETWORK.onnx` in the folder that BENCHMARK_NETWORKS names. Runs in an environment
with requirements-asgi.txt.
"""

import gc
import os
from pathlib import Path
from typing import Any

import orjson
from answers import describe, read_pixels
from sessions import open_sessions

SESSIONS = open_sessions(Path(os.environ["BENCHMARK_NETWORKS"]))
HEADERS = [("content-type", "application/json")]


async def app(scope: Any, protocol: Any) -> None:
    pixels = read_pixels(orjson.loads(await protocol())["instances"])
    (scores,) = SESSIONS[scope.path[1:]].run(None, {"input": pixels})
    protocol.response_bytes(200, HEADERS, orjson.dumps({"predictions": describe(scores)}))


gc.collect()
gc.freeze()
