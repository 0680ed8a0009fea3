"""Train on real tables and series over HTTP, and compare the results with scikit-learn's and with Keras by hand.

    uv pip install --target FOLDER -r benchmarks/quality/requirements.txt
    python -m benchmarks.quality --packages FOLDER [--only cars sunspots …] [--seeds 1 2 3]

Every side gets the same rows and splits. The seeds were fixed before anything was measured.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.data import SERIES, SHARES, SPLIT, TABLES, Series, Table, with_splits
from benchmarks.quality.peers import (
    MOST_EPOCHS,
    PATIENCE,
    UNITS,
    keras_by_hand,
    keras_forecast,
    linear_forecast,
    scikit_learn,
)
from tests.running_service import Client, running_service

PAGE = 100


def fit_table(client: Client, table: Table, frame: Any, seed: int) -> float:
    """R² or accuracy of Fitserve on the test rows, with default settings and a network of two layers."""
    name = f"{table.name}-{seed}"
    form = {"name": name, "target": table.target, "split": f'{{"column": "{SPLIT}"}}'}
    upload(client, form, frame)
    classes = client.get(f"/v1/datasets/{name}")["target"].get("classes")
    regression = table.task == "regression"
    units, last = (1, {}) if regression else (len(classes), {"activation": "softmax"})
    loss = "mean_squared_error" if regression else "categorical_crossentropy"
    evaluation = train(client, name, table.task, [{"type": "Dense", "units": units, **last}], loss, seed)
    return float(evaluation["metrics"]["r2" if regression else "accuracy"])


def fit_series(client: Client, series: Series, frame: Any, seed: int) -> float:
    """The mean absolute error of Fitserve on the test windows, in the target's unit."""
    name = f"{series.name}-{seed}"
    window = {"steps": series.steps, "horizon": series.horizon, "time_column": series.time, **series.window}
    form = {"name": name, "target": series.target, "window": json.dumps(window), "split": json.dumps(SHARES)}
    upload(client, form, frame)
    layers = [{"type": "Dense", "units": 1}]
    evaluation = train(client, name, "regression", layers, "mean_squared_error", seed, [{"type": "Flatten"}])
    return float(evaluation["metrics"]["mae"])


def upload(client: Client, form: dict[str, str], frame: Any) -> None:
    file = ("table.csv", frame.to_csv(index=False), "text/csv")
    response = client.request("POST", "/v1/datasets", data=form, files={"file": file})
    assert response.status_code == 201, response.text


def train(
    client: Client, name: str, task: str, last: list[Any], loss: str, seed: int, first: list[Any] | None = None
) -> Any:
    """The evaluation on the test rows of a network with one hidden layer, trained until validation stops improving."""
    layers = [*(first or []), {"type": "Dense", "units": UNITS, "activation": "relu"}, *last]
    model = {
        "name": name,
        "task": task,
        "input": {"dataset": name},
        "layers": layers,
        "optimizer": "adam",
        "loss": loss,
    }
    client.post("/v1/models", model)
    stopping = {"patience": PATIENCE, "restore_best": True}
    job = client.train(name, name, epochs=MOST_EPOCHS, seed=seed, early_stopping=stopping)
    for warning in job["warnings"]:
        print(f"  {name}: {warning['detail']}", file=sys.stderr)
    return client.get(job["links"]["evaluation"])["result"]


def read_windows(client: Client, name: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The windows (rows, steps, features) and targets (rows,) of every split, as the service made them."""
    windows, targets = {}, {}
    for split in ("train", "validation", "test"):
        rows: list[Any] = []
        url: str | None = f"/v1/datasets/{name}/rows?split={split}&limit={PAGE}"
        while url is not None:
            page = client.get(url)
            rows += page["items"]
            url = page["next"]
        windows[split] = np.array([row["instance"] for row in rows], float)
        targets[split] = np.array([row["target"] for row in rows], float).reshape(len(rows))
    return windows, targets


def compare_table(client: Client, table: Table, seeds: Sequence[int]) -> str:
    """A row of the report: the mean over the seeds on each side."""
    results: dict[str, list[float]] = {"fitserve": [], "scikit-learn": [], "keras": []}
    for seed in seeds:
        frame = with_splits(table.load(), seed)
        results["fitserve"].append(fit_table(client, table, frame, seed))
        results["scikit-learn"].append(scikit_learn(frame, table.target, table.task, seed))
        results["keras"].append(keras_by_hand(frame, table.target, table.task, seed))
    cells = " | ".join(f"{statistics.mean(found):.3f}" for found in results.values())
    return f"| {table.name} | {'R²' if table.task == 'regression' else 'accuracy'} | {cells} |"


def compare_series(client: Client, series: Series, seeds: Sequence[int]) -> str:
    """A row of the report: mean absolute errors, and those of the last value."""
    frame = series.load()
    fitserve = [fit_series(client, series, frame, seed) for seed in seeds]
    name = f"{series.name}-{seeds[0]}"
    windows, targets = read_windows(client, name)
    (own,) = client.get(f"/v1/datasets/{name}")["inputs"]
    past = own["features"].index(series.target)
    last = float(np.abs(windows["test"][:, -1, past] - targets["test"]).mean())
    keras = [keras_forecast(windows, targets, seed) for seed in seeds]
    found = statistics.mean(fitserve), linear_forecast(windows, targets), statistics.mean(keras), last
    return f"| {series.name} | {' | '.join(f'{value:.3f}' for value in found)} | {found[0] / last:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", required=True, help="the folder with the packages that contain the data")
    parser.add_argument("--only", nargs="*", default=[one.name for one in (*TABLES, *SERIES)])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], help="splits and first weights")
    options = parser.parse_args()
    sys.path.append(options.packages)
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    with tempfile.TemporaryDirectory() as folder, running_service(Path(folder)) as service:
        print("| table | figure | Fitserve | scikit-learn, tuned | Keras by hand |\n| --- | --- | --- | --- | --- |")
        for table in TABLES:
            if table.name in options.only:
                print(compare_table(service.client, table, options.seeds), flush=True)
        print("\n| series, MAE | Fitserve | linear | Keras by hand | last value | Fitserve / last |")
        print("| --- | --- | --- | --- | --- | --- |")
        for series in SERIES:
            if series.name in options.only:
                print(compare_series(service.client, series, options.seeds), flush=True)


if __name__ == "__main__":
    main()
