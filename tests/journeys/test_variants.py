"""A client makes a smaller and faster network of a version, and predicts with it in every protocol."""

from typing import Any

import pytest

from tests.running_service import Client

ROWS = [[place / 50] for place in range(100)]
DATASET = {
    "name": "small",
    "source": "inline",
    "inputs": ROWS,
    "targets": [[2 * row[0] - 1] for row in ROWS],
    "split": {"test": 0.3, "seed": 1},
}
NETWORK: dict[str, Any] = {
    "name": "small",
    "task": "regression",
    "input": {"shape": [1]},
    "layers": [{"type": "Dense", "units": 8, "activation": "relu"}, {"type": "Dense", "units": 1}],
    "optimizer": {"type": "Adam", "learning_rate": 0.05},
    "loss": "mean_squared_error",
}
VERSION = "/v1/models/small/versions/1"
LABEL = "/v1/models/small/labels/small"
INSTANCES = {"instances": [[1.25]]}
TENSOR = {"name": "input", "shape": [1, 1], "datatype": "FP32", "data": [1.25]}


def test_a_version_gets_a_certified_variant_that_predicts_in_every_protocol(client: Client) -> None:
    client.post("/v1/datasets", DATASET)
    client.post("/v1/models", NETWORK)
    client.train("small", "small", epochs=60, seed=7)
    job = client.post(f"{VERSION}/variants", {"type": "int8"}, wait=60)
    assert job["status"] == "succeeded", job["error"]
    item = client.get(f"{VERSION}/variants/int8")
    assert (item["status"], item["certified"], item["compared"], item["rows"]) == ("ready", True, "r2", 30)
    assert item["metrics"]["version"]["r2"] - item["metrics"]["variant"]["r2"] == pytest.approx(item["drop"])
    assert item["agreement"] > 0.9

    plain = client.post(f"{VERSION}/predictions", INSTANCES, 200)
    small = client.post(f"{VERSION}/predictions?variant=int8", INSTANCES, 200)
    assert (plain.get("variant"), small["variant"]) == (None, "int8")
    value = small["predictions"][0]["value"]
    assert value != plain["predictions"][0]["value"]
    assert value == pytest.approx(1.5, abs=0.1)

    client.request("PUT", LABEL, json={"version": 1, "variant": "int8"}).raise_for_status()
    assert client.post(f"{LABEL}/predictions", INSTANCES, 200) == small
    assert client.post(f"{LABEL}:predict", INSTANCES, 200)["predictions"] == [[pytest.approx(value)]]
    asked = {"inputs": [TENSOR], "parameters": {"variant": "int8"}}
    inferred = client.post("/v2/models/small/infer", asked, 200)
    assert inferred["outputs"][0]["data"] == [pytest.approx(value)]
    assert inferred["parameters"] == {"variant": "int8"}

    evaluation = client.post("/v1/evaluations", {"model": "small", "label": "small", "dataset": "small"}, wait=60)
    assert (evaluation["status"], evaluation["variant"]) == ("succeeded", "int8"), evaluation["error"]
    assert evaluation["result"]["metrics"]["r2"] == pytest.approx(item["metrics"]["variant"]["r2"])

    # A network that fits perfectly predicts worse with every number that is rounded.
    refused = client.post(f"{VERSION}/variants", {"type": "int8", "max_accuracy_drop": 0}, wait=60)
    assert (refused["status"], refused["error"]["type"]) == ("failed", "/problems/accuracy-drop")
    assert refused["error"]["figures"]["drop"] > 0
    kept = client.get(f"{VERSION}/variants/int8")
    assert (kept["status"], kept["job"], kept["newer_job"]) == ("ready", job["id"], refused["id"])
