"""The reference jobs over real HTTP: create, summary, train, evaluate, predict."""

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.journeys.specs import DIGITS, LINE, LINE_DATASET, RINGS, RINGS_DATASET, classifier, named
from tests.reference_data import MNIST
from tests.running_service import Client


def test_line_learns_two_numbers_and_extrapolates(client: Client) -> None:
    client.post("/v1/datasets", LINE_DATASET)
    model = client.post("/v1/models", LINE)
    assert model["summary"]["parameters"] == 2
    job = client.train("line", "line", epochs=500, seed=7)

    epochs = client.get(job["links"]["metrics"])["epochs"]
    assert [epoch["epoch"] for epoch in epochs] == list(range(1, 501))
    assert {type(epoch["epoch"]) for epoch in [*epochs, job["best"]]} == {int}
    assert epochs[-1]["loss"] < 1e-3
    weight, bias = client.get(job["links"]["version"] + "/weights", headers={"Accept": "application/json"})["weights"]
    assert weight["values"] == [[pytest.approx(2, abs=0.02)]]
    assert bias["values"] == [pytest.approx(-1, abs=0.05)]
    answer = client.predict("line", [[10.0]])
    assert answer["predictions"][0]["value"] == pytest.approx(19, abs=0.1)


def test_rings_are_told_apart_for_some_seeds(client: Client) -> None:
    client.post("/v1/datasets", RINGS_DATASET)
    model = client.post("/v1/models", RINGS)
    assert model["summary"]["parameters"] == 117
    jobs = [client.start_training("rings", "rings", epochs=50, seed=seed) for seed in range(1, 6)]
    versions = [client.get(client.wait_for_status(job, "succeeded")["links"]["version"]) for job in jobs]

    good = [version for version in versions if version["metrics"]["test"]["accuracy"] >= 0.97]
    assert len(good) >= 2
    best = good[0]["version"]
    rows = client.get("/v1/datasets/rings/rows?split=test&limit=50")["items"]
    answer = client.post(
        f"/v1/models/rings/versions/{best}/predictions", {"instances": [row["instance"] for row in rows]}, expect=200
    )
    labels = [prediction["label"] for prediction in answer["predictions"]]
    assert np.mean([label == row["target"] for label, row in zip(labels, rows, strict=True)]) >= 0.9


@pytest.mark.parametrize(
    ("source", "shape", "classes", "names", "accuracy"),
    [
        ("iris", [4], 3, ["setosa", "versicolor", "virginica"], 0.85),
        ("wine", [13], 3, ["class_0", "class_1", "class_2"], 0.9),
        ("digits", [8, 8], 10, list(range(10)), 0.9),
    ],
)
def test_bundled_classes_are_learnt_and_named(
    client: Client, source: str, shape: list[int], classes: int, names: list[object], accuracy: float
) -> None:
    client.post("/v1/datasets", {"name": source, "source": source})
    client.post("/v1/models", classifier(source, shape, classes))
    job = client.train(source, source, epochs=60, seed=7)

    version = client.get(job["links"]["version"])
    assert version["classes"] == names
    assert version["metrics"]["test"]["accuracy"] >= accuracy
    row = client.get(f"/v1/datasets/{source}/rows?split=test&limit=1")["items"][0]
    answer = client.predict(source, [row["instance"]], "?top=2")
    assert answer["classes"] == names
    assert answer["predictions"][0]["label"] in names
    assert len(answer["predictions"][0]["top"]) == 2


def test_diabetes_is_predicted_better_than_by_its_mean(client: Client) -> None:
    dataset = client.post("/v1/datasets", {"name": "diabetes", "source": "diabetes"})
    layers = [{"type": "Dense", "units": 32, "activation": "relu"}, {"type": "Dense", "units": 1}]
    model = {
        "name": "diabetes",
        "task": "regression",
        "input": {"dataset": "diabetes"},
        "layers": layers,
        "optimizer": {"type": "Adam", "learning_rate": 0.001},
        "loss": "mean_squared_error",
        "metrics": ["mean_absolute_error"],
    }
    client.post("/v1/models", model)
    job = client.train("diabetes", "diabetes", epochs=100, seed=7)
    error = client.get(job["links"]["version"])["metrics"]["test"]["loss"]
    assert error < 0.75 * dataset["target"]["std"] ** 2


@pytest.mark.skipif(not MNIST.is_file(), reason=f"there is no {MNIST}; FITSERVE_TEST_DATA can name its folder")
def test_mnist_is_trained_and_predicted(client: Client, tmp_path: Path) -> None:
    dataset = client.post("/v1/datasets", {"name": "keras-mnist", "source": "mnist"}, wait=60)
    assert dataset["splits"] == {"train": 60000, "validation": 0, "test": 10000}
    model = client.post("/v1/models", named(DIGITS, "keras-digits"))
    assert model["summary"]["parameters"] == 407_050
    job = client.train("keras-digits", "keras-mnist", epochs=5, batch_size=128, seed=7, label="champion")

    version = client.get(job["links"]["version"])
    assert version["metrics"]["train"]["accuracy"] >= 0.988
    assert version["metrics"]["test"]["accuracy"] >= 0.977
    rows = [row for page in _pages(client, "/v1/datasets/keras-mnist/rows?split=test&limit=100", 10) for row in page]
    instances = [row["instance"] for row in rows]
    answer = client.post("/v1/models/keras-digits/labels/champion/predictions", {"instances": instances}, expect=200)
    assert answer["classes"] == list(range(10))
    _compare_with_keras(client, version, np.array(instances), answer, tmp_path)


def _pages(client: Client, url: str, count: int) -> Iterator[list[dict[str, object]]]:
    for _ in range(count):
        page = client.get(url)
        yield page["items"]
        url = page["next"]


def _compare_with_keras(
    client: Client, version: dict[str, object], instances: np.ndarray, answer: dict[str, list], folder: Path
) -> None:
    """What was predicted over HTTP is what the downloaded `.keras` file predicts."""
    keras_file = next(a for a in version["artifacts"] if a["format"] == "keras")  # type: ignore[attr-defined]
    (folder / "network.keras").write_bytes(client.request("GET", keras_file["href"]).content)
    network = keras.saving.load_model(folder / "network.keras")
    expected = network.predict(instances.astype("float32") / 255, verbose=0)
    scores = np.array([prediction["scores"] for prediction in answer["predictions"]])
    assert np.abs(scores - expected).max() <= 1e-5


def test_the_same_request_gives_the_same_weights(client: Client) -> None:
    client.post("/v1/datasets", named(RINGS_DATASET, "rings-twice"))
    dropout = {"type": "Dropout", "rate": 0.2}
    client.post("/v1/models", named(RINGS, "rings-twice", layers=[*RINGS["layers"][:-1], dropout, RINGS["layers"][-1]]))  # type: ignore[index]
    jobs = [client.train("rings-twice", "rings-twice", epochs=3, seed=5) for _ in range(2)]
    weights = [client.request("GET", job["links"]["version"] + "/weights").content for job in jobs]
    assert weights[0] == weights[1]
    artifacts = [client.get(job["links"]["version"])["artifacts"] for job in jobs]
    digests = [[a["sha256"] for a in found if a["format"] == "saved_model"] for found in artifacts]
    assert len(digests[0]) == 1
    assert digests[0] == digests[1]
