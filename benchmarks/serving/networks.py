"""The networks that are asked: trained for very little by a running service, which is all that speed needs."""

import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tests.journeys.specs import CIFAR_CONVOLUTIONAL, DIGITS, named
from tests.running_service import Client, running_service

NETWORKS: dict[str, dict[str, Any]] = {"dense": DIGITS, "convolutional": CIFAR_CONVOLUTIONAL}
CLASSES = 10
TRAINED_ROWS = 40
DIFFERENT_REQUESTS = 4
SEED = 7
LARGEST_PIXEL = 255


@dataclass(frozen=True)
class Network:
    """A trained network in a folder: `NAME.onnx` and `NAME.keras`, which take pixels as shares of 255."""

    name: str
    folder: Path
    fractions: bool = False
    """Whether it is asked with pixels that aren't whole numbers, as resized pictures have them."""

    @property
    def onnx(self) -> Path:
        return self.folder / f"{self.name}.onnx"

    @property
    def keras(self) -> Path:
        return self.folder / f"{self.name}.keras"

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(NETWORKS[self.name]["input"]["shape"])

    @cached_property
    def pixels(self) -> np.ndarray:
        """Raw rows (different requests, 32, …)."""
        shape = (DIFFERENT_REQUESTS, 32, *self.shape)
        if self.fractions:
            return np.random.default_rng(SEED).random(shape, np.float32) * LARGEST_PIXEL
        return np.random.default_rng(SEED).integers(0, LARGEST_PIXEL, shape, endpoint=True)

    def ask_keras(self) -> np.ndarray:
        """What Keras makes of these rows (different requests, 32, classes), in a process that ends."""
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            rows = self.pixels.reshape(-1, *self.shape) / np.float32(LARGEST_PIXEL)
            found = pool.submit(run_keras, self.keras, rows).result()
        return found.reshape(*self.pixels.shape[:2], CLASSES)


def run_keras(path: Path, rows: np.ndarray) -> np.ndarray:
    """The outputs of a Keras archive; this process then has TensorFlow in it."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras

    outputs: np.ndarray = keras.models.load_model(path).predict(rows, verbose=0)
    return outputs


def prepare(folder: Path, names: list[str], fractions: bool = False) -> list[Network]:
    """The networks by name, and `var` beside them, in which a service has them; made where they are missing."""
    networks = [Network(name, folder, fractions) for name in names]
    missing = [network for network in networks if not network.keras.exists()]
    if missing:
        with running_service(folder / "var") as service:
            for network in missing:
                train(service.client, network.name, network.name)
                for format_ in ("onnx", "keras"):
                    download(service.client, network.name, format_, folder)
    return networks


PREPARE = """import sys; from pathlib import Path; from benchmarks.serving.networks import prepare
prepare(Path(sys.argv[1]), sys.argv[2:])"""


def prepare_elsewhere(checkout: Path, folder: Path, names: list[str], fractions: bool = False) -> list[Network]:
    """The same by another checkout of Fitserve, whose database and files need not be those of this one."""
    folder.mkdir(exist_ok=True)
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    command = [sys.executable, "-c", PREPARE, str(folder), *names]
    subprocess.run(command, cwd=checkout, env=environment, check=True)
    return [Network(name, folder, fractions) for name in names]


def train(client: Client, network: str, model: str) -> None:
    """Make a model of that network with a version of one epoch, if there is none."""
    if client.request("GET", f"/v1/models/{model}").status_code == 200:
        return
    dataset = f"few-{network}"
    if client.request("GET", f"/v1/datasets/{dataset}").status_code != 200:
        client.post("/v1/datasets", few_rows(network, dataset), wait=60)
    client.post("/v1/models", named(NETWORKS[network], model), wait=60)
    client.train(model, dataset, epochs=1, seed=SEED)


def few_rows(network: str, dataset: str) -> dict[str, Any]:
    """Noise, of every class."""
    shape = (TRAINED_ROWS, *NETWORKS[network]["input"]["shape"])
    pixels = np.random.default_rng(SEED).integers(0, LARGEST_PIXEL, shape, endpoint=True)
    targets = [row % CLASSES for row in range(TRAINED_ROWS)]
    return {"name": dataset, "source": "inline", "inputs": pixels.tolist(), "targets": targets}


def download(client: Client, model: str, format_: str, folder: Path) -> Path:
    """A file of the model's first version, as `MODEL.FORMAT`."""
    response = client.request("GET", f"/v1/models/{model}/versions/1/artifacts/{format_}")
    assert response.status_code == 200, response.text
    path = folder / f"{model}.{format_}"
    path.write_bytes(response.content)
    return path
