"""Clients of other servers talk to a real Fitserve: Triton's own client, and plain HTTP as TensorFlow Serving's do.

A dense network, a table with a column of text, and a network with two inputs: each protocol gives what Fitserve's own
predictions do.
"""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput, InferResult
from tritonclient.utils import InferenceServerException

from tests.running_service import Client, RunningService, running_service

RNG = np.random.default_rng(7)
POINTS = RNG.normal(0, 1, (60, 4)).astype(np.float32)
FRUIT = [{"width": float(n % 7), "colour": ("red", "grün")[n % 2], "kind": "ab"[n % 2]} for n in range(40)]
MODELS: dict[str, dict[str, Any]] = {
    "dense": {
        "task": "multiclass",
        "input": {"shape": [4], "scaling": "standard"},
        "layers": [
            {"type": "Dense", "units": 8, "activation": "relu"},
            {"type": "Dense", "units": 3, "activation": "softmax"},
        ],
        "loss": "sparse_categorical_crossentropy",
    },
    "table": {
        "task": "binary",
        "input": {"dataset": "table"},
        "layers": [{"type": "Dense", "units": 1, "activation": "sigmoid"}],
        "loss": "binary_crossentropy",
    },
    "two": {
        "task": "regression",
        "inputs": {"left": {"shape": [3]}, "right": {"shape": [1]}},
        "layers": [
            {"type": "Concatenate", "name": "both", "inputs": ["left", "right"]},
            {"type": "Dense", "units": 1, "inputs": ["both"]},
        ],
        "loss": "mean_squared_error",
    },
}
DATASETS: dict[str, dict[str, Any]] = {
    "dense": {"inputs": POINTS.tolist(), "targets": [n % 3 for n in range(60)]},
    "table": {"rows": FRUIT, "target": "kind"},
    "two": {
        "inputs": {"left": POINTS[:, :3].tolist(), "right": POINTS[:, 3:].tolist()},
        "targets": POINTS.sum(axis=1).tolist(),
    },
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service of two processes with a version of each model."""
    folder: Path = tmp_path_factory.mktemp("protocols")
    with running_service(folder, api_processes="2") as running:
        for name, dataset in DATASETS.items():
            running.client.post("/v1/datasets", {"name": name, "source": "inline", **dataset})
            running.client.post("/v1/models", {"name": name, "optimizer": "adam", **MODELS[name]})
            running.client.train(name, name, 2, label="champion")
        yield running


@pytest.fixture
def client(service: RunningService) -> Client:
    return service.client


@pytest.fixture
def triton(service: RunningService) -> Iterator[InferenceServerClient]:
    with InferenceServerClient(f"127.0.0.1:{service.port}") as client:
        yield client


def tensor(name: str, values: np.ndarray, datatype: str = "FP32", *, binary: bool = True) -> InferInput:
    given = InferInput(name, list(values.shape), datatype)
    given.set_data_from_numpy(values, binary_data=binary)
    return given


def fruit_tensors(*, binary: bool = True) -> list[InferInput]:
    width = np.array([[row["width"]] for row in FRUIT], np.float32)
    colour = np.array([[row["colour"]] for row in FRUIT], object)
    return [tensor("width", width, binary=binary), tensor("colour", colour, "BYTES", binary=binary)]


def two_tensors(*, binary: bool = True) -> list[InferInput]:
    left, right = POINTS[:, :3].copy(), POINTS[:, 3:].copy()
    return [tensor("left", left, binary=binary), tensor("right", right, binary=binary)]


def output(result: InferResult | None) -> np.ndarray:
    assert result is not None
    found: np.ndarray = result.as_numpy("output")
    return found


@pytest.fixture(scope="module")
def native(service: RunningService) -> dict[str, np.ndarray]:
    """What Fitserve's own predictions say, as the networks' raw outputs."""
    client = service.client
    instances: dict[str, list[Any]] = {
        "dense": POINTS.tolist(),
        "table": [{"width": row["width"], "colour": row["colour"]} for row in FRUIT],
        "two": [{"left": row[:3].tolist(), "right": row[3:].tolist()} for row in POINTS],
    }
    found = {name: client.predict(name, rows)["predictions"] for name, rows in instances.items()}
    return {
        "dense": np.array([prediction["scores"] for prediction in found["dense"]]),
        "table": np.array([prediction["scores"][1:] for prediction in found["table"]]),
        "two": np.array([[prediction["value"]] for prediction in found["two"]]),
    }


@pytest.mark.parametrize("binary", [True, False])
def test_tritons_client_gets_what_native_predictions_are(
    triton: InferenceServerClient, native: dict[str, np.ndarray], binary: bool
) -> None:
    inputs = {
        "dense": [tensor("input", POINTS, binary=binary)],
        "table": fruit_tensors(binary=binary),
        "two": two_tensors(binary=binary),
    }
    for name, tensors in inputs.items():
        wanted = [InferRequestedOutput("output", binary_data=binary)]
        found = output(triton.infer(name, tensors, outputs=wanted, request_id="r-1"))
        np.testing.assert_allclose(found, native[name], rtol=1e-6, atol=1e-7)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(output(triton.infer(name, tensors, "1")), found)


def test_tritons_client_echoes_ids_and_sends_other_types(
    triton: InferenceServerClient, native: dict[str, np.ndarray]
) -> None:
    result = triton.infer("dense", [tensor("input", POINTS.astype(np.float64), "FP64")], request_id="r-2", priority=3)
    assert result.get_response()["id"] == "r-2"
    assert result.get_response()["model_version"] == "1"
    np.testing.assert_allclose(output(result), native["dense"], rtol=1e-6)
    whole = np.rint(POINTS * 3).astype(np.int16)
    as_floats = output(triton.infer("dense", [tensor("input", whole.astype(np.float32))]))
    np.testing.assert_array_equal(output(triton.infer("dense", [tensor("input", whole, "INT16")])), as_floats)
    np.testing.assert_array_equal(
        output(triton.infer("dense", [tensor("input", whole.astype(np.float16), "FP16")])), as_floats
    )


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_tritons_client_may_compress_both_ways(triton: InferenceServerClient, algorithm: str) -> None:
    many = np.tile(POINTS, (200, 1))
    plain = output(triton.infer("dense", [tensor("input", many)]))
    packed = triton.infer(
        "dense",
        [tensor("input", many)],
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )
    np.testing.assert_array_equal(output(packed), plain)


def test_many_of_tritons_requests_at_once(triton: InferenceServerClient, native: dict[str, np.ndarray]) -> None:
    asked = [triton.async_infer("two", two_tensors()) for _ in range(10)]
    for request in asked:
        np.testing.assert_allclose(output(request.get_result()), native["two"], rtol=1e-6, atol=1e-7)


def test_tritons_client_is_told_what_is_wrong(triton: InferenceServerClient) -> None:
    wrong = {
        "400": [
            ("dense", [tensor("input", POINTS[:, :3].copy())], ""),
            ("dense", [tensor("input", np.array([["a"]], object), "BYTES")], ""),
            ("two", [tensor("left", POINTS[:, :3].copy())], ""),
        ],
        "404": [("nobody", [tensor("input", POINTS)], ""), ("dense", [tensor("input", POINTS)], "9")],
    }
    for status, requests_ in wrong.items():
        for model, tensors, version in requests_:
            with pytest.raises(InferenceServerException) as caught:
                triton.infer(model, tensors, version)
            assert caught.value.status() == status
            assert "an exception occurred in the client" not in caught.value.message()
    with pytest.raises(InferenceServerException) as caught:
        triton.load_model("dense")
    assert caught.value.status() == "501"


def test_tritons_client_names_classes_and_sends_what_is_not_finite(triton: InferenceServerClient) -> None:
    wanted = [InferRequestedOutput("output", class_count=2)]
    result = triton.infer("dense", [tensor("input-0", POINTS)], outputs=wanted)
    assert result is not None
    found = result.as_numpy("output")
    assert found.shape == (len(POINTS), 2)
    score, place, label = found[0, 0].decode().split(":")
    assert (0 < float(score) <= 1, place) == (True, label)
    assert np.isnan(output(triton.infer("dense", [tensor("input", np.full((1, 4), np.nan, np.float32))]))).all()


def test_tritons_client_reads_health_metadata_configuration_and_index(triton: InferenceServerClient) -> None:
    assert triton.is_server_live()
    assert triton.is_server_ready()
    assert triton.is_model_ready("table")
    assert triton.is_model_ready("table", "1")
    assert not triton.is_model_ready("nobody")
    assert triton.get_server_metadata()["name"] == "fitserve"
    metadata = triton.get_model_metadata("table")
    assert [(entry["name"], entry["datatype"], entry["shape"]) for entry in metadata["inputs"]] == [
        ("width", "FP32", [-1, 1]),
        ("colour", "BYTES", [-1, 1]),
    ]
    configuration = triton.get_model_config("two", "1")
    assert configuration["max_batch_size"] > 1000
    assert [(entry["name"], entry["dims"], entry["optional"]) for entry in configuration["input"]] == [
        ("left", [3], False),
        ("right", [1], False),
    ]
    index = triton.get_model_repository_index()
    assert [(entry["name"], entry["version"], entry["state"]) for entry in index] == [
        (name, "1", "READY") for name in sorted(MODELS)
    ]


def test_tritons_client_reads_statistics_that_count(triton: InferenceServerClient) -> None:
    def read() -> Any:
        (found,) = triton.get_inference_statistics("two", "1")["model_stats"]
        return found

    before = read()
    for _ in range(3):
        triton.infer("two", two_tensors())
    after = read()
    assert after["inference_count"] - before["inference_count"] == 3 * len(POINTS)
    assert after["execution_count"] - before["execution_count"] == 3
    assert after["inference_stats"]["compute_infer"]["ns"] > before["inference_stats"]["compute_infer"]["ns"]
    everything = triton.get_inference_statistics()["model_stats"]
    assert [entry["name"] for entry in everything] == sorted(MODELS)


def test_tensorflow_servings_clients_get_what_native_predictions_are(
    client: Client, native: dict[str, np.ndarray]
) -> None:
    columns = {name: [[row[name]] for row in FRUIT] for name in ("width", "colour")}
    bodies: dict[str, list[dict[str, Any]]] = {
        "dense": [{"instances": POINTS.tolist()}, {"inputs": {"input": POINTS.tolist()}}],
        "table": [{"instances": [{name: row[name] for name in columns} for row in FRUIT]}, {"inputs": columns}],
        "two": [
            {"instances": [{"left": row[:3].tolist(), "right": row[3:].tolist()} for row in POINTS]},
            {"inputs": {"left": POINTS[:, :3].tolist(), "right": POINTS[:, 3:].tolist()}},
        ],
    }
    for name, (rows, columnar) in bodies.items():
        for choice in ("", "/versions/1", "/labels/champion"):
            answer = client.post(f"/v1/models/{name}{choice}:predict", rows, expect=200)
            np.testing.assert_allclose(answer["predictions"], native[name], rtol=1e-6, atol=1e-7)
        answer = client.post(f"/v1/models/{name}:predict", columnar, expect=200)
        np.testing.assert_allclose(answer["outputs"], native[name], rtol=1e-6, atol=1e-7)


def test_classify_and_regress_name_classes_and_values(client: Client, native: dict[str, np.ndarray]) -> None:
    examples = [{"width": row["width"], "colour": row["colour"]} for row in FRUIT]
    results = client.post("/v1/models/table:classify", {"examples": examples}, expect=200)["results"]
    assert [[label for label, _ in pairs] for pairs in results] == [["a", "b"]] * len(FRUIT)
    np.testing.assert_allclose([pairs[1][1] for pairs in results], native["table"][:, 0], rtol=1e-6)
    examples = [{"left": row[:3].tolist(), "right": row[3:].tolist()} for row in POINTS]
    results = client.post("/v1/models/two:regress", {"examples": examples}, expect=200)["results"]
    np.testing.assert_allclose(results, native["two"][:, 0], rtol=1e-6, atol=1e-7)


def test_a_client_of_tensorflow_serving_without_a_content_type(service: RunningService) -> None:
    url = f"{service.client.base_url}/v1/models/dense"
    assert requests.get(url, timeout=30).json()["model_version_status"][0]["state"] == "AVAILABLE"
    signature = requests.get(f"{url}/metadata", timeout=30).json()["metadata"]["signature_def"]["signature_def"]
    assert list(signature) == ["serving_default"]
    body = b'{"signature_name": "serving_default", "instances": [[0.5, 1, 2, 3]]}'
    plain = requests.post(f"{url}:predict", data=body, timeout=30)
    packed = requests.post(f"{url}:predict", data=gzip.compress(body), headers={"Content-Encoding": "gzip"}, timeout=30)
    assert plain.status_code == packed.status_code == 200
    assert plain.json() == packed.json()
    missing = requests.post(f"{url}s:predict", data=body, timeout=30)
    assert missing.status_code == 404
    assert missing.json() == {"error": "Servable not found for request: Latest(denses)"}
