"""A training leaves the weights of each epoch, which a graph without values serves."""

from base64 import b64decode
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import Diverged, NotServable
from models.jobs.assignment import Runtime
from models.jobs.training import (
    EarlyStoppingRequest,
    SnapshotsRequest,
    TrainingAssignment,
    TrainingRequest,
    TrainingResult,
)
from models.limits import Limits
from models.snapshots import copy_as_version, load_predictor, read_epoch, write_epoch
from models.spec import NetworkSpec
from models.tasks import snapshots, training
from models.version_files import WEIGHTS
from models.versions import load_version
from tests.models.made_datasets import make_dataset
from tests.models.test_tasks_checkpoints import RecordingChannel

DOCUMENT: dict[str, Any] = {
    "task": "regression", "input": {"shape": [1]}, "target": {"scaling": "standard"},
    "layers": [{"type": "Dense", "units": 4, "activation": "tanh"}, {"type": "Dense", "units": 1}],
    "optimizer": "adam", "loss": "mean_squared_error",
}  # fmt: skip
ROWS = [[x] for x in range(32)]


class Supervisor(RecordingChannel):
    """Writes the small snapshots that are sent along."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.sums: dict[int, str] = {}
        self.sent: list[int] = []
        self.metrics: list[dict[str, Any]] = []
        self.best: dict[str, Any] | None = None

    def epoch(self, data: dict[str, Any], best: dict[str, Any] | None, snapshot: dict[str, Any] | None = None) -> None:
        super().epoch(data, best)
        self.best = best
        self.metrics.append({name: value for name, value in data.items() if name != "seconds"})
        epoch = data["epoch"]
        if snapshot is not None and "weights" in snapshot:
            self.sent.append(epoch)
            content = memoryview(b64decode(snapshot["weights"]))
            snapshot = {"sha256": write_epoch(self.folder, epoch, [content])[1]}
        if snapshot is not None:
            self.sums[epoch] = snapshot["sha256"]


def train(folder: Path, dataset: Path, document: dict[str, Any] = DOCUMENT, **options: Any) -> Supervisor:
    channel: Supervisor = options.pop("channel", Supervisor(folder / "snapshots"))
    (folder / "version").mkdir()
    resident = options.pop("resident_bytes", 2**20)
    request = {"epochs": 3, "snapshots": SnapshotsRequest(1, 10), **options.pop("request", {})}
    assignment = TrainingAssignment(
        spec=NetworkSpec.from_document(document), dataset=dataset, limits=Limits(),
        runtime=Runtime(resident_bytes=resident), snapshots=channel.folder,
        **{"snapshot_bytes": 2**20, **options},
        request=TrainingRequest("m", "inline", seed=1, batch_size=8, **request),
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "configure_threads", lambda threads: None)  # possible only before TensorFlow is used
        assert isinstance(training.run(assignment, folder / "version", channel), TrainingResult)
    return channel


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    make_dataset(folder, "inline", inputs=ROWS, targets=[3 * x + 100 for x in range(32)])
    return folder / "inline"


@pytest.mark.parametrize(
    ("resident", "small", "execution"),
    [
        pytest.param(2**20, 2**16, "graph", id="sent along"),
        pytest.param(2**20, 2**16, "compiled", id="returned by compiled calls"),
        pytest.param(0, 0, "graph", id="read from the variables, in files"),
    ],
)
def test_each_epoch_predicts_as_keras_does_in_the_targets_units(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resident: int, small: int, execution: str
) -> None:
    monkeypatch.setattr(snapshots, "SMALL", small)
    channel = train(tmp_path, dataset, resident_bytes=resident, request={"execution": execution})
    assert list(channel.sums) == [1, 2, 3]
    assert channel.sent == ([1, 2, 3] if small else [])
    version = load_version(tmp_path / "version", Limits())
    found = {epoch: read_epoch(channel.folder, epoch, sha256) for epoch, sha256 in channel.sums.items()}
    with np.load(tmp_path / "version" / WEIGHTS) as last:
        assert {name: last[name].tolist() for name in last.files} == {
            name: array.tolist() for name, array in found[3].items()
        }
    scale = version.encoding.scale
    assert scale is not None
    for epoch, arrays in found.items():
        version.network.set_weights(list(arrays.values()))
        expected = np.asarray(version.network(np.array(ROWS, np.float32)))[:, 0] * scale.std + scale.mean
        predictor = load_predictor(channel.folder, epoch, channel.sums[epoch])
        values = [prediction["value"] for prediction in predictor.predict(ROWS).predictions]
        assert values == pytest.approx(expected.tolist(), rel=1e-5)


@pytest.mark.parametrize("execution", ["graph", "compiled"])
def test_snapshots_change_neither_the_metrics_nor_the_version(dataset: Path, tmp_path: Path, execution: str) -> None:
    found = []
    for name, chosen in (("with", SnapshotsRequest(1, 10)), ("without", None)):
        folder = tmp_path / name
        folder.mkdir()
        channel = train(folder, dataset, request={"execution": execution, "snapshots": chosen})
        with np.load(folder / "version" / WEIGHTS) as weights:
            found.append((channel.metrics, {path: weights[path].tobytes() for path in weights.files}))
        assert bool(channel.sums) == (chosen is not None)
    assert found[0] == found[1]


@pytest.mark.parametrize("execution", ["graph", "compiled"])
def test_early_stopping_restores_the_weights_of_the_best_snapshot(
    dataset: Path, tmp_path: Path, execution: str
) -> None:
    swinging = DOCUMENT | {"optimizer": {"type": "SGD", "learning_rate": 0.8}}
    stopping = EarlyStoppingRequest(monitor="loss", patience=1, restore_best=True)
    channel = train(
        tmp_path, dataset, swinging, request={"epochs": 50, "early_stopping": stopping, "execution": execution}
    )
    assert channel.best is not None
    best = channel.best["epoch"]
    assert best < channel.epochs[-1] < 50
    found = read_epoch(channel.folder, best, channel.sums[best])
    with np.load(tmp_path / "version" / WEIGHTS) as version:
        assert all(np.array_equal(version[name], array) for name, array in found.items())


def test_weights_that_are_not_finite_can_be_read_but_not_used(dataset: Path, tmp_path: Path) -> None:
    channel = Supervisor(tmp_path / "snapshots")
    diverging = DOCUMENT | {"optimizer": {"type": "SGD", "learning_rate": 1e30}}
    with pytest.raises(Diverged):
        train(tmp_path, dataset, diverging, channel=channel)
    (epoch,) = channel.sums
    found = read_epoch(channel.folder, epoch, channel.sums[epoch])
    assert not np.isfinite(found["dense/kernel"]).all()
    for use in (load_predictor, partial(copy_as_version, target=tmp_path)):
        with pytest.raises(NotServable, match=r'weights "dense/kernel" are NaN or infinite: the training diverged\.'):
            use(channel.folder, epoch, channel.sums[epoch])


def test_weights_of_which_not_two_fit_leave_no_snapshots_and_a_warning(dataset: Path, tmp_path: Path) -> None:
    channel = train(tmp_path, dataset, snapshot_bytes=100)
    assert channel.sums == {}
    detail = "A snapshot has 52 bytes and FITSERVE_SNAPSHOT_BYTES allows 100 bytes: the job keeps none."
    assert ("snapshots_limited", detail) in channel.warnings
    assert not channel.folder.exists()


def test_snapshots_that_cannot_be_written_cost_nothing_else(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "snapshots").write_text("where their folder should be")
    channel = train(tmp_path, dataset)
    assert channel.sums == {}
    assert channel.epochs == [1, 2, 3]
