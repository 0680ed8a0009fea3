"""Predicts with OpenVINO on one thread, as a peer of ONNX Runtime in benchmarks/variants.py.

    python benchmarks/serving_peers/openvino_times.py ROWS.npz NAME=NETWORK.onnx:PRECISION …

`ROWS.npz` has the rows as `x` and their classes as `y`; PRECISION is `f32` or `bf16`, in which float operations are
computed. Prints as JSON, for each name, the median milliseconds of a batch of 32 rows (in turns), the accuracy and the
milliseconds of loading; besides the seconds and bytes of memory that importing the library takes, and the bytes that
loading the first network takes. Runs in an environment with requirements-openvino.txt.
"""

import json
import os
import sys
import time
from statistics import median

import numpy as np

BATCH = 32
ROUNDS = 100


def memory() -> int:
    """The bytes that this process has in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    before, start = memory(), time.perf_counter()
    import openvino

    core = openvino.Core()
    found = {"import_seconds": time.perf_counter() - start, "import_bytes": memory() - before}
    with np.load(sys.argv[1]) as arrays:
        x, y = arrays["x"], arrays["y"]
    before, requests, networks = memory(), {}, {}
    for argument in sys.argv[2:]:
        name, _, file = argument.partition("=")
        path, _, precision = file.rpartition(":")
        start = time.perf_counter()
        options = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": precision}
        requests[name] = core.compile_model(core.read_model(path), "CPU", options).create_infer_request()
        requests[name].infer([x[:BATCH]])
        networks[name] = {"load_ms": (time.perf_counter() - start) * 1000}
        found.setdefault("loading_bytes", memory() - before)
    times: dict[str, list[float]] = {name: [] for name in requests}
    for _ in range(ROUNDS):
        for name, request in requests.items():
            start = time.perf_counter()
            request.infer([x[:BATCH]])
            times[name].append((time.perf_counter() - start) * 1000)
    for name, request in requests.items():
        outputs = np.concatenate(
            [request.infer([x[start : start + BATCH]])[0].copy() for start in range(0, len(x), BATCH)]
        )
        networks[name] |= {"ms": median(times[name]), "accuracy": float((outputs.argmax(1) == y).mean())}
    print(json.dumps(found | {"networks": networks}))


if __name__ == "__main__":
    main()
