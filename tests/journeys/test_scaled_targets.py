"""Regressions over real HTTP: targets of any size are learnt, and results are compared with a naive guess."""

import random
from typing import Any

import pytest

from tests.running_service import Client

LARGE = random.Random(3)
ROWS = [{"size": LARGE.gauss(0, 1), "age": LARGE.gauss(0, 1)} for _ in range(200)]
HOUSES: dict[str, Any] = {
    "name": "houses-in-full", "source": "inline", "target": "price",
    "split": {"validation": 0.2, "test": 0.2, "seed": 1},
    "rows": [
        row | {"price": 135_000 + 20_000 * row["size"] - 5_000 * row["age"] + LARGE.gauss(0, 2_000)} for row in ROWS
    ],
}  # fmt: skip
PRICING: dict[str, Any] = {
    "name": "houses-in-full", "task": "regression", "input": {"dataset": "houses-in-full"},
    "layers": [{"type": "Dense", "units": 16, "activation": "relu"}, {"type": "Dense", "units": 1}],
    "optimizer": {"type": "Adam", "learning_rate": 0.01}, "loss": "mean_squared_error",
    "metrics": ["mean_absolute_error", "R2Score"],
}  # fmt: skip


def test_a_target_of_large_numbers_is_learnt_with_the_defaults_and_shown_in_its_own_units(client: Client) -> None:
    client.post("/v1/datasets", HOUSES)
    assert client.post("/v1/models", PRICING)["target"] == {"scaling": "standard"}
    job = client.train("houses-in-full", "houses-in-full", epochs=60, seed=1, early_stopping={"monitor": "val_loss"})

    assert job["warnings"] == []
    assert job["metrics"]["val_R2Score"] > 0.9
    assert job["metrics"]["val_mean_absolute_error"] < 6_000
    assert job["metrics"]["val_scaled_loss"] < 0.1
    assert job["baseline"].keys() == job["metrics"].keys()
    assert job["baseline"]["val_mean_absolute_error"] > 10_000
    assert job["best"]["val_loss"] > 1_000_000
    version = client.get(job["links"]["version"])
    assert version["metrics"]["test"]["R2Score"] > 0.9
    assert version["baseline"]["test"]["R2Score"] == pytest.approx(0, abs=0.2)
    evaluation = client.get(job["links"]["evaluation"])["result"]
    assert evaluation["metrics"]["r2"] == pytest.approx(version["metrics"]["test"]["R2Score"], abs=1e-3)
    assert evaluation["baseline"]["mae"] > 10_000
    rows = client.get("/v1/datasets/houses-in-full/rows?split=test&limit=40")["items"]
    answer = client.predict("houses-in-full", [row["instance"] for row in rows])
    errors = [abs(found["value"] - row["target"]) for found, row in zip(answer["predictions"], rows, strict=True)]
    assert sum(errors) / len(errors) == pytest.approx(evaluation["metrics"]["mae"], rel=1e-3)
    regressed = client.post("/v1/models/houses-in-full:predict", {"instances": [{"size": 0, "age": 0}]}, expect=200)
    assert 110_000 < regressed["predictions"][0][0] < 160_000


def test_a_job_whose_network_learnt_nothing_says_so(client: Client) -> None:
    client.post("/v1/datasets", HOUSES | {"name": "houses-unscaled"})
    document = PRICING | {"name": "houses-unscaled", "input": {"dataset": "houses-unscaled"}}
    client.post("/v1/models", document | {"target": {"scaling": "none"}})
    job = client.train("houses-unscaled", "houses-unscaled", epochs=2, seed=1)

    (warning,) = job["warnings"]
    assert warning["type"] == "not_better_than_baseline"
    reached, guessed = (f"{job[name]['val_loss']:.4g}" for name in ("metrics", "baseline"))
    assert warning["detail"] == (
        f"The network is no better than a naive guess: it has loss {reached} on the validation rows; "
        f"always guessing the mean of the training rows has {guessed}."
    )
    assert "no better than a naive guess" in client.request("GET", job["links"]["log"]).text
