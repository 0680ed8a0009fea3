"""A training goes on without checkpoints that can't be written or read, and ends with the same weights."""

import errno
import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import BadCheckpoint
from models.jobs.assignment import Phase, Runtime
from models.jobs.training import TrainingAssignment, TrainingRequest, TrainingResult
from models.limits import Limits
from models.spec import NetworkSpec
from models.tasks import training
from models.training.checkpoint_state import CheckpointState, Position
from models.training.checkpoints import FILE, read_checkpoint, write_checkpoint
from models.training.plan import Checkpoint, Command, Order
from models.version_files import WEIGHTS
from tests.models.made_datasets import make_dataset
from tests.small_disks import fill, small_disk

DOCUMENT: dict[str, Any] = {
    "task": "regression", "input": {"shape": [1]},
    "layers": [{"type": "Dense", "units": 4}, {"type": "Dropout", "rate": 0.5}, {"type": "Dense", "units": 1}],
    "optimizer": "adam", "loss": "mean_squared_error",
}  # fmt: skip


class RecordingChannel:
    """A supervisor that only takes notes."""

    def __init__(self) -> None:
        self.phases: list[Phase] = []
        self.checkpoints: list[str] = []
        self.skipped: list[dict[str, Any]] = []
        self.unreadable: list[str] = []
        self.epochs: list[int] = []
        self.warnings: list[tuple[str, str]] = []
        self.folds: list[dict[str, Any]] = []

    def phase(self, phase: Phase, line: str = "") -> None:
        self.phases.append(phase)

    def progress(self, data: dict[str, Any]) -> None: ...

    def snapshot_skipped(self, error: OSError, epoch: int) -> None: ...

    def epoch(self, data: dict[str, Any], best: dict[str, Any] | None, snapshot: dict[str, Any] | None = None) -> None:
        self.epochs.append(data["epoch"])

    def baseline(self, metrics: dict[str, float]) -> None: ...

    def order_taken(self, order: Order, step: int) -> None: ...

    def checkpoint(self, name: str, data: dict[str, Any]) -> None:
        self.checkpoints.append(name)

    def checkpoint_skipped(self, error: OSError, data: dict[str, Any]) -> None:
        self.skipped.append(data)

    def checkpoint_unreadable(self, error: BadCheckpoint) -> None:
        self.unreadable.append(error.detail)

    def fold(self, data: dict[str, Any]) -> None:
        self.folds.append(data)

    def warning(self, type_: str, detail: str) -> None:
        self.warnings.append((type_, detail))

    def command(self) -> Command:
        return Command.RUN

    def orders(self) -> Sequence[Order]:
        return ()

    def may_end(self) -> bool:
        return True


@pytest.fixture(scope="module", autouse=True)
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    make_dataset(folder, "inline", inputs=[[x] for x in range(32)], targets=list(range(32)))
    return folder / "inline"


def train(folder: Path, dataset: Path, checkpoints: Sequence[Path] = ()) -> RecordingChannel:
    """Train for a few epochs, with a checkpoint before each graph call."""
    folder.mkdir(exist_ok=True)
    channel = RecordingChannel()
    assignment = TrainingAssignment(
        spec=NetworkSpec.from_document(DOCUMENT), dataset=dataset, limits=Limits(), runtime=Runtime(),
        request=TrainingRequest("m", "inline", epochs=4, seed=1, batch_size=8, checkpoint_seconds=0),
        checkpoints=tuple(checkpoints),
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "configure_threads", lambda threads: None)  # possible only before TensorFlow is used
        assert isinstance(training.run(assignment, folder, channel), TrainingResult)
    return channel


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, dataset: Path) -> Path:
    """The folder of an uninterrupted training."""
    folder = tmp_path_factory.mktemp("whole")
    channel = train(folder, dataset)
    assert channel.epochs == [1, 2, 3, 4]
    assert len(channel.checkpoints) > 4
    return folder


def weights_of(folder: Path) -> dict[str, list[Any]]:
    with np.load(folder / WEIGHTS) as arrays:
        return {name: arrays[name].tolist() for name in arrays.files}


def damage(checkpoint: Path, copy: Path, change: Any) -> Path:
    """A copy of the checkpoint with changed bytes."""
    copy.mkdir()
    (copy / FILE).write_bytes(change((checkpoint / FILE).read_bytes()))
    return copy


def truncate(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip_a_bit(content: bytes) -> bytes:
    return content[:900] + bytes([content[900] ^ 1]) + content[901:]


def test_the_one_before_is_read_instead_of_damaged_checkpoints(whole: Path, dataset: Path, tmp_path: Path) -> None:
    good = whole / "checkpoint-3"
    damaged = [
        damage(good, tmp_path / "truncated", truncate),
        damage(good, tmp_path / "flipped", flip_a_bit),
        tmp_path / "missing",
    ]
    channel = train(tmp_path / "again", dataset, [*damaged, good])
    assert len(channel.unreadable) == 3
    assert channel.epochs[0] > 1
    assert weights_of(tmp_path / "again") == weights_of(whole)


def test_without_a_readable_checkpoint_the_training_begins_again(whole: Path, dataset: Path, tmp_path: Path) -> None:
    channel = train(tmp_path / "again", dataset, [damage(whole / "checkpoint-3", tmp_path / "truncated", truncate)])
    assert (len(channel.unreadable), channel.epochs) == (1, [1, 2, 3, 4])
    assert weights_of(tmp_path / "again") == weights_of(whole)


def test_a_checkpoint_that_cannot_be_written_is_skipped(whole: Path, dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "checkpoint-1").write_text("where its folder should be")
    channel = train(tmp_path / "again", dataset)
    assert [skipped["epoch"] for skipped in channel.skipped] == [1]
    assert channel.checkpoints[0] == "checkpoint-2"
    assert weights_of(tmp_path / "again") == weights_of(whole)


ARRAYS = {f"variable/{number}": np.arange(number + 3, dtype=np.float32) for number in range(3)}
SMALL = Checkpoint(2, 3, CheckpointState(Position(9, 1, 3)), ARRAYS)


def test_no_bit_of_a_checkpoint_can_change_what_is_read(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "small", SMALL)
    content = (tmp_path / "small" / FILE).read_bytes()
    (tmp_path / "damaged").mkdir()
    draw = random.Random(1)
    for _ in range(600):
        changed = bytearray(content)
        changed[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        assert is_refused_or_the_same(tmp_path / "damaged", bytes(changed))
    for length in range(0, len(content), 20):
        assert is_refused_or_the_same(tmp_path / "damaged", content[:length])


def is_refused_or_the_same(folder: Path, content: bytes) -> bool:
    (folder / FILE).write_bytes(content)
    try:
        read = read_checkpoint(folder)
    except BadCheckpoint:
        return True
    arrays = {name: array.tolist() for name, array in read.arrays.items()}
    same = arrays == {name: array.tolist() for name, array in ARRAYS.items()}
    return same and (read.epoch, read.step, read.state) == (2, 3, SMALL.state)


def test_a_checkpoint_without_the_names_of_its_arrays_is_read(tmp_path: Path) -> None:
    """As earlier releases wrote them."""
    write_checkpoint(tmp_path / "new", SMALL)
    with np.load(tmp_path / "new" / FILE) as file:
        arrays = {name: file[name] for name in file.files}
    document = arrays["state"].tobytes().partition(b', "arrays"')[0] + b"}"
    (tmp_path / "old").mkdir()
    np.savez(tmp_path / "old" / FILE, allow_pickle=False, **arrays | {"state": np.frombuffer(document, np.uint8)})
    assert read_checkpoint(tmp_path / "old").state == SMALL.state


def test_a_full_disk_is_an_error_of_the_system(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        fill(disk)
        with pytest.raises(OSError, match="No space left") as caught:
            write_checkpoint(disk / "checkpoint", SMALL)
        assert caught.value.errno == errno.ENOSPC
        shutil.rmtree(disk / "checkpoint", ignore_errors=True)
