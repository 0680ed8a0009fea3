"""Stored files that were damaged, cut off or lost: refused with the reason, never used or sent."""

import io
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from models.files.sums import SUMS_FILE
from models.jobs.batch_prediction import RESULT_FILE
from models.version_files import ARTIFACTS, WEIGHTS
from service.api.app import create_front
from service.context import Context
from service.operations.upkeep.references import needed
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.front_client import FrontClient

PREDICTIONS = "/v1/models/line/predictions"
VERSION = "/v1/models/line/versions/1"
ROWS = {"instances": [[10]]}


def folder_of(context: Context, group: str) -> Path:
    """The first published folder of a group."""
    with context.database.read() as session:
        return next(context.artifacts.folder(key) for key in sorted(needed(session)) if key.startswith(f"{group}/"))


def flip(path: Path, value: bytes = b"\xff") -> None:
    """Change the last byte of a file."""
    path.write_bytes(path.read_bytes()[:-1] + value)


def cut_off(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flip_a_weight(path: Path) -> None:
    """Change a weight in a network, which stays a network."""
    weight = np.float32(1).tobytes()
    assert path.read_bytes().count(weight) == 1
    path.write_bytes(path.read_bytes().replace(weight, np.float32(-1).tobytes()))


@contextmanager
def damaged(path: Path, damage: Callable[[Path], None]) -> Iterator[None]:
    """A file that is damaged during the block."""
    content = path.read_bytes()
    damage(path)
    yield
    path.write_bytes(content)


DAMAGES: tuple[Callable[[Path], None], ...] = (flip, cut_off, Path.unlink)


def test_a_damaged_network_that_is_still_a_network_is_not_served(trained: ApiClient, context: Context) -> None:
    network = folder_of(context, "models") / ARTIFACTS["onnx"]
    flip_a_weight(network)
    problem = trained.post(PREDICTIONS, ROWS, 500)
    assert problem["type"] == "/problems/damaged-network"
    assert problem["detail"] == "The stored file network.onnx is damaged: its content doesn't match its checksum."
    assert "damaged" in trained.http.post("/v1/models/line:predict", json=ROWS).json["error"]  # type: ignore[index]
    assert trained.get(f"{VERSION}/artifacts/onnx", 500)["type"] == "/problems/damaged-network"


def test_a_version_whose_preprocessing_is_damaged_is_not_served(trained: ApiClient, context: Context) -> None:
    evaluation = {"model": "line", "dataset": "tested"}
    for damage in DAMAGES:
        with damaged(folder_of(context, "models") / ARTIFACTS["preprocessing"], damage):
            assert trained.post(PREDICTIONS, ROWS, 500)["type"] == "/problems/damaged-network"
            assert trained.post("/v1/evaluations", evaluation, 500)["type"] == "/problems/damaged-network"


def test_a_loaded_network_is_not_read_again(trained: ApiClient, context: Context) -> None:
    before = trained.post(PREDICTIONS, ROWS, 200)
    flip_a_weight(folder_of(context, "models") / ARTIFACTS["onnx"])
    assert trained.post(PREDICTIONS, ROWS, 200) == before
    ApiClient(FrontClient(create_front(context))).post(PREDICTIONS, ROWS, 500)


def test_damaged_downloads_are_not_sent(trained: ApiClient, context: Context) -> None:
    trained.get(f"{VERSION}/weights")
    downloads = ((ARTIFACTS["keras"], "artifacts/keras"), (WEIGHTS, "weights"))
    for damage, (name, path) in itertools.product(DAMAGES, downloads):
        with damaged(folder_of(context, "models") / name, damage):
            problem = trained.get(f"{VERSION}/{path}", 500)
        assert problem["type"] == "/problems/damaged-network"
        assert str(context.artifacts.root) not in problem["detail"]


def test_a_version_without_checksums_of_its_own_is_compared_with_those_of_its_row(
    trained: ApiClient, context: Context
) -> None:
    folder = folder_of(context, "models")
    (folder / SUMS_FILE).unlink()
    trained.get(f"{VERSION}/artifacts/keras")
    flip_a_weight(folder / ARTIFACTS["onnx"])
    assert trained.post(PREDICTIONS, ROWS, 500)["type"] == "/problems/damaged-network"


@pytest.mark.parametrize(
    ("with_checksums", "damages"),
    [(True, DAMAGES), (False, (cut_off, Path.unlink))],
    ids=["with checksums", "of an older service"],
)
def test_the_rows_of_a_damaged_dataset_are_refused(
    with_checksums: bool, damages: tuple[Callable[[Path], None], ...], trained: ApiClient, context: Context
) -> None:
    folder = folder_of(context, "datasets")
    if not with_checksums:
        (folder / SUMS_FILE).unlink()
    for damage, name in itertools.product(damages, ("dataset.json", "train/targets.npy", "train/inputs/0.npy")):
        with damaged(folder / name, damage):
            problem = trained.get("/v1/datasets/line/rows?split=train", 500)
        assert problem["type"] == "/problems/damaged-dataset"
        assert str(context.artifacts.root) not in problem["detail"]


def test_a_job_on_a_damaged_dataset_fails_and_says_why(
    trained: ApiClient, context: Context, idle_worker: FakeWorker
) -> None:
    flip(folder_of(context, "datasets") / "train" / "targets.npy")
    job = trained.post("/v1/training-jobs", TRAINING, 202)
    idle_worker.run_all()
    failed = trained.get(job["links"]["self"])
    assert (failed["status"], failed["attempt"]) == ("failed", 1)
    assert failed["error"]["type"] == "/problems/damaged-dataset"


def test_a_damaged_result_is_not_sent(trained: ApiClient, context: Context, idle_worker: FakeWorker) -> None:
    job = trained.post("/v1/batch-predictions", {"model": "line", "dataset": "line"}, 202)
    idle_worker.run_all()
    trained.send("GET", f"{job['links']['self']}/result", 200)
    flip(folder_of(context, "batch-predictions") / RESULT_FILE)
    assert trained.get(f"{job['links']['self']}/result", 500)["type"] == "/problems/damaged-file"


def test_a_damaged_upload_is_not_imported(api: ApiClient, context: Context, idle_worker: FakeWorker) -> None:
    form = {"file": (io.BytesIO(b"a,b\n1,2\n2,3\n3,4\n4,5\n"), "rows.csv"), "name": "rows", "target": "b"}
    api.send("POST", "/v1/datasets", 202, data=form, headers={"Prefer": "wait=0"})
    flip(folder_of(context, "uploads") / "data", b"9")
    idle_worker.run_all()
    assert api.get("/v1/datasets/rows")["error"]["type"] == "/problems/damaged-file"
