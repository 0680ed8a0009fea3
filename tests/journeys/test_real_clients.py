"""Clients that nobody here wrote talk unchanged to a service as it starts by default, with two processes of the api."""

import asyncio
import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http.aio as triton_aio
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput

from tests.other_clients import environment, needs_clients, run
from tests.running_service import RunningService, running_service

pytestmark = needs_clients

PROGRAMS = Path(__file__).with_name("programs")
RNG = np.random.default_rng(7)
POINTS = RNG.normal(0, 1, (60, 4)).astype(np.float32)
PICTURES = RNG.random((12, 8, 8, 3)).astype(np.float32)
FRUIT = [{"width": float(n % 7), "colour": ("red", "grün")[n % 2], "kind": "ab"[n % 2]} for n in range(40)]
SOFTMAX = {"type": "Dense", "units": 3, "activation": "softmax"}
MODELS: dict[str, dict[str, Any]] = {
    "dense": {
        "task": "multiclass",
        "input": {"shape": [4]},
        "layers": [{"type": "Dense", "units": 8, "activation": "relu"}, SOFTMAX],
        "loss": "sparse_categorical_crossentropy",
    },
    "fruit": {
        "task": "binary",
        "input": {"dataset": "fruit"},
        "layers": [{"type": "Dense", "units": 1, "activation": "sigmoid"}],
        "loss": "binary_crossentropy",
    },
    "pictures": {
        "task": "multiclass",
        "input": {"shape": [8, 8, 3]},
        "layers": [{"type": "Flatten"}, SOFTMAX],
        "loss": "sparse_categorical_crossentropy",
    },
}
DATASETS: dict[str, dict[str, Any]] = {
    "dense": {"inputs": POINTS.tolist(), "targets": [n % 3 for n in range(60)]},
    "fruit": {"rows": FRUIT, "target": "kind"},
    "pictures": {"inputs": PICTURES.tolist(), "targets": [n % 3 for n in range(12)]},
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service with a version of each model."""
    with running_service(tmp_path_factory.mktemp("clients"), api_processes="2") as running:
        for name, dataset in DATASETS.items():
            running.client.post("/v1/datasets", {"name": name, "source": "inline", **dataset}, wait=60)
            running.client.post("/v1/models", {"name": name, "optimizer": "adam", **MODELS[name]}, wait=60)
            running.client.train(name, name, 2)
        yield running


@pytest.fixture(scope="module")
def dense(service: RunningService) -> np.ndarray:
    """What Fitserve's own predictions say of the points."""
    return np.array([found["scores"] for found in service.client.predict("dense", POINTS.tolist())["predictions"]])


def converse(program: str, name: str, *arguments: str, rows: Any = None, **variables: str) -> Any:
    """What a program prints that is run in a client's environment with rows on its standard input."""
    python = environment(name) / "bin" / "python"
    found = subprocess.run(
        [python, PROGRAMS / program, *arguments],
        input=json.dumps(rows),
        env=os.environ | variables,
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return json.loads(found.stdout.splitlines()[-1])


def tensor(name: str, values: np.ndarray) -> InferInput:
    given = InferInput(name, list(values.shape), "FP32")
    given.set_data_from_numpy(values)
    return given


def test_tritons_asyncio_client_reads_every_answer(service: RunningService, dense: np.ndarray) -> None:
    async def ask() -> tuple[Any, ...]:
        async with triton_aio.InferenceServerClient(f"127.0.0.1:{service.port}") as client:
            result = await client.infer("dense", [tensor("input", POINTS)])
            with pytest.raises(triton_aio.InferenceServerException) as caught:
                await client.infer("fruit", [tensor("n" * 600, POINTS)])
            return (
                result.as_numpy("output"),
                caught.value.message(),
                await client.get_server_metadata(),
                await client.get_model_metadata("dense"),
                await client.get_model_config("dense"),
                await client.get_inference_statistics(),
                await client.get_model_repository_index(),
            )

    output, message, server, metadata, configuration, statistics, index = asyncio.run(ask())
    np.testing.assert_allclose(output, dense, rtol=1e-6, atol=1e-7)
    assert "n" * 600 in message
    assert server["name"] == "fitserve"
    assert metadata["name"] == configuration["name"] == "dense"
    assert {entry["name"] for entry in index} == {entry["name"] for entry in statistics["model_stats"]} == set(MODELS)


def test_tritons_client_reads_the_same_statistics_of_both_processes(service: RunningService) -> None:
    counts = []
    for _ in range(12):
        with InferenceServerClient(f"127.0.0.1:{service.port}") as client:  # a connection each
            client.infer("dense", [tensor("input", POINTS)])
            (entry,) = client.get_inference_statistics("dense", "1")["model_stats"]
            counts.append(entry["inference_count"])
    assert np.diff(counts).tolist() == [len(POINTS)] * 11


def test_what_tritons_image_client_asks_for_is_there(service: RunningService) -> None:
    with InferenceServerClient(f"127.0.0.1:{service.port}") as client:
        configuration = client.get_model_config("pictures")
        metadata = client.get_model_metadata("pictures")
        assert configuration["max_batch_size"] > 0
        (given,), (output,) = configuration["input"], configuration["output"]
        assert given["format"] == "FORMAT_NHWC"
        assert given["dims"] == [8, 8, 3]
        assert metadata["inputs"][0]["shape"] == [-1, 8, 8, 3]
        wanted = InferRequestedOutput(output["name"], binary_data=True, class_count=2)
        result = client.infer("pictures", [tensor(given["name"], PICTURES)], outputs=[wanted])
        assert result is not None
        found = result.as_numpy(output["name"])
    assert found is not None
    assert found.shape == (len(PICTURES), 2)
    scores = [one["scores"] for one in service.client.predict("pictures", PICTURES.tolist())["predictions"]]
    for row, expected in zip(found, scores, strict=True):
        score, index = str(row[0], "utf-8").split(":")[:2]
        assert int(index) == int(np.argmax(expected))
        assert float(score) == pytest.approx(max(expected), rel=1e-4)


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="PyTriton needs a NumPy that has no wheel for Python 3.13")
def test_pytritons_client(service: RunningService, dense: np.ndarray) -> None:
    found = converse("with_pytriton.py", "triton", service.client.base_url, rows=POINTS.tolist())
    np.testing.assert_allclose(found["batch"], dense, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(found["named"], dense, rtol=1e-6, atol=1e-7)
    assert found["largest"] > 0


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="PyTriton needs a NumPy that has no wheel for Python 3.13")
def test_tritonys_client(service: RunningService, dense: np.ndarray) -> None:
    found = converse("with_tritony.py", "triton", f"127.0.0.1:{service.port}", rows=POINTS.tolist())
    np.testing.assert_allclose(found["output"], dense, rtol=1e-6, atol=1e-7)


def find_libraries(home: Path, folder: Path) -> Path:
    """perf_analyzer's libraries, which PyTriton's wheel has by longer names."""
    folder.mkdir()
    for name in ("libb64.so.0d", "libcudart.so.12"):
        (found,) = home.glob(f"lib/*/site-packages/nvidia_pytriton.libs/{name.replace('.so', '-*.so', 1)}*")
        (folder / name).symlink_to(found)
    return folder


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="PyTriton needs a NumPy that has no wheel for Python 3.13")
@pytest.mark.parametrize("rows", [1, 8])
def test_perf_analyzer_measures_the_default_service(service: RunningService, tmp_path: Path, rows: int) -> None:
    home = environment("triton")
    libraries = find_libraries(home, tmp_path / "libraries")
    report = tmp_path / "report.csv"
    command = ["-m", "dense", "-u", f"127.0.0.1:{service.port}", "-b", str(rows), "--concurrency-range", "4:4"]
    measure = ["--measurement-mode", "count_windows", "--measurement-request-count", "50", "-r", "3", "-s", "10000"]
    printed = run(
        home / "bin" / "perf_analyzer",
        *command,
        *measure,
        "-f",
        report,
        LD_LIBRARY_PATH=str(libraries),
        folder=tmp_path,
    )
    with report.open(newline="") as file:
        (line,) = csv.DictReader(file)
    assert float(line["Inferences/Second"]) > 0, printed


def test_kserves_client(service: RunningService, dense: np.ndarray) -> None:
    found = converse("with_kserve.py", "kserve", service.client.base_url, rows=POINTS.tolist())
    np.testing.assert_allclose(found.pop("v1"), dense, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(found.pop("v2"), dense, rtol=1e-6, atol=1e-7)
    assert found == dict.fromkeys(found, True)


def test_payloads_of_mlservers_codecs(service: RunningService, dense: np.ndarray) -> None:
    found = converse("with_mlserver.py", "open-inference", service.client.base_url, rows=POINTS.tolist())
    np.testing.assert_allclose(found["numpy"], dense, rtol=1e-6, atol=1e-7)
    rows = [{"width": 1.0, "colour": "red"}, {"width": 2.0, "colour": "grün"}]
    expected = [[one["scores"][1]] for one in service.client.predict("fruit", rows)["predictions"]]
    for payload in ("strings", "base64", "pandas"):
        np.testing.assert_allclose(found[payload], expected, rtol=1e-6, atol=1e-7, err_msg=payload)


def test_the_client_generated_from_the_protocols_own_document(service: RunningService, dense: np.ndarray) -> None:
    found = converse("with_open_inference.py", "open-inference", service.client.base_url, rows=POINTS.tolist())
    assert found["server"] == "fitserve"
    assert found["inputs"] == ["input"]
    np.testing.assert_allclose(np.reshape(found["output"], dense.shape), dense, rtol=1e-6, atol=1e-7)


def test_tensorflow_servings_protocol_buffers_read_status_and_metadata(service: RunningService) -> None:
    (packages,) = environment("tensorflow-serving").glob("lib/*/site-packages")
    path = os.pathsep.join([str(packages), os.environ.get("PYTHONPATH", "")])
    printed = run(sys.executable, PROGRAMS / "with_tensorflow_serving.py", service.client.base_url, PYTHONPATH=path)
    found = json.loads(printed.splitlines()[-1])
    available = 30
    assert found["versions"] == found["numbered"] == [[1, available]]
    assert found["method"] == "tensorflow/serving/predict"
    assert found["inputs"] == {"input": [-1, 4]}
