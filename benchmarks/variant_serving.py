"""How many more requests an int8 variant answers: 32 images in v2's binary form, over 8 connections.

    python -m benchmarks.variant_serving [--rounds 5] [--seconds 4] [--connections 8]

Starts the service, trains the convolutional CIFAR-10 network for an epoch of 3,200 images, and makes its variant. The
version and the variant take turns. Speed doesn't depend on the weights; benchmarks.variants compares accuracies.
"""

import argparse
import io
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson

from benchmarks.serving.dialects import V2_BINARY, Body, write_binary_tensor
from benchmarks.serving.load import drive, driving_process
from benchmarks.training_jobs import cifar
from tests.journeys.specs import CIFAR_CONVOLUTIONAL, named
from tests.running_service import RunningService, running_service, wait_for

TRAINED, BATCH = 3_200, 32
MODEL = "pictures"
TYPE = "int8"
BAR = 1.4
SECONDS = 120
"""Longest wait for a resource."""


def prepare(service: RunningService) -> np.ndarray:
    """Make the model with a version and its variant; returns the raw test rows."""
    rows, content, client = cifar(TRAINED), io.BytesIO(), service.client
    arrays = {"x_train": rows.x, "x_test": rows.x_test}
    bytes_ = {name: np.rint(values * 255).astype(np.uint8) for name, values in arrays.items()}
    np.savez(content, y_train=rows.y.argmax(axis=1), y_test=rows.y_test.argmax(axis=1), **bytes_)
    file = {"file": ("pictures.npz", content.getvalue())}
    client.request("POST", "/v1/datasets", files=file, data={"name": MODEL}).raise_for_status()
    wait_for(lambda: client.get(f"/v1/datasets/{MODEL}")["status"] == "ready", SECONDS, "the dataset")
    client.post("/v1/models", named(CIFAR_CONVOLUTIONAL, MODEL))
    client.train(MODEL, MODEL, epochs=1)
    variants = f"/v1/models/{MODEL}/versions/1/variants"
    client.post(variants, {"type": TYPE, "max_accuracy_drop": 1}, 202)
    wait_for(lambda: client.get(f"{variants}/{TYPE}")["status"] == "ready", SECONDS, "the variant")
    return bytes_["x_test"]


def write_for_variant(rows: np.ndarray) -> Body:
    """A body that names the variant."""
    body = write_binary_tensor(rows)
    header = orjson.loads(body.content[: body.header_length]) | {"parameters": {"variant": TYPE}}
    written = orjson.dumps(header)
    return Body(written + body.content[body.header_length :], body.content_type, len(written))


def main() -> int:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(prog="python -m benchmarks.variant_serving", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--connections", type=int, default=8)
    arguments = parser.parse_args()
    sides = {"float32": V2_BINARY, TYPE: replace(V2_BINARY, write=write_for_variant)}
    rates: dict[str, list[float]] = {side: [] for side in sides}
    with (
        tempfile.TemporaryDirectory() as folder,
        running_service(Path(folder)) as service,
        driving_process() as driver,
    ):
        rows = prepare(service).astype(np.float32)
        batches = [rows[start : start + BATCH] for start in range(0, 20 * BATCH, BATCH)]
        address = ("127.0.0.1", service.port)
        for _ in range(arguments.rounds):
            for side, dialect in sides.items():
                requests = [dialect.request(MODEL, batch) for batch in batches]
                load = driver.submit(drive, address, requests, arguments.connections, arguments.seconds).result()
                if load.failures:
                    raise RuntimeError(f"{side}: {load.describe_failures()}")
                rates[side].append(load.rate)
    ratio = statistics.median(quick / exact for exact, quick in zip(rates["float32"], rates[TYPE], strict=True))
    for side, found in rates.items():
        print(f"{side}: {statistics.median(found):.0f} requests/s")
    print(f"The variant answers {ratio:.2f} × as many; the bar is {BAR}.")
    return 0 if ratio >= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
