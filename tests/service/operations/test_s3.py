"""Backups, verification and the cleanup of artifacts that are in S3."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from models.files.sums import SUMS_FILE
from service.config import Settings
from service.context import Context
from service.errors import BackupError
from service.operations.catalog import datasets, versions
from service.operations.upkeep import backups, housekeeping
from service.operations.upkeep.verification import Verification, verify
from service.storage.artifact_keys import GROUPS
from tests.contexts import default_context
from tests.s3_server import S3Server
from tests.service.operations import stocked

Make = Callable[..., Context]


@pytest.fixture
def url(s3: S3Server) -> str:
    return f"s3://{s3.make_bucket()}/fitserve"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Make]:
    """Makes empty places."""
    made: list[Context] = []

    def make(**settings: Any) -> Context:
        made.append(default_context(Settings(data_dir=tmp_path / f"host-{len(made)}", **settings)))
        return made[-1]

    yield make
    for context in made:
        context.database.close()


@pytest.fixture
def stored(s3: S3Server, url: str, tmp_path: Path) -> Iterator[Context]:
    """A service in S3, with a version, a job that has a checkpoint, and an upload that waits."""
    context = stocked.make_context(tmp_path / "service", artifact_url=url)
    stocked.train(context)
    stocked.submit(context)
    stocked.checkpoint(context, stocked.claim(context)[0])
    yield context
    context.database.close()


def ignore(done: int, total: int) -> None:
    pass


def objects(s3: S3Server, url: str) -> dict[str, bytes]:
    """The objects of a store, by name."""
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    return {
        name.removeprefix(f"{prefix}/"): s3.client.get_object(Bucket=bucket, Key=name)["Body"].read()
        for name in s3.names(bucket)
    }


def verified(context: Context) -> Verification:
    return verify(context, ignore)


def test_a_laptops_backup_is_restored_into_s3_and_back(s3: S3Server, url: str, place: Make, tmp_path: Path) -> None:
    laptop = stocked.make_context(tmp_path / "laptop")
    stocked.train(laptop)
    stocked.submit(laptop)
    stocked.checkpoint(laptop, stocked.claim(laptop)[0])
    published = {name: content for name, content in stocked.files_of(laptop).items() if not name.startswith(".")}
    backups.back_up(laptop, tmp_path / "laptop.tar", ignore)
    cluster = place(artifact_url=url)
    backups.restore(cluster, tmp_path / "laptop.tar", ignore)
    assert objects(s3, url) == published
    assert (verified(cluster).files, verified(cluster).damages) == (verified(laptop).files, [])
    assert backups.back_up(cluster, tmp_path / "cluster.tar", ignore).missing == []
    again = place()
    backups.restore(again, tmp_path / "cluster.tar", ignore)
    assert stocked.files_of(again) == published
    with pytest.raises(BackupError, match=r"s3://.* isn't empty: it has datasets, models, checkpoints\."):
        backups.restore(place(artifact_url=url), tmp_path / "laptop.tar", ignore)
    laptop.database.close()


def test_a_restore_that_fails_leaves_nothing_in_s3(s3: S3Server, url: str, place: Make, stored: Context) -> None:
    backups.back_up(stored, stored.settings.data_dir / "backup.tar", ignore)
    other = f"s3://{s3.make_bucket()}"
    there = place(artifact_url=other)
    with s3.failing(status=403, methods=("PUT",), ends=SUMS_FILE), pytest.raises(Exception, match="can't write"):
        backups.restore(there, stored.settings.data_dir / "backup.tar", ignore)
    assert objects(s3, other) == {}
    backups.restore(there, stored.settings.data_dir / "backup.tar", ignore)
    assert objects(s3, other) == objects(s3, url)


def test_damaged_and_missing_objects_are_named(s3: S3Server, url: str, stored: Context) -> None:
    """Although this host has sound copies."""
    bucket, key = url.split("/")[2], stocked.versions(stored)[0].folder
    whole = verified(stored)
    assert whole.damages == []
    s3.client.put_object(Bucket=bucket, Key=f"fitserve/{key}/network.onnx", Body=b"changed")
    assert [damage.partition(": ")[0] for damage in verified(stored).damages] == [key]
    s3.client.delete_object(Bucket=bucket, Key=f"fitserve/{key}/{SUMS_FILE}")
    assert verified(stored).damages == [f"{key}: The folder is missing."]


def test_the_cleanup_removes_what_no_row_needs(s3: S3Server, url: str, stored: Context) -> None:
    bucket, before = url.split("/")[2], objects(s3, url)
    for name in ("models/md_gone/tj_gone-1/network.onnx", "uploads/ds_gone/data", "snapshots/tj_gone/tj_gone-1/layout"):
        s3.client.put_object(Bucket=bucket, Key=f"fitserve/{name}", Body=b"left by a process that crashed")
    stored.artifacts.stage("upload_gone")
    housekeeping.clean_up(stored)
    assert len(objects(s3, url)) == len(before) + 3
    s3.requests.clear()
    clean_up_later(stored)
    removals = 3 * 2  # what is in the folder, and whether removal is held
    assert s3.requests.count(f"GET /{bucket}") == len(GROUPS) + len(("uploads in parts", ".probe", ".hold")) + removals
    assert objects(s3, url) == before
    assert not stored.artifacts.staged("upload_gone").exists()


def clean_up_later(context: Context, *, only_host: bool = False) -> None:
    housekeeping.clean_up(context, datetime.now(UTC) + timedelta(hours=1.1), only_host=only_host)


def test_copies_of_what_was_deleted_go_from_all_hosts(stored: Context, place: Make) -> None:
    url = {"artifact_url": stored.settings.artifact_url, "database_url": stored.settings.database_url}
    other, (version,) = place(**url), stocked.versions(stored)
    key, dataset = version.folder, datasets.get(stored, "line").dataset.folder
    assert dataset is not None
    with other.artifacts.holding() as holding:
        copies = [other.artifacts.folder(dataset), holding.folder(key)]
        versions.delete(stored, "line", 1)
        clean_up_later(other, only_host=True)
        assert [copy.exists() for copy in copies] == [True, True]  # it is in use
    housekeeping.clean_up(other, only_host=True)
    assert copies[1].exists()  # for an hour after its use: an execution's row may still come
    clean_up_later(other, only_host=True)
    assert [copy.exists() for copy in copies] == [True, False]


def test_a_cleanup_without_s3_does_the_rest_and_says_what_is_missing(
    stored: Context, s3: S3Server, capsys: pytest.CaptureFixture[str]
) -> None:
    stored.artifacts.stage("upload_gone")
    with s3.failing(status=403):
        clean_up_later(stored)
    told = capsys.readouterr().out
    assert told.count("cleanup incomplete") == 1
    assert "orphans" in told
    assert "refuses access" in told
    assert not stored.artifacts.staged("upload_gone").exists()
    clean_up_later(stored)
    assert "incomplete" not in capsys.readouterr().out
