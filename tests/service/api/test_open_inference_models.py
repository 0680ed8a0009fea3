"""What the Open Inference Protocol v2 tells of the server and its models, and what it counts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service import __version__
from service.operations.catalog import versions
from tests.service.api.dialect_client import DialectClient, dialect_client
from tests.service.api.open_inference_bodies import LINE, tensor


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DialectClient]:
    """One app for all tests that only read."""
    with dialect_client(tmp_path_factory.mktemp("dialect")) as client:
        yield client


@pytest.fixture
def own(tmp_path: Path) -> Iterator[DialectClient]:
    """An app of the test's own, which has predicted nothing yet."""
    with dialect_client(tmp_path) as client:
        yield client


def test_the_server_and_its_models_describe_themselves(client: DialectClient) -> None:
    for path in ("/v2", "/v2/"):
        server = client.get(path)
        assert server["name"] == "fitserve"
        assert server["version"] == __version__
        assert "binary_tensor_data" in server["extensions"]
    for path in ("/v2/health/live", "/v2/health/ready"):
        assert client.get(path) == {"live": True, "ready": True}
    inputs = [
        {"name": "width", "datatype": "FP32", "shape": [-1, 1]},
        {"name": "colour", "datatype": "BYTES", "shape": [-1, 1]},
        {"name": "ripe", "datatype": "FP32", "shape": [-1, 1]},
    ]
    outputs = [{"name": "output", "datatype": "FP32", "shape": [-1, 2]}]
    described = {"name": "fruit", "versions": ["1"], "platform": "onnx_onnxv1", "inputs": inputs, "outputs": outputs}
    for path in ("/v2/models/fruit", "/v2/models/fruit/versions/1"):
        assert client.get(path) == described
        assert client.get(f"{path}/ready") == {"name": "fruit", "ready": True}
        config = client.get(f"{path}/config")
        assert config["default_model_filename"]
        assert config["max_batch_size"] == 100_000 // (3 * 4)
        assert config["output"][0]["dims"] == [2]
        assert config["input"][1] == {
            "name": "colour",
            "data_type": "TYPE_STRING",
            "format": "FORMAT_NONE",
            "dims": [1],
            "is_shape_tensor": False,
            "allow_ragged_batch": False,
            "optional": False,
        }


def test_the_index_lists_every_version(own: DialectClient) -> None:
    own.api.train_line()
    own.api.post("/v1/models", UNTRAINED)
    ready = [
        {"name": name, "version": number, "state": "READY", "reason": ""}
        for name, number in (("fruit", "1"), ("line", "1"), ("line", "2"))
    ]
    untrained = {"name": "untrained", "state": "UNAVAILABLE", "reason": "It has no version yet: train it."}
    assert own.send("POST", "/v2/repository/index").json == [*ready, untrained]
    assert own.post("/v2/repository/index", {"ready": True}) == ready
    for wrong in ("[]", '{"ready": 1}', "{"):
        own.send("POST", "/v2/repository/index", 400, data=wrong)
    no_version = "Request for unknown model: 'untrained' has no available versions"
    assert own.get("/v2/models/untrained", 404) == {"error": no_version}
    own.get("/v2/models/untrained/ready", 404)


UNTRAINED = {
    "name": "untrained",
    "task": "regression",
    "input": {"shape": [1]},
    "layers": [{"type": "Dense", "units": 1}],
    "optimizer": "sgd",
    "loss": "mean_squared_error",
}


def test_statistics_count_rows_requests_and_failures(own: DialectClient) -> None:
    for rows in (1, 3, 3):
        own.post(LINE, {"inputs": [tensor([1] * rows)]})
    own.post("/v1/models/line:predict", {"instances": [[1]]})
    own.post("/v1/models/line/predictions", {"instances": [[1]]})
    own.error(LINE, {"inputs": [tensor(["x"])]})
    (found,) = own.get("/v2/models/line/versions/1/stats")["model_stats"]
    assert own.get("/v2/models/line/stats") == {"model_stats": [found]}
    other, same = own.get("/v2/models/stats")["model_stats"]
    assert same == found
    assert (other["name"], other["inference_count"], other["batch_stats"]) == ("fruit", 0, [])
    assert (found["name"], found["version"]) == ("line", "1")
    assert (found["inference_count"], found["execution_count"]) == (9, 5)
    assert found["last_inference"] > 1.7e12
    stages = found["inference_stats"]
    assert {stage: stages[stage]["count"] for stage in ("success", "fail", "queue")} == {
        "success": 5, "fail": 1, "queue": 5,
    }  # fmt: skip
    parts = [stages[part] for part in ("compute_input", "compute_infer", "compute_output")]
    assert [part["count"] for part in parts] == [5, 5, 5]
    assert 0 < sum(part["ns"] for part in parts) == stages["success"]["ns"]
    assert [(entry["batch_size"], entry["compute_infer"]["count"]) for entry in found["batch_stats"]] == [
        (1, 3),
        (3, 2),
    ]


def test_what_is_unknown_is_a_404_and_what_is_tritons_own_a_501(client: DialectClient) -> None:
    body = {"inputs": [tensor([1])]}
    unknown = "Request for unknown model: "
    assert client.error("/v2/models/nobody/infer", body, 404) == f"{unknown}'nobody' is not found"
    for number in (0, 2, 2**31, 10**30):
        path = f"/v2/models/line/versions/{number}"
        assert client.error(f"{path}/infer", body, 404) == f"{unknown}'line' version {number} is not found"
        assert client.get(f"{path}/stats", 404)["error"] == f"{unknown}'line' version {number} is not found"
    for path in ("nobody", "line/versions/9", "line/versions/x", "nobody/stats", "line/versions/9/stats", "line/more"):
        client.get(f"/v2/models/{path}", 404)
    client.get("/v2/more", 404)
    client.get(LINE, 405)
    client.send("POST", "/v2", 405)
    for path in ("repository/models/line/load", "systemsharedmemory/region/a/register", "logging", "trace/setting"):
        assert "Triton" in client.error(f"/v2/{path}", {}, 501)
    client.get("/v2/cudasharedmemory/status", 501)
    client.post("/v2/models/line/generate", {}, 501)


def test_a_damaged_network_is_the_services_fault(own: DialectClient) -> None:
    stored, _ = versions.artifact(own.context, "line", 1, "onnx")
    stored.open().unlink()
    own.get("/v2/models/line/ready", 500)
    own.post(LINE, {"inputs": [tensor([1])]}, 500)
