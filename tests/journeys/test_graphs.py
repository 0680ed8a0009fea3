"""Networks with branches and several inputs over real HTTP: created, trained, predicted with, or refused."""

import io
import json
from typing import Any

import numpy as np
import pytest

from tests.journeys.specs import TWO
from tests.running_service import Client

DENSE = {"type": "Dense", "units": 8, "activation": "relu"}
RESIDUAL: dict[str, Any] = {
    "name": "residual",
    "task": "regression",
    "input": {"shape": [2]},
    "layers": [
        DENSE | {"name": "a"},
        DENSE | {"name": "b", "inputs": ["a"]},
        {"type": "Add", "name": "sum", "inputs": ["a", "b"]},
        {"type": "Dense", "units": 1, "name": "out"},
    ],
    "optimizer": {"type": "Adam", "learning_rate": 0.02},
    "loss": "mean_squared_error",
}
ROWS = np.random.default_rng(5).integers(0, 255, (40, 3))


def weights_of(client: Client, job: Any) -> list[np.ndarray]:
    found = client.get(job["links"]["version"] + "/weights", headers={"Accept": "application/json"})["weights"]
    return [np.array(weight["values"]) for weight in found]


def named_rows(rows: np.ndarray) -> list[dict[str, list[int]]]:
    return [{"left": row[:2].tolist(), "right": row[2:].tolist()} for row in rows]


def test_a_residual_network_learns_a_product(client: Client) -> None:
    points = np.random.default_rng(1).uniform(-1, 1, (300, 2)).round(3)
    targets = (points[:, 0] * points[:, 1]).round(5)
    dataset = {"name": "products", "source": "inline", "inputs": points.tolist(), "targets": targets.tolist()}
    client.post("/v1/datasets", dataset)
    model = client.post("/v1/models", RESIDUAL)
    assert [layer["inputs"] for layer in model["summary"]["layers"]] == [["input"], ["a"], ["a", "b"], ["sum"]]
    assert model["layers"] == RESIDUAL["layers"]
    job = client.train("residual", "products", epochs=60, seed=7)

    epochs = client.get(job["links"]["metrics"])["epochs"]
    assert epochs[-1]["loss"] < epochs[0]["loss"] / 5
    (answer,) = client.predict("residual", [[0.5, 0.5]])["predictions"]
    assert answer["value"] == pytest.approx(0.25, abs=0.15)


def test_two_inputs_from_posted_data_to_a_prediction(client: Client) -> None:
    targets = (ROWS[:, 0] - ROWS[:, 2]).tolist()
    inputs = {"left": ROWS[:, :2].tolist(), "right": ROWS[:, 2:].tolist()}
    dataset = client.post("/v1/datasets", {"name": "two", "source": "inline", "inputs": inputs, "targets": targets})
    assert {entry["name"]: entry["shape"] for entry in dataset["inputs"]} == {"left": [2], "right": [1]}
    rows = client.get("/v1/datasets/two/rows?limit=40")["items"]
    assert [row["instance"] for row in rows] == named_rows(ROWS)
    model = client.post("/v1/models", TWO)
    assert model["summary"]["layers"][0]["inputs"] == ["left", "right"]
    job = client.train("two", "two", epochs=3, seed=7)

    version = client.get(job["links"]["version"])
    assert [(entry["name"], entry["scaling"]) for entry in version["inputs"]] == [
        ("left", "standard"),
        ("right", "unit"),
    ]
    kernel, bias = weights_of(client, job)
    left = (ROWS[:, :2] - ROWS[:, :2].mean(axis=0)) / ROWS[:, :2].std(axis=0)
    expected = np.column_stack([left, ROWS[:, 2] / 255]) @ kernel + bias
    answer = client.predict("two", [row["instance"] for row in rows])
    assert [one["value"] for one in answer["predictions"]] == pytest.approx(expected[:, 0].tolist(), rel=1e-4, abs=1e-3)
    _check_instances_at_fault(client)
    other = {"name": "left-only", "source": "inline", "inputs": {"left": [[1, 2]]}, "targets": [1]}
    client.post("/v1/datasets", other)
    problem = client.post("/v1/training-jobs", {"model": "two", "dataset": "left-only", "epochs": 1}, expect=422)
    assert '"right"' in problem["detail"]


def _check_instances_at_fault(client: Client) -> None:
    path = "/v1/models/two/predictions"
    problem = client.post(path, {"instances": [{"left": [1, 2], "right": [3]}, {"left": [1]}]}, expect=422)
    assert [(fault["row"], fault["column"]) for fault in problem["errors"]] == [(1, "right")]
    problem = client.post(path, {"instances": [{"left": [1], "right": ["x"]}]}, expect=422)
    assert [(fault["row"], fault["column"]) for fault in problem["errors"]] == [(0, "left"), (0, "right/0")]
    buffer = io.BytesIO()
    np.save(buffer, ROWS)
    posted = {"application/x-npy": buffer.getvalue(), "text/csv": b"1,2,3", "image/png": b"\x89PNG"}
    for type_, data in posted.items():
        response = client.request("POST", path, data=data, headers={"Content-Type": type_})
        assert response.status_code == 422
        assert '"left", "right": post JSON' in response.json()["detail"]


def test_two_inputs_from_arrays_in_a_file(client: Client) -> None:
    file = io.BytesIO()
    parts = {"train": ROWS[:30], "test": ROWS[30:]}
    arrays: dict[str, Any] = {f"x_{part}_left": rows[:, :2] for part, rows in parts.items()}
    arrays |= {f"x_{part}_right": rows[:, 2:] for part, rows in parts.items()}
    arrays |= {f"y_{part}": rows[:, 0] > rows[:, 2] for part, rows in parts.items()}
    np.savez(file, **arrays)
    file.seek(0)
    form = {"name": "two-arrays", "split": json.dumps({"validation": 0.2})}
    response = client.request("POST", "/v1/datasets", data=form, files={"file": ("two.npz", file)})
    assert response.status_code == 201, response.text
    assert response.json()["splits"] == {"train": 24, "validation": 6, "test": 10}
    model = TWO | {
        "name": "two-arrays",
        "task": "binary",
        "inputs": {name: {"dataset": "two-arrays", "scaling": "standard"} for name in ("left", "right")},
        "layers": [
            DENSE | {"name": "l", "inputs": ["left"]},
            DENSE | {"name": "r", "inputs": ["right"]},
            {"type": "Subtract", "name": "difference", "inputs": ["l", "r"]},
            {"type": "Dense", "units": 1, "activation": "sigmoid"},
        ],
        "loss": "binary_crossentropy",
        "metrics": ["accuracy"],
    }
    assert client.post("/v1/models", model)["inputs"]["left"]["shape"] == [2]
    job = client.train("two-arrays", "two-arrays", epochs=2, seed=1)

    metrics = client.get(job["links"]["version"])["metrics"]
    assert all(metrics[split].keys() == {"loss", "accuracy"} for split in ("train", "validation", "test"))
    answer = client.predict("two-arrays", named_rows(ROWS[30:]))
    assert answer["classes"] == [False, True]
    assert len(answer["predictions"]) == 10


def test_a_list_and_a_graph_are_the_same_network(client: Client) -> None:
    pictures = np.random.default_rng(3).integers(0, 255, (24, 4, 4, 3))
    dataset = {"name": "tiny", "source": "inline", "inputs": pictures.tolist(), "targets": [0, 1, 2] * 8}
    client.post("/v1/datasets", dataset)
    listed: list[dict[str, Any]] = [
        {"type": "Flatten", "name": "flat"},
        {"type": "Dense", "units": 6, "activation": "relu", "name": "first"},
        {"type": "Dense", "units": 5, "activation": "relu", "name": "second"},
        {"type": "Dense", "units": 3, "activation": "softmax", "name": "out"},
    ]
    sources = ["input", "flat", "first", "second"]
    graph = [layer | {"inputs": [source]} for layer, source in zip(listed, sources, strict=True)]
    graph[0], graph[2] = graph[2], graph[0]
    common = {
        "task": "multiclass",
        "input": {"shape": [4, 4, 3], "scaling": "unit"},
        "optimizer": {"type": "Adam", "learning_rate": 0.0005},
        "loss": "categorical_crossentropy",
        "metrics": ["accuracy"],
    }
    models = [
        client.post("/v1/models", {"name": n, "layers": x, **common})
        for n, x in {"listed": listed, "graph": graph}.items()
    ]
    assert models[0]["summary"] == models[1]["summary"]
    jobs = [client.train(model["name"], "tiny", epochs=2, seed=3) for model in models]
    ours, theirs = (weights_of(client, job) for job in jobs)
    assert all((a == b).all() for a, b in zip(ours, theirs, strict=True))
    losses = [[epoch["loss"] for epoch in client.get(job["links"]["metrics"])["epochs"]] for job in jobs]
    assert losses[0] == losses[1]


def layer(name: str, *inputs: str, **parameters: Any) -> dict[str, Any]:
    given = {"type": "Dense", "units": 1, "name": name}
    return given | ({"inputs": list(inputs)} if inputs else {}) | parameters


def merged(name: str, *inputs: str) -> dict[str, Any]:
    return {"type": "Add", "name": name, "inputs": list(inputs)}


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({"layers": [layer("a"), merged("b", "a", "c"), layer("c", "b")]}, {"#/layers/1/inputs", "#/layers/2/inputs"}),
        ({"layers": [layer("a"), layer("b", "elsewhere")]}, {"#/layers/1/inputs/0", "#/layers/0"}),
        ({"layers": [layer("a"), layer("b"), layer("c"), layer("a")]}, {"#/layers/3/name"}),
        ({"layers": [layer("input"), layer("b")]}, {"#/layers/0/name"}),
        ({"layers": [layer("a"), layer("b"), layer("c", "a")]}, {"#/layers/1"}),
        ({"layers": [layer("a"), {"type": "Add"}]}, {"#/layers/1/inputs"}),
        ({"layers": [layer("a"), layer("b", "input", "a")]}, {"#/layers/1/inputs"}),
        ({"input": None, "inputs": TWO["inputs"], "layers": [layer("a", "left")]}, {"#/inputs/right"}),
        (
            {"input": None, "inputs": TWO["inputs"], "layers": [layer("a"), merged("b", "a", "right")]},
            {"#/layers/0/inputs"},
        ),
        (
            {
                "layers": [
                    layer("a"),
                    layer("b", units=3),
                    layer("c", units=2),
                    layer("d", "b"),
                    merged("e", "b", "c", "d"),
                ]
            },
            {"#/layers/4"},
        ),
        ({"input": None, "inputs": {"left": {"dataset": "nothing"}}}, {"#/inputs/left/dataset"}),
    ],
)
def test_layers_that_are_no_graph_are_refused(client: Client, changes: dict[str, Any], pointers: set[str]) -> None:
    model = {member: value for member, value in (RESIDUAL | {"name": "bad"} | changes).items() if value is not None}
    problem = client.post("/v1/models", model, expect=422)
    assert {error["pointer"] for error in problem["errors"]} == pointers
    assert client.request("GET", "/v1/models/bad").status_code == 404


def test_a_merge_names_the_shapes_that_do_not_fit(client: Client) -> None:
    layers = [layer("a", units=2), layer("b", units=3), merged("c", "a", "b"), layer("d")]
    problem = client.post("/v1/models", RESIDUAL | {"name": "bad", "layers": layers}, expect=422)
    assert "[2] and [3]" in problem["detail"]


def test_a_table_is_the_only_input_of_a_model(client: Client) -> None:
    client.post("/v1/datasets", {"name": "iris-table", "source": "iris"})
    model = TWO | {"name": "bad", "inputs": {"left": {"dataset": "iris-table"}, "right": {"shape": [1]}}}
    problem = client.post("/v1/models", model, expect=422)
    assert [error["pointer"] for error in problem["errors"]] == ["#/inputs/left/dataset"]
    assert "table" in problem["detail"]


def test_the_catalogue_says_how_many_tensors_a_layer_takes(client: Client) -> None:
    entries = {entry["type"]: entry for entry in client.get("/v1/layer-types")["items"]}
    for type_, words in {"Add": "at least 2", "Subtract": "exactly 2", "Dense": "the layer before it"}.items():
        inputs = entries[type_]["parameters"][-1]
        assert inputs["name"] == "inputs"
        assert words in inputs["description"]
