"""Bad input gets a clear answer that says where and what would be right, and harms nothing."""

from typing import Any

import pytest

from tests.journeys.specs import RINGS, classifier, named
from tests.running_service import Client


def refused(client: Client, path: str, body: Any, status: int = 422) -> dict[str, Any]:
    problem: dict[str, Any] = client.post(path, body, expect=status)
    assert problem["status"] == status
    assert problem["detail"] == problem["error"]
    return problem


def with_layers(*layers: dict[str, Any]) -> dict[str, Any]:
    return named(RINGS, "bad", layers=list(layers))


OUTPUT = {"type": "Dense", "units": 1, "activation": "sigmoid"}


@pytest.mark.parametrize(
    ("layer", "pointer"),
    [
        ({"type": "Dnse", "units": 4}, "#/layers/0/type"),
        ({"type": "Dense"}, "#/layers/0/units"),
        ({"type": "Dense", "units": -4}, "#/layers/0/units"),
        ({"type": "Dense", "units": "four"}, "#/layers/0/units"),
        ({"type": "Dense", "units": 4, "unit": 4}, "#/layers/0/unit"),
        ({"type": "Conv2D", "filters": 4, "kernel_size": 3}, "#/layers/0"),
        ({"type": "Dense", "units": 1_000_000_000}, "#/layers/0"),
        ({"type": "Reshape", "target_shape": [3, 5]}, "#/layers/0"),
    ],
)
def test_a_layer_that_cannot_be_is_named(client: Client, layer: dict[str, Any], pointer: str) -> None:
    problem = refused(client, "/v1/models", with_layers(layer, OUTPUT))
    assert any(error["pointer"].startswith(pointer) for error in problem["errors"]), problem
    assert client.request("GET", "/v1/models/bad").status_code == 404


def test_the_nearest_layer_type_is_suggested(client: Client) -> None:
    problem = refused(client, "/v1/models", with_layers({"type": "Dnse", "units": 4}, OUTPUT))
    assert problem["errors"][0]["did_you_mean"] == "Dense"


def test_ten_thousand_layers_are_one_fault(client: Client) -> None:
    problem = refused(client, "/v1/models", with_layers(*[OUTPUT] * 10_000))
    assert [error["pointer"] for error in problem["errors"]] == ["#/layers"]


def test_activations_beyond_the_limit_are_refused_before_anything_is_allocated(client: Client) -> None:
    grow = {"type": "Dense", "units": 200}
    model = with_layers({"type": "Reshape", "target_shape": [1, 1, 2]}, *[grow] * 2)
    model["input"] = {"shape": [2000, 2000, 2]}
    model["layers"] = [{"type": "Conv2D", "filters": 64, "kernel_size": 1}, {"type": "Flatten"}, OUTPUT]
    problem = refused(client, "/v1/models", model)
    assert problem["errors"][0]["pointer"].startswith("#/layers/")


def test_a_dry_run_says_the_same_and_keeps_nothing(client: Client) -> None:
    good = client.post("/v1/models?dry_run=true", named(RINGS, "dry"), expect=200)
    assert good["id"] is None
    assert good["summary"]["parameters"] == 117
    refused(client, "/v1/models?dry_run=true", with_layers({"type": "Dnse"}, OUTPUT))
    assert client.request("GET", "/v1/models/dry").status_code == 404


def test_ten_outputs_for_three_classes_are_refused_before_queueing(client: Client) -> None:
    client.post("/v1/datasets", {"name": "three", "source": "iris"})
    client.post("/v1/models", classifier("ten", [4], 10))
    problem = refused(client, "/v1/training-jobs", {"model": "ten", "dataset": "three", "epochs": 1})
    assert "3" in problem["detail"]
    assert "10" in problem["detail"]


def test_a_network_made_for_a_dataset_that_cant_learn_its_target_is_refused_at_once(client: Client) -> None:
    client.post("/v1/datasets", {"name": "made-for", "source": "iris"})
    ten = classifier("made", [4], 10, input={"dataset": "made-for"})
    for path in ("/v1/models", "/v1/models?dry_run=true"):
        (fault,) = refused(client, path, ten)["errors"]
        assert fault["pointer"] == f"#/layers/{len(ten['layers']) - 1}/units"
        assert "3 classes" in fault["detail"]
    three = classifier("made", [4], 3, input={"dataset": "made-for"})
    (fault,) = refused(client, "/v1/models", named(three, "made", task="regression", loss="mse", metrics=[]))["errors"]
    assert fault["pointer"] == "#/task"
    assert client.request("GET", "/v1/models/made").status_code == 404


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"inputs": [[1.0], [None]], "targets": [1, 2]}, "#/inputs/1"),
        ({"inputs": [[1.0], [2.0, 3.0]], "targets": [1, 2]}, "#/inputs/1"),
        ({"inputs": [[1.0], ["x"]], "targets": [1, 2]}, "#/inputs/1"),
        ({"inputs": [[1.0], [2.0]], "targets": [1, 2, 3]}, "#/targets"),
        ({"inputs": [], "targets": []}, "#/inputs"),
        ({"rows": [{"a": 1, "b": 2}], "target": "c"}, "#/target"),
    ],
)
def test_data_that_cannot_be_a_dataset_is_located(client: Client, body: dict[str, Any], where: str) -> None:
    problem = refused(client, "/v1/datasets", {"name": "bad", "source": "inline", **body})
    assert problem["errors"][0]["pointer"].startswith(where), problem
    assert client.request("GET", "/v1/datasets/bad").status_code == 404


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "9" * 5000])
def test_numbers_that_are_none_are_malformed(client: Client, number: str) -> None:
    body = f'{{"name": "bad", "source": "inline", "inputs": [[{number}]], "targets": [1]}}'
    response = client.request("POST", "/v1/datasets", data=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("body", [b"{", b"", b'{"a": "\xff"}', b"[" * 50_000, b'{"a":' * 5000])
def test_bodies_that_are_no_json_are_malformed(client: Client, body: bytes) -> None:
    response = client.request("POST", "/v1/models", data=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert response.json()["type"].startswith("/problems/")


def test_unknown_things_are_named(client: Client) -> None:
    problem = refused(client, "/v1/training-jobs", {"model": "nobody", "dataset": "nothing", "epochs": 1})
    assert [error["pointer"] for error in problem["errors"]] == ["#/model", "#/dataset"]
    assert client.request("GET", "/v1/models/nobody").status_code == 404


def test_a_body_over_the_limit_is_too_large(client: Client) -> None:
    response = client.request(
        "POST", "/v1/models", data=b" " * (65 * 1024**2), headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 413
