"""Faults of the disk cost a training no more than the steps since a good checkpoint."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.operations.jobs import lifecycle as execution
from service.operations.jobs.kinds import training as training_jobs
from service.operations.jobs.leases import Lease
from service.worker import failures
from service.worker.journal import Journal
from tests.service.worker.bench import Bench

UNWRITABLE = "The service can't write to its artifact folder"
RESUME = "The disk is full. Free some space, then resume the job."


@pytest.fixture
def idle_bench(make_bench: Callable[..., Bench]) -> Bench:
    """A bench without a worker, whose jobs skip checkpoints for as long as they like."""
    return make_bench()


def claim(bench: Bench) -> tuple[Lease, Journal]:
    """A running job's lease, and its journal."""
    bench.submit({})
    claimed = execution.claim(bench.context, "wk_1", ["training"], ["cpu"], {})
    assert claimed is not None
    return claimed[0], Journal(bench.context, claimed[0])


def save(bench: Bench, lease: Lease, journal: Journal, epoch: int) -> None:
    """The child process has written a checkpoint."""
    folder = bench.context.artifacts.staged(lease.staging_name) / f"checkpoint-{epoch}"
    folder.mkdir(parents=True)
    journal.add({"type": "checkpoint", "name": folder.name, "data": {"epoch": epoch, "step": 1}})
    journal.write()


def kept(bench: Bench, lease: Lease) -> list[int]:
    """The epochs of the checkpoints from which the job can resume, the latest first. Their folders exist, no others."""
    checkpoint = bench.job(lease.job_id).checkpoint
    assert checkpoint is not None
    assert sorted(key.rpartition("/")[2] for key in checkpoint.folders) == bench.context.artifacts.names(
        f"checkpoints/{lease.job_id}"
    )
    return [int(key.rpartition("-")[2]) for key in checkpoint.folders]


def warnings_of(bench: Bench, job_id: str) -> list[str]:
    return [warning.type for warning in bench.job(job_id).warnings]


def test_the_last_two_checkpoints_are_kept(idle_bench: Bench) -> None:
    lease, journal = claim(idle_bench)
    for epoch in (1, 2, 3):
        save(idle_bench, lease, journal, epoch)
    assert kept(idle_bench, lease) == [3, 2]
    resumed = Journal(idle_bench.context, lease, idle_bench.job(lease.job_id).checkpoint)
    save(idle_bench, lease, resumed, 4)
    assert kept(idle_bench, lease) == [4, 3]


def test_a_checkpoint_that_cannot_be_read_is_replaced_first(idle_bench: Bench) -> None:
    lease, journal = claim(idle_bench)
    for epoch in (1, 2):
        save(idle_bench, lease, journal, epoch)
    resumed = Journal(idle_bench.context, lease, idle_bench.job(lease.job_id).checkpoint)
    resumed.add({"type": "checkpoint_unreadable", "data": {"reason": "CRC"}})
    resumed.write()
    assert kept(idle_bench, lease) == [2, 1]
    save(idle_bench, lease, resumed, 3)
    assert kept(idle_bench, lease) == [3, 1]
    (warning,) = idle_bench.job(lease.job_id).warnings
    assert warning.type == "checkpoint_unreadable"
    assert warning.detail == (
        "The checkpoint at epoch 2, step 1 can't be read. The training continues from epoch 1, with the same result."
    )
    assert warning.detail in idle_bench.printed(lease.job_id)


def test_a_training_without_a_readable_checkpoint_says_that_it_begins_again(idle_bench: Bench) -> None:
    lease, journal = claim(idle_bench)
    save(idle_bench, lease, journal, 1)
    for _ in range(2):  # also a later execution that finds it before there is another checkpoint warns only once
        resumed = Journal(idle_bench.context, lease, idle_bench.job(lease.job_id).checkpoint)
        resumed.add({"type": "checkpoint_unreadable", "data": {"reason": "CRC"}})
        resumed.write()
    (warning,) = idle_bench.job(lease.job_id).warnings
    assert "continues from the beginning" in warning.detail
    assert idle_bench.printed(lease.job_id).count(warning.detail) == 1
    save(idle_bench, lease, resumed, 2)
    assert kept(idle_bench, lease) == [2]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "The disk is full."),
        (errno.EROFS, f"{UNWRITABLE}: Read-only file system."),
        (errno.EIO, f"{UNWRITABLE}: Input/output error."),
    ],
)
def test_a_checkpoint_that_cannot_be_published_is_skipped(
    idle_bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    def refuse(folder: Path, key: str) -> None:
        raise OSError(number, os.strerror(number), str(folder))

    lease, journal = claim(idle_bench)
    save(idle_bench, lease, journal, 1)
    with monkeypatch.context() as patch:
        patch.setattr(idle_bench.context.artifacts, "publish", refuse)
        for epoch in (2, 3):
            save(idle_bench, lease, journal, epoch)
    assert kept(idle_bench, lease) == [1]
    (warning,) = idle_bench.job(lease.job_id).warnings
    assert (warning.type, warning.detail) == (
        "checkpoint_skipped", f"The checkpoint at epoch 2, step 1 can't be saved. {said}",
    )  # fmt: skip
    assert list(idle_bench.context.artifacts.staged(lease.staging_name).iterdir()) == []
    save(idle_bench, lease, journal, 4)
    assert kept(idle_bench, lease) == [4, 1]


def test_a_checkpoint_that_cannot_be_removed_stays_for_the_cleanup(
    idle_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(key: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(idle_bench.context.artifacts, "remove", refuse)
    lease, journal = claim(idle_bench)
    for epoch in (1, 2, 3):
        save(idle_bench, lease, journal, epoch)
    checkpoint = idle_bench.job(lease.job_id).checkpoint
    assert checkpoint is not None
    assert [key.rpartition("-")[2] for key in checkpoint.folders] == ["3", "2"]


def wishes(folder: Path) -> dict[str, Any]:
    """A training that saves a checkpoint and can't save the next ones until `go` exists."""
    return {"save_checkpoint": 1, "skip_checkpoints_until": str(folder / "go"), "epochs": 2}


def test_a_training_goes_on_without_a_checkpoint(bench: Bench, tmp_path: Path) -> None:
    job_id = bench.submit(wishes(tmp_path))
    bench.wait_for(lambda: warnings_of(bench, job_id))
    assert bench.job(job_id).status == "running"
    (tmp_path / "go").touch()
    job = bench.wait_for_status(job_id, "succeeded")
    assert (job.attempt, job.run, warnings_of(bench, job_id)) == (1, 1, ["checkpoint_skipped"])


def test_a_training_whose_checkpoints_fail_for_long_is_paused_and_resumes_from_the_last_good_one(
    make_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = make_bench(disk_full_seconds=0.2)
    bench.start_worker()
    job_id = bench.submit(wishes(tmp_path))
    job = bench.wait_for_status(job_id, "paused")
    assert (job.status_reason, job.desired_status, job.error, job.owner) == ("disk_full", "paused", None, None)
    assert [warning.detail for warning in job.warnings] == [
        "The checkpoint at epoch 2, step 0 can't be saved. The disk is full.", RESUME,
    ]  # fmt: skip
    assert bench.transitions(job_id)[-1] == ("paused", "disk_full")
    (checkpoint,) = training_jobs.KIND.describe(bench.context, job).checkpoints
    assert (checkpoint / "state").read_text() == "checkpoint 1"
    assert bench.left_behind() == []
    (tmp_path / "go").touch()
    bench.order(job_id, "running")
    job = bench.wait_for_status(job_id, "succeeded")
    assert (job.attempt, job.run, job.status_reason) == (1, 1, None)


@pytest.mark.parametrize(("number", "reason"), [(errno.ENOSPC, "disk_full"), (errno.EROFS, "artifacts_unwritable")])
def test_a_training_whose_model_cannot_be_saved_is_paused(bench: Bench, number: int, reason: str) -> None:
    job_id = bench.submit({"save_checkpoint": 1, "fail_to_write": number})
    job = bench.wait_for_status(job_id, "paused")
    assert (job.status_reason, warnings_of(bench, job_id), job.error) == (reason, ["paused"], None)
    assert job.checkpoint is not None
    assert bench.context.artifacts.folder(job.checkpoint.folder).is_dir()
    bench.order(job_id, "cancelled")
    assert bench.context.artifacts.names(f"checkpoints/{job_id}") == []


def test_a_training_for_which_no_folder_can_be_made_is_paused(
    make_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make_bench(disk_full_seconds=0.3)
    bench.start_worker()

    def refuse(name: str) -> Path:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), name)

    with monkeypatch.context() as patch:
        patch.setattr(bench.context.artifacts, "stage", refuse)
        job_id = bench.submit({})
        assert bench.wait_for_status(job_id, "paused").status_reason == "artifacts_unwritable"
    bench.order(job_id, "running")
    bench.wait_for_status(job_id, "succeeded")


def test_a_failure_to_write_names_no_path() -> None:
    failure = failures.unwritable(PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/srv/secret"))
    assert failure["code"] == "artifacts-unwritable"
    assert failure["detail"] == f"{UNWRITABLE}: Permission denied."
