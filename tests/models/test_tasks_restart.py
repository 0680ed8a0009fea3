"""Trainings that start from a version's weights on another dataset, through the task of the child process."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.datasets import Dataset
from models.jobs.assignment import Runtime
from models.jobs.training import KEEP, REFIT, TrainingAssignment, TrainingRequest, TrainingResult
from models.limits import Limits
from models.spec import NetworkSpec
from models.tasks.training import run
from models.version_files import read_spec
from tests.models.made_datasets import make_dataset
from tests.models.test_tasks_checkpoints import RecordingChannel

pytestmark = pytest.mark.usefixtures("task_in_this_process")

DOCUMENT: dict[str, Any] = {
    "task": "regression",
    "input": {"shape": [1], "scaling": "standard"},
    "layers": [{"type": "Normalization"}, {"type": "Dense", "units": 1}],
    "optimizer": {"type": "SGD", "learning_rate": 0.1},
    "loss": "mean_squared_error",
    "metrics": ["mae"],
}
SPEC = NetworkSpec.from_document(DOCUMENT)


def make_line(folder: Path, mean: float) -> Dataset:
    """y = 2x, with x around the mean."""
    x = np.random.default_rng(3).normal(mean, 1, 200)
    return make_dataset(folder, "inline", inputs=x[:, None].tolist(), targets=(2 * x).tolist())


def train(folder: Path, dataset: Dataset, channel: RecordingChannel, start: Path | None = None, **request: Any) -> Any:
    folder.mkdir()
    assignment = TrainingAssignment(
        spec=SPEC, dataset=dataset.folder, limits=Limits(), runtime=Runtime(),
        request=TrainingRequest("m", "d", seed=3, **request), sources={} if start is None else {0: start},
    )  # fmt: skip
    result = run(assignment, folder, channel)
    assert isinstance(result, TrainingResult)
    return result.version.metrics["train"]


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("version")
    metrics = train(folder / "v", make_line(folder, 0), RecordingChannel(), epochs=20)
    assert metrics["mae"] < 1e-3
    return folder / "v"


def test_a_version_stays_right_on_data_of_another_range(version: Path, tmp_path: Path) -> None:
    channel = RecordingChannel()
    still = {"type": "SGD", "learning_rate": 1e-9}
    dataset = make_line(tmp_path, 5)
    kept = train(tmp_path / "k", dataset, channel, version, epochs=1, optimizer=still, preprocessing=KEEP)
    assert kept["mae"] < 1e-2
    assert read_spec(tmp_path / "k").layers == read_spec(version).layers
    ((type_, detail),) = channel.warnings
    assert (type_, "feature 0" in detail) == ("out_of_range", True)
    refitted = train(
        tmp_path / "r", dataset, RecordingChannel(), version, epochs=1, optimizer=still, preprocessing=REFIT
    )
    assert refitted["mae"] > 5
