"""What was learnt is used again: layers of a trained version in another model, and a training that goes on."""

import io
from typing import Any

import numpy as np
import pytest

from tests.journeys.specs import named
from tests.running_service import Client, RunningService

NPZ = "application/x-npz"


def pictures(name: str, classes: int, seed: int) -> dict[str, Any]:
    """Pictures with a bright row, which is their class."""
    generator = np.random.default_rng(seed)
    targets = np.arange(8 * classes) % classes
    rows = generator.uniform(0, 90, size=(len(targets), 8, 8, 1))
    rows[np.arange(len(targets)), targets] += 160
    labels = [f"row {target}" for target in targets]
    return {"name": name, "source": "inline", "inputs": rows.round().tolist(), "targets": labels}


CONVOLUTION = {
    "name": "rows",
    "task": "multiclass",
    "input": {"shape": [8, 8, 1], "scaling": "unit"},
    "layers": [
        {"type": "Conv2D", "filters": 4, "kernel_size": 3, "activation": "relu"},
        {"type": "BatchNormalization"},
        {"type": "Flatten"},
        {"type": "Dropout", "rate": 0.2},
        {"type": "Dense", "units": 3, "activation": "softmax"},
    ],
    "optimizer": {"type": "Adam", "learning_rate": 0.01},
    "loss": "categorical_crossentropy",
    "metrics": ["accuracy"],
}
IN_CONVOLUTION, IN_NORMALIZATION, FLAT = 4 * 9 + 4, 4 * 4, 6 * 6 * 4


def with_head(name: str, units: int, /, **pretrained: Any) -> dict[str, Any]:
    """A model that classifies by what the trained layers see."""
    taken = {"type": "Pretrained", "model": "rows", "version": 1, "until": "flatten", "trainable": False, **pretrained}
    return named(CONVOLUTION, name, layers=[taken, {"type": "Dense", "units": units, "activation": "softmax"}])


def weights(client: Client, model: str, version: int = 1) -> dict[str, np.ndarray]:
    answer = client.request("GET", f"/v1/models/{model}/versions/{version}/weights", headers={"Accept": NPZ})
    assert answer.status_code == 200, answer.text
    with np.load(io.BytesIO(answer.content)) as file:
        return dict(file)


def same(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    return list(first) == list(second) and all(first[name].tobytes() == second[name].tobytes() for name in first)


@pytest.fixture(scope="module")
def trained(service: Any) -> Client:
    """A client of a service that has trained version 1 of `rows`, and has other pictures too."""
    client: Client = service.client
    client.post("/v1/datasets", pictures("three-shades", 3, seed=1))
    client.post("/v1/datasets", pictures("four", 4, seed=2))
    client.post("/v1/models", CONVOLUTION)
    client.train("rows", "three-shades", 10, seed=5, label="best")
    return client


def test_frozen_layers_serve_a_new_head_and_stay_as_they_were(trained: Client) -> None:
    model = trained.post("/v1/models", with_head("four-rows", 4))
    taken, head = model["summary"]["layers"]
    assert (taken["name"], taken["type"], taken["trainable"]) == ("pretrained", "Pretrained", False)
    assert (taken["parameters"], taken["output_shape"]) == (IN_CONVOLUTION + IN_NORMALIZATION, [FLAT])
    assert model["summary"]["trainable_parameters"] == head["parameters"] == 4 * FLAT + 4
    assert model["summary"]["non_trainable_parameters"] == IN_CONVOLUTION + IN_NORMALIZATION
    assert model["layers"] == with_head("", 4)["layers"]  # as it was posted: it can be posted again

    job = trained.train("four-rows", "four", 10, seed=5)
    assert job["metrics"]["accuracy"] == 1
    before, after = weights(trained, "rows"), weights(trained, "four-rows")
    frozen = [name for name in before if not name.startswith("dense")]
    assert len(frozen) == 6
    assert all(after[f"pretrained/{name}"].tobytes() == before[name].tobytes() for name in frozen)
    answer = trained.predict("four-rows", pictures("", 4, seed=3)["inputs"][:4])
    assert [prediction["label"] for prediction in answer["predictions"]] == ["row 0", "row 1", "row 2", "row 3"]


def test_layers_by_label_learn_where_they_are_trainable(trained: Client) -> None:
    taken = with_head("thawed", 4, trainable=True, label="best", name="eyes")
    del taken["layers"][0]["version"]
    model = trained.post("/v1/models", taken)
    assert (model["layers"][0]["version"], "label" in model["layers"][0]) == (1, False)
    moving = 2 * 4
    assert model["summary"]["non_trainable_parameters"] == moving
    trained.train("thawed", "four", 2, seed=5)
    before, after = weights(trained, "rows"), weights(trained, "thawed")
    assert not np.array_equal(after["eyes/conv2d/kernel"], before["conv2d/kernel"])


def test_a_training_goes_on_from_a_version_be_it_another_model_s(trained: Client) -> None:
    trained.post("/v1/models", named(CONVOLUTION, "same-shapes", optimizer="sgd"))
    start = {"model": "rows", "label": "best"}
    job = trained.train(
        "same-shapes", "three-shades", 1, seed=5, start_from=start, optimizer={"type": "SGD", "learning_rate": 0}
    )
    assert job["start_from"] == {"model": "rows", "version": 1}
    before, after = weights(trained, "rows"), weights(trained, "same-shapes")
    assert before["dense/kernel"].tobytes() == after["dense/kernel"].tobytes()


def test_taken_layers_can_be_taken_again_after_their_source_is_gone(trained: Client) -> None:
    trained.post("/v1/models", named(CONVOLUTION, "taken-first"))
    trained.train("taken-first", "three-shades", 1, seed=1)
    trained.post("/v1/models", with_head("taken-second", 4, model="taken-first"))
    trained.delete("/v1/models/taken-first")
    job = trained.train("taken-second", "four", 1, seed=1)
    assert trained.get(job["links"]["version"])["servable"]
    third = with_head("taken-third", 3, model="taken-second", until="pretrained")
    model = trained.post("/v1/models", third)
    assert model["summary"]["layers"][0]["parameters"] == IN_CONVOLUTION + IN_NORMALIZATION
    trained.delete("/v1/models/taken-second")


def test_a_network_as_a_whole_can_be_taken(trained: Client) -> None:
    layer = {"type": "Pretrained", "model": "rows", "version": 1}
    model = trained.post("/v1/models?dry_run=true", named(CONVOLUTION, "whole", layers=[layer]), expect=200)
    assert model["summary"]["layers"][0]["output_shape"] == [3]
    from_logits = named(
        CONVOLUTION, "whole", layers=[layer], loss={"type": "CategoricalCrossentropy", "from_logits": True}
    )
    problem = trained.post("/v1/models", from_logits, expect=422)
    assert problem["errors"][0]["pointer"] == "#/layers/0"


def test_an_input_that_does_not_fit_is_told(trained: Client) -> None:
    small = {**with_head("small", 4), "input": {"shape": [6, 6, 1]}}
    problem = trained.post("/v1/models", small, expect=422)
    assert [fault["pointer"] for fault in problem["errors"]] == ["#/layers/0"]


def test_the_same_requests_give_the_same_weights_across_a_restart(service: RunningService, trained: Client) -> None:
    def run(name: str) -> dict[str, np.ndarray]:
        trained.post("/v1/models", with_head(name, 3))
        trained.train(name, "three-shades", 1, seed=4)
        trained.train(name, "three-shades", 1, seed=4, start_from={"version": 1})
        return weights(trained, name, 2)

    first = run("before")
    with service.away():
        pass
    assert same(run("after"), first)


def test_taken_layers_normalize_by_what_they_learnt(trained: Client) -> None:
    layers = [{"type": "Flatten"}, {"type": "Dense", "units": 3, "activation": "softmax"}]
    learning = [{"type": "Normalization", "name": "scale"}, *layers]
    trained.post("/v1/models", named(CONVOLUTION, "learning", layers=learning))
    trained.train("learning", "three-shades", 1, seed=5)
    taken = {"type": "Pretrained", "model": "learning", "version": 1, "trainable": False, "name": "taken"}
    head = {"type": "Dense", "units": 3, "activation": "softmax", "kernel_initializer": "identity", "trainable": False}
    trained.post("/v1/models", named(CONVOLUTION, "taking", layers=[taken, head]))
    trained.train("taking", "three-shades", 1, seed=5)
    instances = pictures("", 3, seed=3)["inputs"][:3]
    before, after = (trained.predict(model, instances)["predictions"] for model in ("learning", "taking"))
    for one, other in zip(before, after, strict=True):
        expected = np.exp(one["scores"]) / np.exp(one["scores"]).sum()
        assert other["scores"] == pytest.approx(expected.tolist(), rel=1e-4)
