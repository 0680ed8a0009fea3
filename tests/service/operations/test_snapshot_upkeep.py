"""Snapshots outlive restarts and backups, and end with their job."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.errors import NotServable
from models.files.sums import write_sums
from models.snapshots import LAYOUT, Layout, load_predictor, read_layout
from models.version_files import ARTIFACTS
from service.config import Settings
from service.context import Context
from service.operations.jobs import lifecycle as execution
from service.operations.jobs import snapshots
from service.operations.jobs.kinds import training
from service.operations.upkeep import backups, housekeeping
from service.operations.upkeep.verification import Verification, verify
from tests.contexts import default_context
from tests.databases import KINDS, make_database, migrated_settings
from tests.service.api.fake_worker import FakeWorker
from tests.service.operations import stocked

SNAPSHOTS = {"every": 1, "keep": 10}


@pytest.fixture(params=KINDS)
def context(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Context]:
    with migrated_settings(request.param, tmp_path / "here", job_retention_days=1, orphan_hours=0.1) as settings:
        context = stocked.stock(settings)
        yield context
        context.database.close()


def train(context: Context) -> str:
    """A training with the snapshots of 3 epochs."""
    job_id = stocked.submit(context, snapshots=SNAPSHOTS)
    worker = FakeWorker(context)
    worker.takes_snapshots = True
    worker.finish(*stocked.claim(context))
    return job_id


def predict(context: Context, job_id: str, epoch: int) -> float:
    snapshot = snapshots.get(context, job_id, epoch).snapshot
    predictor = snapshots.load(context, snapshots.key_of(snapshot), 1)
    value: float = predictor.predict([[2]]).predictions[0]["value"]
    return value


def look(context: Context) -> Verification:
    return verify(context, lambda done, total: None)


def files(context: Context) -> set[str]:
    return {path.name for path in context.artifacts.root.glob("snapshots/*/*/*")}


def test_a_backup_has_the_snapshots_and_restores_them(context: Context, tmp_path: Path) -> None:
    job_id = train(context)
    unreferenced = next(context.artifacts.root.glob("snapshots/*/*")) / "9.weights"
    unreferenced.write_bytes(b"of a process that ended")
    done = backups.back_up(context, tmp_path / "backup.tar", lambda done, total: None)
    assert done.missing == []
    there = default_context(Settings(data_dir=tmp_path / "there"))
    make_database(there.settings)
    backups.restore(there, tmp_path / "backup.tar", lambda done, total: None)
    assert [predict(there, job_id, epoch) for epoch in (1, 2, 3)] == [2, 4, 6]
    assert look(there).damages == []
    there.database.close()


def test_a_running_job_is_restored_with_the_snapshots_so_far_and_with_what_it_starts_from(
    context: Context, tmp_path: Path
) -> None:
    parent = train(context)
    posted = stocked.TRAINING | {"snapshots": SNAPSHOTS, "start_from": {"training_job": parent, "epoch": 2}}
    child = training.create(context, {**posted, "preprocessing": None, "class_weights": None,
                                      "learning_rate_schedule": None, "folds": None})  # fmt: skip
    lease, _ = stocked.claim(context)
    assert lease.job_id == child
    done = backups.back_up(context, tmp_path / "backup.tar", lambda done, total: None)
    assert done.missing == []
    there = default_context(Settings(data_dir=tmp_path / "there"))
    make_database(there.settings)
    backups.restore(there, tmp_path / "backup.tar", lambda done, total: None)
    assert [path.name for path in sorted((there.artifacts.root / "uploads" / child).iterdir())] == [
        "SHA256SUMS", "preprocessing.json", "trained.json", "weights.npz",
    ]  # fmt: skip
    there.database.close()
    execution.cancelled(context, lease)
    assert not (context.artifacts.root / "uploads" / child).exists()


def test_damage_is_found_and_named(context: Context) -> None:
    job_id = train(context)
    (folder,) = context.artifacts.root.glob("snapshots/*/*")
    assert look(context).damages == []
    (folder / "2.weights").write_bytes(b"changed!")
    (folder / "layout.json").unlink()
    damages = look(context).damages
    assert len(damages) == 2
    assert all(f"snapshots/{job_id}/" in damage for damage in damages)
    assert "layout.json is missing" in damages[0]
    assert "2.weights is damaged" in damages[1]


def test_snapshots_are_removed_with_expired_jobs_and_stay_until_then(context: Context) -> None:
    job_id = train(context)
    stray = context.artifacts.root / "snapshots" / "tj_gone" / "tj_gone-1"
    shutil.copytree(next(context.artifacts.root.glob("snapshots/*/*")), stray)
    now = datetime.now(UTC)
    housekeeping.clean_up(context, now + timedelta(hours=2))
    assert not stray.exists()
    assert predict(context, job_id, 3) == 6
    housekeeping.clean_up(context, now + timedelta(days=2))
    assert stocked.job(context, job_id) is None
    assert files(context) == set()


def test_a_folder_of_snapshots_without_a_graph_says_why(context: Context) -> None:
    job_id = train(context)
    snapshot = snapshots.get(context, job_id, 1).snapshot
    folder = context.artifacts.folder(snapshot.folder)
    layout = read_layout(folder)
    (folder / ARTIFACTS["onnx"]).unlink()
    document = Layout(layout.weights, None, "The network can't be exported to ONNX: Foo is unsupported.").to_document()
    (folder / LAYOUT).write_text(json.dumps(document))
    write_sums(folder)
    with pytest.raises(NotServable, match="Foo is unsupported"):
        load_predictor(folder, 1, snapshot.sha256)
