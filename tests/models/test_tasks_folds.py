"""Cross-validation through the task of the child process."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from models.datasets import Dataset
from models.jobs.assignment import Runtime, Unfinished
from models.jobs.training import EarlyStoppingRequest, TrainingAssignment, TrainingRequest
from models.limits import Limits
from models.spec import NetworkSpec
from models.tasks.training import run
from models.training.plan import Command
from models.version_files import WEIGHTS
from tests.models.made_datasets import make_dataset
from tests.models.test_tasks_checkpoints import RecordingChannel

pytestmark = pytest.mark.usefixtures("task_in_this_process")

SPEC = NetworkSpec.from_document(
    {
        "task": "binary",
        "input": {"shape": [1], "scaling": "standard"},
        "layers": [{"type": "Dropout", "rate": 0.1}, {"type": "Dense", "units": 1, "activation": "sigmoid"}],
        "optimizer": "adam",
        "loss": "binary_crossentropy",
        "metrics": ["AUC"],
    }
)


class PausingChannel(RecordingChannel):
    """Orders another command once the training of a fold has done a step."""

    def __init__(self, fold: int, command: Command) -> None:
        super().__init__()
        self._fold, self._ordered = fold, command
        self._command = Command.RUN
        self.seen: list[dict[str, Any]] = []

    def progress(self, data: dict[str, Any]) -> None:
        self.seen.append(data)
        if data.get("fold") == self._fold and data["step"]:
            self._command = self._ordered

    def command(self) -> Command:
        return self._command


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    inputs = [[number] for number in range(24)]
    return make_dataset(tmp_path_factory.mktemp("data"), "inline", inputs=inputs, targets=["low"] * 12 + ["high"] * 12)


def train(
    folder: Path, dataset: Dataset, channel: RecordingChannel, checkpoints: Sequence[str] = (), **request: Any
) -> Any:
    """The outcome of the task, which resumes from checkpoints of an earlier start in the same folder."""
    folder.mkdir(exist_ok=True)
    stopping = EarlyStoppingRequest("loss", patience=50)
    assignment = TrainingAssignment(
        spec=SPEC, dataset=dataset.folder, limits=Limits(), runtime=Runtime(),
        request=TrainingRequest("m", "d", epochs=2, seed=3, batch_size=8, early_stopping=stopping, **request),
        checkpoints=tuple(folder.with_name("paused") / name for name in reversed(checkpoints)),
    )  # fmt: skip
    return run(assignment, folder, channel)


def test_every_fold_is_evaluated_and_the_version_is_that_of_a_training_without_folds(
    dataset: Dataset, tmp_path: Path
) -> None:
    channel = PausingChannel(0, Command.RUN)
    result = train(tmp_path / "folds", dataset, channel, folds=3)
    assert [(fold["fold"], fold["folds"], list(fold["metrics"])) for fold in channel.folds] == [
        (number, 3, ["loss", "AUC"]) for number in (1, 2, 3)
    ]  # fmt: skip
    assert channel.epochs == [1, 2]
    assert list(result.version.metrics["train"]) == ["loss", "AUC"]
    fractions = [data["fraction"] for data in channel.seen]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0, 1)
    assert {data["epoch"] for data in channel.seen if "fold" in data} == {0}
    train(tmp_path / "plain", dataset, RecordingChannel())
    weights = [(tmp_path / name / WEIGHTS).read_bytes() for name in ("folds", "plain")]
    assert weights[0] == weights[1]

    paused = PausingChannel(2, Command.PAUSE)
    assert train(tmp_path / "paused", dataset, paused, folds=3) is Unfinished.PAUSED
    assert paused.folds == channel.folds[:1]
    resumed = RecordingChannel()
    train(tmp_path / "resumed", dataset, resumed, paused.checkpoints, folds=3)
    assert resumed.folds == channel.folds[1:]
    assert (tmp_path / "resumed" / WEIGHTS).read_bytes() == weights[0]


def test_a_job_that_is_stopped_while_folds_are_trained_has_no_model(dataset: Dataset, tmp_path: Path) -> None:
    channel = PausingChannel(1, Command.STOP)
    assert train(tmp_path / "stopped", dataset, channel, folds=2) is Unfinished.STOPPED_BEFORE_TRAINING
    assert channel.folds == []
