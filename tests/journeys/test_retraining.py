"""A version is trained again on other data, with cross-validation: what it has learned stays, and is said."""

import numpy as np
import pytest

from tests.running_service import Client

MODEL = {
    "name": "again-line",
    "task": "regression",
    "input": {"dataset": "again-first"},
    "layers": [{"type": "Dense", "units": 1}],
    "optimizer": {"type": "SGD", "learning_rate": 0.1},
    "loss": "mean_squared_error",
    "metrics": ["mean_absolute_error"],
}


def make_table(client: Client, name: str, mean: float, zones: list[str]) -> None:
    x = np.random.default_rng(5).normal(mean, 1, 60)
    rows = [{"x": value, "zone": zones[number % len(zones)], "y": 2 * value} for number, value in enumerate(x.tolist())]
    client.post("/v1/datasets", {"name": name, "source": "inline", "rows": rows, "target": "y"})


def test_a_version_stays_right_where_the_new_data_lie_elsewhere(client: Client) -> None:
    make_table(client, "again-first", 0, ["a", "b"])
    make_table(client, "again-second", 5, ["a", "b", "c"])
    client.post("/v1/models", MODEL)
    client.train("again-line", "again-first", 60, seed=1)
    still = {"type": "SGD", "learning_rate": 1e-9}
    job = client.train("again-line", "again-second", 1, seed=1, start_from={"version": 1}, optimizer=still, folds=3)
    error = job["metrics"]["mean_absolute_error"]
    first = client.get("/v1/models/again-line/versions/1")["metrics"]["train"]["mean_absolute_error"]
    # A third of the rows have the category "c", whose weight isn't trained yet: it counts in deviations of the target.
    assert error == pytest.approx(first, abs=1)
    assert [warning["type"] for warning in job["warnings"]] == ["unknown_categories", "out_of_range"]
    assert '"c" (20 rows)' in job["warnings"][0]["detail"]
    found = [fold["metrics"]["mean_absolute_error"] for fold in job["folds"]]
    assert job["folds_summary"]["mean_absolute_error"]["mean"] == pytest.approx(sum(found) / 3)
    assert (job["progress"]["fraction"], job["progress"]["epoch"]) == (1, 1)
    events = client.get(f"{job['links']['events']}?limit=1000")["items"]
    folds = [event["data"]["fold"] for event in events if event["type"] == "message" and "fold" in event["data"]]
    assert [fold["fold"] for fold in folds] == [1, 2, 3]
    assert [event["data"]["epoch"] for event in events if event["type"] == "epoch"] == [1]
    instances = [{"x": 5.0, "zone": "a"}, {"x": 5.0, "zone": "c"}]
    answer = client.post("/v1/models/again-line/predictions", {"instances": instances}, expect=200)
    assert answer["warnings"] == []
    assert answer["predictions"][0]["value"] == pytest.approx(10, abs=0.1)
