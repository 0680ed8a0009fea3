"""Trainings with scaled targets: every number that clients see is in the target's own units."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from models.datasets import Dataset
from models.evaluation import evaluate_split
from models.jobs.assignment import RESIDENT_BYTES, Runtime
from models.jobs.training import EarlyStoppingRequest, TrainingAssignment, TrainingRequest, TrainingResult
from models.limits import Limits
from models.predictor import Predictor
from models.spec import NetworkSpec
from models.tasks import training
from models.training.loop import trained_loss
from models.training.monitoring import monitored_names
from models.version_files import ARTIFACTS, WEIGHTS
from models.versions import load_version
from models.weights import read_weights
from tests.models.made_datasets import make_dataset
from tests.models.test_tasks_checkpoints import RecordingChannel

ROWS = 60
DOCUMENT: dict[str, Any] = {
    "task": "regression", "input": {"shape": [2]},
    "layers": [
        {"type": "Dense", "units": 4, "activation": "tanh", "name": "target_units"},
        {"type": "Dense", "units": 2, "kernel_regularizer": "l2"},
    ],
    "optimizer": {"type": "Adam", "learning_rate": 0.05}, "loss": "mean_squared_error",
    "metrics": ["mean_absolute_error", "R2Score"],
}  # fmt: skip


class Watching(RecordingChannel):
    """Also remembers the metrics, the baseline and the warnings."""

    def __init__(self) -> None:
        super().__init__()
        self.metrics: list[dict[str, Any]] = []
        self.best: dict[str, Any] | None = None
        self.guessed: dict[str, float] = {}
        self.warnings: list[tuple[str, str]] = []

    def snapshot_skipped(self, error: OSError, epoch: int) -> None: ...

    def epoch(self, data: dict[str, Any], best: dict[str, Any] | None, snapshot: dict[str, Any] | None = None) -> None:
        super().epoch(data, best)
        self.metrics.append(data)
        self.best = best

    def baseline(self, metrics: dict[str, float]) -> None:
        self.guessed = metrics

    def warn(self, type_: str, detail: str) -> None:
        self.warnings.append((type_, detail))


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Two targets of different size: prices around 135,000, and rates around 3."""
    inputs = np.random.default_rng(3).normal(size=(ROWS, 2))
    targets = np.stack([135_000 + 20_000 * inputs[:, 0], 3 + 0.5 * inputs[:, 1]], axis=1)
    split = {"validation": 0.25, "test": 0.25, "seed": 1}
    folder = tmp_path_factory.mktemp("prices")
    return make_dataset(folder, "inline", inputs=inputs.tolist(), targets=targets.tolist(), split=split)


def train(
    folder: Path,
    dataset: Dataset,
    scaling: str,
    checkpoints: Sequence[Path] = (),
    resident_bytes: int = RESIDENT_BYTES,
    source: Path | None = None,
    **request: Any,
) -> tuple[TrainingResult, Watching]:
    folder.mkdir()
    channel = Watching()
    assignment = TrainingAssignment(
        spec=NetworkSpec.from_document(DOCUMENT | {"target": {"scaling": scaling}}),
        dataset=dataset.folder, limits=Limits(), checkpoints=tuple(checkpoints), sources={0: source} if source else {},
        request=TrainingRequest("m", "inline", **{"epochs": 30, "seed": 1, "batch_size": 8, **request}),
        runtime=Runtime(resident_bytes=resident_bytes),
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "configure_threads", lambda threads: None)  # possible only before TensorFlow is used
        result = training.run(assignment, folder, channel)
    assert isinstance(result, TrainingResult)
    return result, channel


@pytest.fixture(scope="module", params=["standard", "log"])
def trained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, prices: Dataset
) -> tuple[Path, TrainingResult, Watching]:
    folder = tmp_path_factory.mktemp("trained") / "version"
    stopping = EarlyStoppingRequest("val_mean_absolute_error", patience=30)
    result, channel = train(folder, prices, request.param, checkpoint_seconds=0, early_stopping=stopping)
    return folder, result, channel


def true_metrics(values: np.ndarray, targets: np.ndarray) -> dict[str, Any]:
    around = ((targets - targets.mean(axis=0)) ** 2).sum(axis=0)
    return {
        "loss": pytest.approx(((values - targets) ** 2).mean(), rel=1e-3),
        "mean_absolute_error": pytest.approx(np.abs(values - targets).mean(), rel=1e-3),
        "R2Score": pytest.approx((1 - ((values - targets) ** 2).sum(axis=0) / around).mean(), abs=1e-3),
    }


def test_metrics_are_those_of_predictions_in_the_targets_own_units(
    trained: tuple[Path, TrainingResult, Watching], prices: Dataset
) -> None:
    folder, result, channel = trained
    predictor = Predictor.load(folder)
    for name in ("train", "validation", "test"):
        split = prices.split(name)
        assert split.tensors is not None
        values = predictor.network.run({"input": split.tensors["input"].astype(np.float32)})
        metrics = result.version.metrics[name]
        assert metrics is not None
        assert {key: value for key, value in metrics.items() if key != "scaled_loss"} == true_metrics(
            values, np.asarray(split.targets)
        )
        assert 0 < metrics["scaled_loss"] < 1
        if name == "validation":
            assert channel.best is not None
            assert channel.best["val_mean_absolute_error"] == pytest.approx(metrics["mean_absolute_error"], rel=1e-4)
    assert result.evaluation is not None
    test = result.version.metrics["test"] or {}
    assert result.evaluation.metrics["mae"] == pytest.approx(test["mean_absolute_error"], rel=1e-5)
    assert list(channel.metrics[-1]) == [
        "epoch", "seconds", "loss", "scaled_loss", "mean_absolute_error", "R2Score",
        "val_loss", "val_scaled_loss", "val_mean_absolute_error", "val_R2Score", "learning_rate",
    ]  # fmt: skip
    spec = NetworkSpec.from_document(json.loads((folder / "trained.json").read_bytes())["spec"])
    assert set(monitored_names(spec, validated=True)) == set(channel.metrics[-1]) - {
        "epoch", "seconds", "learning_rate",
    }  # fmt: skip


def test_the_downloads_output_the_targets_own_units(
    trained: tuple[Path, TrainingResult, Watching], prices: Dataset
) -> None:
    folder, result, _ = trained
    split = prices.split("test")
    assert split.tensors is not None
    inputs = split.tensors["input"].astype(np.float32)
    served = Predictor.load(folder).network.run({"input": inputs})
    network = keras.models.load_model(folder / ARTIFACTS["keras"])
    np.testing.assert_allclose(network.predict(inputs, verbose=0), served, rtol=1e-5)
    evaluated = network.evaluate(inputs, split.targets, verbose=0, return_dict=True)
    test = result.version.metrics["test"] or {}
    assert evaluated["mean_absolute_error"] == pytest.approx(test["mean_absolute_error"], rel=1e-3)
    assert {layer.__class__.__module__.split(".")[0] for layer in network.layers} == {"keras"}


def test_a_loaded_version_learns_and_is_evaluated_as_when_it_was_trained(
    trained: tuple[Path, TrainingResult, Watching], prices: Dataset, tmp_path: Path
) -> None:
    folder, result, _ = trained
    again = load_version(folder, Limits())
    assert len(read_weights(folder / WEIGHTS)) == len(again.network.weights) == 4
    assert again.network.output_shape == (None, 2)
    found = evaluate_split(again, prices, "test", tmp_path).to_result()
    assert found == result.evaluation


def test_the_baseline_is_the_mean_of_the_training_rows(
    trained: tuple[Path, TrainingResult, Watching], prices: Dataset
) -> None:
    _, result, channel = trained
    mean = np.asarray(prices.targets("train")).mean(axis=0)
    for name, prefix in (("train", ""), ("validation", "val_")):
        targets = np.asarray(prices.targets(name))
        expected = true_metrics(np.broadcast_to(mean, targets.shape), targets)
        assert {key: channel.guessed[prefix + key] for key in expected} == expected
    assert set(channel.guessed) == set(channel.metrics[-1]) - {"epoch", "seconds", "learning_rate"}
    assert channel.warnings == []
    assert result.version.baseline is not None
    assert result.evaluation is not None
    assert result.evaluation.baseline is not None
    assert result.evaluation.baseline.keys() == {"loss", *result.evaluation.metrics}
    test = result.version.baseline["test"] or {}
    assert result.evaluation.baseline["loss"] == test["loss"]


def test_a_training_that_resumes_ends_with_the_same_weights(
    trained: tuple[Path, TrainingResult, Watching], prices: Dataset, tmp_path: Path
) -> None:
    folder, result, channel = trained
    scaling = json.loads((folder / "trained.json").read_bytes())["spec"]["target"]["scaling"]
    middle = folder / channel.checkpoints[len(channel.checkpoints) // 2]
    stopping = EarlyStoppingRequest("val_mean_absolute_error", patience=30)
    resumed, _ = train(tmp_path / "again", prices, scaling, [middle], early_stopping=stopping)
    assert resumed.version.metrics == result.version.metrics


@pytest.mark.parametrize("keep", [True, False])
def test_a_training_that_starts_from_a_version_keeps_its_scale_unless_told_otherwise(
    trained: tuple[Path, TrainingResult, Watching], prices: Dataset, tmp_path: Path, keep: bool
) -> None:
    folder, _, _ = trained
    (tmp_path / "later").mkdir()
    inputs = np.random.default_rng(5).normal(size=(20, 2))
    targets = np.stack([200_000 + 20_000 * inputs[:, 0], 5 + 0.5 * inputs[:, 1]], axis=1)
    later = make_dataset(tmp_path / "later", "inline", inputs=inputs.tolist(), targets=targets.tolist())
    chosen = "keep" if keep else "refit"
    train(tmp_path / "next", later, "none", source=folder, preprocessing=chosen, epochs=1)
    before, after = load_version(folder, Limits()), load_version(tmp_path / "next", Limits())
    assert after.encoding.scale == (before.encoding.scale if keep else None)
    assert after.spec.target_scaling == (before.spec.target_scaling if keep else "none")


def test_compiled_streamed_and_plain_trainings_report_the_same(prices: Dataset, tmp_path: Path) -> None:
    _, plain = train(tmp_path / "plain", prices, "standard", epochs=2)
    _, compiled = train(tmp_path / "compiled", prices, "standard", epochs=2, execution="compiled")
    _, streamed = train(tmp_path / "streamed", prices, "standard", epochs=2, resident_bytes=0)
    for number, expected in enumerate(plain.metrics):
        for found in (compiled.metrics[number], streamed.metrics[number]):
            assert found == pytest.approx(expected | {"seconds": found["seconds"]}, rel=1e-3)


def test_a_network_that_learns_nothing_is_warned_of(prices: Dataset, tmp_path: Path) -> None:
    _, channel = train(tmp_path / "none", prices, "none", epochs=2)
    ((type_, detail),) = channel.warnings
    assert type_ == "not_better_than_baseline"
    reached, guessed = (f"{metrics['val_loss']:.4g}" for metrics in (channel.metrics[-1], channel.guessed))
    assert f"has {guessed}." in detail
    assert f"loss {reached} on the validation rows; always guessing the mean of the training rows" in detail


def test_a_loss_that_overflows_only_in_the_targets_units_does_not_end_the_training() -> None:
    assert trained_loss({"loss": float("inf"), "scaled_loss": 0.5}) == 0.5
    assert trained_loss({"loss": 0.25}) == 0.25
