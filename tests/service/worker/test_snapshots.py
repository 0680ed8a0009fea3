"""The snapshots that the process of a job reports: which are kept, and which files stay."""

import errno
import os
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from models.files.sums import write_sums
from models.snapshots import epoch_of, file_of, write_epoch
from service.errors import NotFound
from service.operations.jobs import lifecycle as execution
from service.operations.jobs import snapshots
from service.operations.jobs.leases import Lease
from service.operations.upkeep.verification import verify
from service.storage import bucket, training_snapshots
from service.worker.journal import Journal
from tests.s3_server import S3Server
from tests.service.worker.bench import Bench

CONTENT = bytes(range(40))


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    """A bench without a worker."""
    return make_bench()


def claim(bench: Bench, **options: object) -> tuple[Lease, Journal]:
    """A running job's lease, and its journal."""
    bench.submit({}, epochs=20, snapshots={"every": 1, "keep": 4, **options})
    return resume(bench)


def resume(bench: Bench) -> tuple[Lease, Journal]:
    claimed = execution.claim(bench.context, "wk_1", ["training"], ["cpu"], {})
    assert claimed is not None
    lease, job = claimed
    journal = Journal(bench.context, lease, job.checkpoint)
    journal.snapshots.begin(job)
    folder(bench, lease).mkdir(parents=True, exist_ok=True)
    return lease, journal


def folder(bench: Bench, lease: Lease) -> Path:
    return bench.context.artifacts.root / "snapshots" / lease.job_id / lease.staging_name


def report(bench: Bench, lease: Lease, journal: Journal, epoch: int, best: int = 1, small: bool = False) -> None:
    """The child process has ended an epoch, and has written its snapshot or sends a small one along."""
    snapshot: dict[str, object] = {"weights": b64encode(CONTENT).decode()}
    if not small:
        size, sha256 = write_epoch(folder(bench, lease), epoch, [memoryview(CONTENT)])
        snapshot = {"bytes": size, "sha256": sha256}
    data = {"epoch": epoch, "seconds": 0.1, "loss": 1 / epoch}
    journal.add({"type": "epoch", "data": data, "best": {"epoch": best, "loss": 1.0}, "snapshot": snapshot})


def rows(bench: Bench, job_id: str) -> list[int]:
    with bench.context.database.read() as session:
        return [snapshot.epoch for snapshot in training_snapshots.all_of(session, job_id)]


def files(bench: Bench, job_id: str) -> list[int]:
    found = (bench.context.artifacts.root / "snapshots" / job_id).rglob("*")
    return sorted(epoch for path in found if (epoch := epoch_of(path.name)) is not None)


@pytest.mark.parametrize("small", [False, True])
def test_evenly_spaced_epochs_stay_with_the_latest_and_the_best(bench: Bench, small: bool) -> None:
    lease, journal = claim(bench)
    for epoch in range(1, 21):
        report(bench, lease, journal, epoch, best=min(epoch, 5), small=small)
        if epoch % 3 == 0:
            journal.write()
            assert rows(bench, lease.job_id) == files(bench, lease.job_id)
            assert len(rows(bench, lease.job_id)) <= 4
            assert {epoch, min(epoch, 5)} <= set(rows(bench, lease.job_id))
    journal.write()
    assert rows(bench, lease.job_id) == files(bench, lease.job_id) == [5, 7, 13, 20]
    assert verify(bench.context, lambda done, total: None).files >= 4


def test_while_the_database_is_away_no_more_files_pile_up(bench: Bench) -> None:
    lease, journal = claim(bench)
    for epoch in range(1, 100):
        report(bench, lease, journal, epoch)
        assert len(files(bench, lease.job_id)) <= 5
    journal.write()
    assert len(rows(bench, lease.job_id)) <= 4
    assert rows(bench, lease.job_id) == files(bench, lease.job_id)


def test_the_size_of_all_snapshots_is_bounded(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(snapshot_bytes=3 * len(CONTENT))
    lease, journal = claim(bench, keep=100)
    for epoch in range(1, 21):
        report(bench, lease, journal, epoch)
    journal.write()
    assert len(rows(bench, lease.job_id)) == 3


def test_a_crash_between_file_and_event_leaves_nothing(bench: Bench) -> None:
    lease, journal = claim(bench)
    report(bench, lease, journal, 1)
    journal.write()
    write_epoch(folder(bench, lease), 2, [memoryview(CONTENT)])
    execution.put_back(bench.context, lease, "worker_lost")
    again, journal = resume(bench)
    assert files(bench, lease.job_id) == [1]
    # epochs that are repeated replace those of the earlier attempt, of which nothing is left
    for epoch in (1, 2):
        report(bench, again, journal, epoch)
    journal.write()
    journal.snapshots.end()
    assert rows(bench, lease.job_id) == files(bench, lease.job_id) == [1, 2]
    with bench.context.database.read() as session:
        assert {s.folder for s in training_snapshots.all_of(session, lease.job_id)} == {
            f"snapshots/{lease.job_id}/{again.staging_name}"
        }
    write_epoch(folder(bench, again), 3, [memoryview(CONTENT)])
    journal.snapshots.end()
    assert files(bench, lease.job_id) == [1, 2]


def test_the_best_epoch_stays_while_a_resumed_training_repeats_epochs(bench: Bench) -> None:
    lease, journal = claim(bench)
    for epoch in range(1, 13):
        report(bench, lease, journal, epoch, best=min(epoch, 9))
        journal.write()
    execution.put_back(bench.context, lease, "worker_lost")
    again, journal = resume(bench)
    for epoch in range(1, 9):
        report(bench, again, journal, epoch, best=epoch)
        journal.write()
        assert {9, 12} <= set(rows(bench, lease.job_id))
    assert bench.job(lease.job_id).best == {"epoch": 9, "loss": 1.0}


def test_snapshots_before_one_that_cannot_be_written_are_kept(bench: Bench) -> None:
    lease, journal = claim(bench)
    report(bench, lease, journal, 1)
    journal.add({"type": "epoch", "data": {"epoch": 2, "seconds": 0.1, "loss": 0.5}, "best": {"epoch": 2, "loss": 0.5}})
    journal.write()
    journal.snapshots.end()
    assert rows(bench, lease.job_id) == files(bench, lease.job_id) == [1]


def test_a_snapshot_that_cannot_be_written_is_skipped_with_one_warning(bench: Bench) -> None:
    lease, journal = claim(bench)
    folder(bench, lease).rmdir()
    for epoch in (1, 2):
        report(bench, lease, journal, epoch, small=True)
        journal.write()
    failure = {"code": "disk-full", "detail": "The disk is full.", "faults": []}
    journal.add({"type": "snapshot_skipped", "data": {"epoch": 3}, "failure": failure})
    journal.add({"type": "progress", "data": {"epoch": 4, "epochs": 20, "step": 1, "steps": 2}})
    journal.write()
    job = bench.job(lease.job_id)
    assert [warning.type for warning in job.warnings] == ["snapshot_skipped"]
    assert job.warnings[0].detail.startswith("The snapshot of epoch 1 can't be saved")
    assert job.metrics == {"loss": 0.5}
    assert rows(bench, lease.job_id) == []


def test_a_backup_holds_the_files_of_removed_rows(bench: Bench) -> None:
    lease, journal = claim(bench)
    for epoch in range(1, 5):
        report(bench, lease, journal, epoch)
    journal.write()
    with bench.context.artifacts.removing_held():
        for epoch in range(5, 9):
            report(bench, lease, journal, epoch)
        journal.write()
        assert {1, 2, 3, 4} <= set(files(bench, lease.job_id))
    report(bench, lease, journal, 9)
    journal.write()
    assert rows(bench, lease.job_id) == files(bench, lease.job_id)


def test_while_s3_is_away_a_training_goes_on_and_the_files_of_removed_rows_stay(
    make_bench: Callable[..., Bench], s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "ATTEMPTS", 1)
    monkeypatch.setattr(bucket, "REST_SECONDS", 0)
    bench = make_bench(artifact_url=f"s3://{s3.make_bucket()}")
    lease, journal = claim(bench)
    write_sums(folder(bench, lease))
    for epoch in range(1, 5):
        report(bench, lease, journal, epoch)
    journal.write()
    for epoch in range(5, 9):
        report(bench, lease, journal, epoch)
    with s3.failing(status=503, methods=("GET",)):
        journal.write()
        assert {1, 2, 3, 4} <= set(files(bench, lease.job_id))
    report(bench, lease, journal, 9)
    journal.write()
    assert rows(bench, lease.job_id) == files(bench, lease.job_id)


def test_a_snapshot_that_is_removed_while_it_is_read_is_not_found(bench: Bench) -> None:
    lease, journal = claim(bench)
    report(bench, lease, journal, 1)
    journal.write()
    with bench.context.database.read() as session:
        snapshot = snapshots.find(session, bench.job(lease.job_id), 1)
    with bench.context.database.write() as session:
        training_snapshots.change(session, lease.job_id, training_snapshots.Changes(removed=[1]))
    (folder(bench, lease) / file_of(1)).unlink()
    with pytest.raises(NotFound, match="epoch 1 was deleted meanwhile"):
        snapshots.load(bench.context, snapshots.key_of(snapshot), 1)


def test_a_full_disk_leaves_no_part_of_a_file(tmp_path: Path) -> None:
    (tmp_path / file_of(1)).symlink_to("/dev/full")
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        write_epoch(tmp_path, 1, [memoryview(CONTENT)])
    assert list(tmp_path.iterdir()) == []


def test_a_job_without_snapshots_keeps_none(bench: Bench) -> None:
    job_id = bench.submit({}, epochs=2)
    lease, journal = resume(bench)
    data = {"epoch": 1, "seconds": 0.1, "loss": 1.0}
    journal.add({"type": "epoch", "data": data, "best": None})
    journal.write()
    journal.snapshots.end()
    assert rows(bench, job_id) == []
    assert not folder(bench, lease).exists()
