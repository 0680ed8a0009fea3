"""Every loss for classes trains on the targets that are encoded for it."""

import math
from typing import Any

import numpy as np
import pytest

from models.building import build_network
from models.catalogue import load_catalogue
from models.datasets import Dataset
from models.limits import Limits
from models.spec import Task
from models.targets import TargetEncoding
from tests.models.made_datasets import make_dataset
from tests.models.network_specs import make_spec

TARGETS: dict[str, list[Any]] = {
    Task.BINARY: ["a", "b", "a", "b"],
    Task.MULTICLASS: ["a", "b", "c", "a"],
    Task.MULTILABEL: [["a"], ["b", "c"], [], ["a", "c"]],
}
LOSSES = [
    (task, loss.type) for loss in load_catalogue().entries("loss") for task in loss.tasks if task != Task.REGRESSION
]


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Dataset]:
    rows, split = np.eye(4, 2).tolist(), {"validation": 0, "test": 0}
    folder = tmp_path_factory.mktemp("datasets")
    return {
        task: make_dataset(folder / task, "inline", inputs=rows, targets=targets, split=split)
        for task, targets in TARGETS.items()
    }


@pytest.mark.parametrize(("task", "loss"), LOSSES)
def test_a_loss_trains_on_its_targets(task: str, loss: str, datasets: dict[str, Dataset]) -> None:
    units = 1 if task == Task.BINARY else 3
    activation = "softmax" if task == Task.MULTICLASS else "sigmoid"
    layers = [{"type": "Dense", "units": units, "activation": activation}]
    spec = make_spec(task, loss=loss, layers=layers)
    network = build_network(spec, Limits(), seed=1)
    network.run_eagerly = True
    encoding = TargetEncoding.for_network(spec, datasets[task].descriptor, units)
    targets = encoding.encode(datasets[task].split("train").targets)
    before = network.get_weights()[0]
    assert math.isfinite(network.train_on_batch(np.eye(len(targets), 2, dtype=np.float32) + 0.5, targets))
    assert not np.array_equal(network.get_weights()[0], before)
