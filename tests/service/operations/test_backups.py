"""Backups: whole while others write, restored into an empty place whole or not at all."""

import hashlib
import io
import itertools
import os
import sqlite3
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import orjson
import psutil
import pytest
from sqlalchemy import select

from service import statuses
from service.config import Settings
from service.context import Context
from service.errors import BackupError, OutcomeUnknown
from service.operations.catalog import versions
from service.operations.catalog.uploads import ReceivedFile
from service.operations.jobs import client_jobs, recording
from service.operations.jobs.kinds import batch_prediction as batch_predictions
from service.operations.jobs.kinds import training as training_jobs
from service.operations.upkeep import backups
from service.operations.upkeep.references import needed
from service.storage import snapshots
from service.storage.database import Session
from service.storage.documents import KeptCheckpoint
from service.storage.jobs import NewEvent
from service.storage.records import Record, Worker
from tests.contexts import default_context
from tests.databases import ForgetfulDatabase, make_database
from tests.postgresql_server import empty_database
from tests.service.operations import stocked
from tests.service.operations.stocked import checkpoint, claim, files_of, job, submit, train


def ignore(done: int, total: int) -> None:
    assert 0 <= done <= total


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """With a version and a label."""
    context = stocked.make_context(tmp_path / "here")
    train(context, label="best")
    yield context
    context.database.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Callable[..., Context]]:
    """Makes empty places to restore into."""
    made: list[Context] = []

    def make(**settings: str) -> Context:
        made.append(default_context(Settings(data_dir=tmp_path / f"there-{len(made)}", **settings)))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for context in made:
        context.database.close()


@pytest.fixture
def archive(context: Context, tmp_path: Path) -> Path:
    path = tmp_path / "backup.tar"
    assert backups.back_up(context, path, ignore).missing == []
    return path


def rows(context: Context) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table but the workers'."""
    with Session(context.database.engine) as session:
        return {
            table.name: sorted((tuple(row) for row in session.execute(select(table))), key=repr)
            for table in Record.metadata.sorted_tables
            if table.name != Worker.__tablename__
        }


def left_in(context: Context) -> list[Path]:
    """What a restoring left in a place, but empty folders and the file that holds removing."""
    root = context.settings.data_dir
    return [path for path in root.rglob("*") if path.is_file() and path.name != ".hold"]


def test_batch_predictions_are_restored_with_their_results_and_the_files_that_they_wait_with(
    context: Context, tmp_path: Path, place: Callable[..., Context]
) -> None:
    named = {"model": "line", "version": 1, "label": None, "variant": None}
    batch_predictions.create(context, named | {"dataset": "line", "split": None})
    stocked.work(context)
    folder = context.artifacts.stage("upload_1")
    (folder / "data").write_text("1\n2\n")
    file = ReceivedFile(folder, "rows.csv", 4, hashlib.sha256(b"1\n2\n").hexdigest())
    waiting = batch_predictions.create(context, named | {"file": file})
    assert backups.back_up(context, tmp_path / "backup.tar", ignore).missing == []
    there = place()
    backups.restore(there, tmp_path / "backup.tar", ignore)
    kept = {name.split("/")[-1] for name in files_of(there) if name.startswith(("uploads", "batch-predictions"))}
    assert kept == {"SHA256SUMS", "data", "result.parquet"}
    stocked.work(there)
    assert client_jobs.get(there, batch_predictions.KIND, waiting).job.status == statuses.SUCCEEDED
    assert not any(name.startswith("uploads") for name in files_of(there))


def test_what_is_restored_is_what_was_there(context: Context, archive: Path, place: Callable[..., Context]) -> None:
    there = place()
    backups.restore(there, archive, ignore)
    assert rows(there) == rows(context)
    assert files_of(there) == files_of(context)
    train(there)
    assert [version.number for version in stocked.versions(there)] == [1, 2]


def test_a_backup_is_a_file_of_its_owner_that_other_tools_read(archive: Path, tmp_path: Path) -> None:
    assert archive.stat().st_mode & 0o777 == 0o600
    with tarfile.open(archive) as opened:
        names = opened.getnames()
    (tmp_path / "unpacked").mkdir()
    for command in (["tar", "xf", str(archive)], ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]):
        subprocess.run(command, cwd=tmp_path / "unpacked", check=True)
    assert names[:2] == ["manifest.json", "database.db"]
    assert names[-1] == "SHA256SUMS"
    manifest = orjson.loads((tmp_path / "unpacked" / "manifest.json").read_bytes())
    assert manifest["format"] == 1


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_files_may_go_to_another_folder_than_the_database(
    archive: Path, place: Callable[..., Context], tmp_path: Path, scheme: str
) -> None:
    there = place(artifact_url=f"{scheme}{tmp_path}/elsewhere", database_url=f"sqlite:///{tmp_path}/db/rows.db")
    backups.restore(there, archive, ignore)
    assert (tmp_path / "elsewhere" / stocked.versions(there)[0].folder / "network.onnx").is_file()


def test_jobs_wait_for_a_worker_after_they_were_restored(
    context: Context, place: Callable[..., Context], tmp_path: Path
) -> None:
    running, pausing, cancelling, waiting = (submit(context) for _ in range(4))
    claims = {job_.id: lease for lease, job_ in (claim(context) for _ in range(3))}
    key = checkpoint(context, claims[running])
    recording.record(context, claims[running], [NewEvent("epoch", {"epoch": 1, "loss": 1.0}, 1)])
    for job_id, wish in ((pausing, statuses.PAUSED), (cancelling, statuses.CANCELLED)):
        training_jobs.change(context, job_id, {"desired_status": wish})
    context.artifacts.stage(claims[running].staging_name)
    backups.back_up(context, tmp_path / "backup.tar", ignore)
    there = place()
    backups.restore(there, tmp_path / "backup.tar", ignore)

    found = {job_id: job(there, job_id) for job_id in (running, pausing, cancelling, waiting)}
    assert [job_ and job_.status for job_ in found.values()] == ["queued", "paused", "cancelled", "queued"]
    restored = found[running]
    assert restored is not None
    assert (restored.owner, restored.attempt, restored.run) == (None, 1, 1)
    assert restored.checkpoint == KeptCheckpoint(key, epoch=1, step=1)
    assert (there.artifacts.folder(key) / "checkpoint.npz").is_file()
    lease, claimed = claim(there)
    assert (claimed.id, claimed.run, lease.token) == (running, 1, 2)
    assert job(context, running).status == statuses.RUNNING  # type: ignore[union-attr]


def test_every_backup_is_whole_while_checkpoints_and_versions_come_and_go(
    context: Context, place: Callable[..., Context], tmp_path: Path
) -> None:
    ended = threading.Event()
    failures: list[Exception] = []
    submit(context)
    lease, _ = claim(context)

    def write_checkpoints() -> None:
        for number in itertools.count(2):
            if ended.is_set():
                return
            checkpoint(context, lease, f"checkpoint-{number}")

    def make_and_delete_versions() -> None:
        while not ended.is_set():
            stocked.train(context)
            versions.delete(context, "line", stocked.versions(context)[-1].number)

    def noting_failures(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except Exception as error:
                failures.append(error)

        return run

    threads = [threading.Thread(target=noting_failures(w)) for w in (write_checkpoints, make_and_delete_versions)]
    for thread in threads:
        thread.start()
    made = [backups.back_up(context, tmp_path / f"{number}.tar", ignore) for number in range(8)]
    ended.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert all(one.missing == [] for one in made)
    for number in range(8):
        there = place()
        backups.restore(there, tmp_path / f"{number}.tar", ignore)
        with there.database.read() as session:
            keys = needed(session)
        assert keys
        for key in keys:
            assert all(path.stat().st_size for path in there.artifacts.folder(key).iterdir())
    assert not list((context.artifacts.root / ".staging").glob("backup_*"))


def test_files_that_are_missing_are_told_and_the_rest_is_kept(
    context: Context, place: Callable[..., Context], tmp_path: Path
) -> None:
    folder = stocked.versions(context)[0].folder
    context.artifacts.remove(folder)
    assert backups.back_up(context, tmp_path / "backup.tar", ignore).missing == [folder]
    there = place()
    backups.restore(there, tmp_path / "backup.tar", ignore)
    assert rows(there) == rows(context)


def test_a_file_that_is_there_is_never_overwritten(context: Context, tmp_path: Path) -> None:
    (tmp_path / "backup.tar").write_text("precious")
    with pytest.raises(BackupError, match="already exists"):
        backups.back_up(context, tmp_path / "backup.tar", ignore)
    assert (tmp_path / "backup.tar").read_text() == "precious"


def test_a_backup_that_fails_leaves_nothing(context: Context, tmp_path: Path) -> None:
    def give_up(done: int, total: int) -> None:
        raise OSError("No space left on device")

    before = files_of(context)
    with pytest.raises(FileNotFoundError):
        backups.back_up(context, tmp_path / "backups" / "backup.tar", give_up)
    (tmp_path / "backups").mkdir()
    with pytest.raises(OSError, match="No space"):
        backups.back_up(context, tmp_path / "backups" / "backup.tar", give_up)
    assert list((tmp_path / "backups").iterdir()) == []
    assert files_of(context) == before


def test_a_place_that_is_used_is_refused(context: Context, archive: Path, place: Callable[..., Context]) -> None:
    before = rows(context), files_of(context)
    with pytest.raises(BackupError, match="database isn't empty"):
        backups.restore(context, archive, ignore)
    there = place(artifact_url=str(context.artifacts.root))
    with pytest.raises(BackupError, match="isn't empty: it has datasets, models"):
        backups.restore(there, archive, ignore)
    assert (rows(context), files_of(context)) == before
    assert left_in(there) == []


def test_a_place_where_a_service_has_run_idly_is_not_used(archive: Path, place: Callable[..., Context]) -> None:
    there = place()
    make_database(there.settings)
    backups.restore(there, archive, ignore)
    assert len(stocked.versions(there)) == 1


def test_rows_that_can_not_be_written_leave_no_files(archive: Path, place: Callable[..., Context]) -> None:
    there = place(database_url="sqlite:////proc/nowhere/fitserve.db")
    with pytest.raises(OSError, match="nowhere"):
        backups.restore(there, archive, ignore)
    assert left_in(there) == []


@pytest.mark.parametrize("committed", [True, False])
def test_files_stay_while_it_is_unknown_whether_their_rows_were_written(
    archive: Path, place: Callable[..., Context], monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    def forgetful(url: str) -> ForgetfulDatabase:
        database = ForgetfulDatabase(url)
        database.forget(committed=committed)
        return database

    there = place()
    monkeypatch.setattr(snapshots, "Database", forgetful)
    with pytest.raises(OutcomeUnknown):
        backups.restore(there, archive, ignore)
    assert there.artifacts.names("models") != []
    assert len(stocked.versions(there)) == committed


def repack(archive: Path, change: Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]) -> None:
    """Write the archive anew with other members."""
    with tarfile.open(archive) as opened:
        members = [(member, opened.extractfile(member).read()) for member in opened]  # type: ignore[union-attr]
    change(members)
    with tarfile.open(archive, "w") as opened:
        for member, content in members:
            member.size = 0 if member.issym() else len(content)
            opened.addfile(member, io.BytesIO(content))


def added(name: str, **attributes: object) -> Callable[[Path], None]:
    """Puts a member with that name before the checksums."""

    def damage(archive: Path) -> None:
        member = tarfile.TarInfo(name)
        for attribute, value in attributes.items():
            setattr(member, attribute, value)
        repack(archive, lambda members: members.insert(-1, (member, b"evil")))

    return damage


def manifest(content: bytes) -> Callable[[Path], None]:
    def damage(archive: Path) -> None:
        repack(archive, lambda members: members.__setitem__(0, (members[0][0], content)))

    return damage


def cut_at(part: float) -> Callable[[Path], None]:
    return lambda archive: os.truncate(archive, int(archive.stat().st_size * part))


def without(number: int) -> Callable[[Path], None]:
    return lambda archive: repack(archive, lambda members: members.__delitem__(number))


def flip_a_bit(archive: Path) -> None:
    content = bytearray(archive.read_bytes())
    content[content.index(b"SHA256SUMS") - 2000] ^= 1
    archive.write_bytes(content)


def foreign(content: bytes) -> Callable[[Path], None]:
    def damage(archive: Path) -> None:
        archive.write_bytes(content)

    return damage


def database(change_file: Callable[[Path], None]) -> Callable[[Path], None]:
    """Changes the database in an archive and its checksum."""

    def change(archive: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        path = archive.with_suffix(".db")
        path.write_bytes(members[1][1])
        change_file(path)
        old, new = (hashlib.sha256(content).hexdigest().encode() for content in (members[1][1], path.read_bytes()))
        members[1] = (members[1][0], path.read_bytes())
        members[-1] = (members[-1][0], members[-1][1].replace(old, new))

    return lambda archive: repack(archive, lambda members: change(archive, members))


def rewritten(statement: str) -> Callable[[Path], None]:
    def rewrite(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(statement)

    return database(rewrite)


def overwrite_a_page(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4096] = b"\xff" * 4096
    path.write_bytes(content)


TRIGGER = "CREATE TRIGGER evil AFTER UPDATE ON jobs BEGIN DELETE FROM models; END"
A_KEY = "isn't the key of a folder in"


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (cut_at(0), "damaged: empty file"),
        (cut_at(0.01), "damaged"),
        (cut_at(0.5), "damaged"),
        (cut_at(0.9), "damaged|cut off"),
        (without(-1), "cut off"),
        (without(-2), "isn't complete"),
        (without(0), "not a backup of Fitserve"),
        (without(1), "not a backup of Fitserve"),
        (flip_a_bit, "damaged"),
        (foreign(b"\x1f\x8b" + bytes(5000)), "damaged"),
        (foreign(b"hello\n" * 1000), "damaged"),
        (manifest(b"{}"), "not a backup of Fitserve"),
        (manifest(b"[1"), "not a backup of Fitserve"),
        (manifest(b'{"format": 2, "fitserve": "9.1"}'), "Fitserve 9.1 made the backup, in a format"),
        (rewritten("UPDATE alembic_version SET version_num = '9999'"), "A newer Fitserve made the database"),
        (database(overwrite_a_page), "can't be restored: The database is damaged"),
        (rewritten(TRIGGER), 'statements of its own: "evil"'),
        (rewritten("CREATE VIEW evil AS SELECT 1"), 'statements of its own: "evil"'),
        (rewritten("UPDATE versions SET folder = '../../victim/docs'"), "isn't a key"),
        (rewritten("UPDATE versions SET folder = 'models/md_1/../../../victim'"), "isn't a valid name"),
        (rewritten("UPDATE versions SET folder = 'models'"), A_KEY),
        (rewritten("UPDATE versions SET folder = (SELECT folder FROM datasets)"), A_KEY),
        (rewritten("UPDATE versions SET folder = 'models/md_1/tj_1-1'"), "isn't a key of md_"),
        (rewritten("UPDATE datasets SET folder = 'datasets/../ij_1-1'"), "isn't a valid name"),
        (rewritten("UPDATE datasets SET id = '../../victim'"), "isn't a valid id"),
        (rewritten("UPDATE jobs SET id = '../../victim' WHERE kind = 'training'"), "isn't a valid id"),
        (
            rewritten("""UPDATE jobs SET checkpoint = '{"folder": "../victim", "epoch": 1, "step": 1}'"""),
            "isn't a key",
        ),
        (rewritten("""UPDATE jobs SET checkpoint = '{"epoch": 1}'"""), "malformed row"),
        (
            rewritten("""UPDATE jobs SET kind = 'batch_prediction', result = '{"folder": "models/md_1/tj_1-1"}'"""),
            A_KEY,
        ),
        (added("artifacts/models/../../../evil"), "not a regular file"),
        (added("../evil"), "not a regular file"),
        (added("./artifacts/models/a/b"), "not a regular file"),
        (added("/tmp/evil"), "not a regular file"),
        (added("artifacts/models//a/b"), "not a regular file"),
        (added("artifacts/elsewhere/a/b"), 'it contains "artifacts/elsewhere/a/b"'),
        (added("artifacts/models/a"), 'it contains "artifacts/models/a"'),
        (added("evil"), 'it contains "evil"'),
        (added("database.db"), 'it contains "database.db"'),
        (added("artifacts/models/a/b", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "not a regular file"),
        (added("artifacts/models/a/b", type=tarfile.LNKTYPE, linkname="database.db"), "not a regular file"),
        (added("artifacts/models/a/b", type=tarfile.FIFOTYPE), "not a regular file"),
        (added("artifacts/models/a/b", type=tarfile.CHRTYPE), "not a regular file"),
        (added("artifacts/models/a/b", type=tarfile.BLKTYPE), "not a regular file"),
        (added("artifacts/models/a/b", type=tarfile.DIRTYPE), "not a regular file"),
        (added("artifacts/models/a/b"), "isn't complete"),
    ],
)
def test_an_archive_that_is_not_a_whole_backup_is_refused_and_leaves_nothing(
    archive: Path, place: Callable[..., Context], damage: Callable[[Path], None], says: str
) -> None:
    damage(archive)
    there = place()
    with pytest.raises(BackupError, match=says) as refused:
        backups.restore(there, archive, ignore)
    assert "\n" not in str(refused.value)
    assert left_in(there) == []


def test_large_files_pass_through_little_memory(
    context: Context, place: Callable[..., Context], tmp_path: Path
) -> None:
    folder = context.artifacts.folder(stocked.versions(context)[0].folder)
    with (folder / "large").open("wb") as file:
        file.truncate(300_000_000)
    before, peak = psutil.Process().memory_info().rss, 0

    def watch(done: int, total: int) -> None:
        nonlocal peak
        peak = max(peak, psutil.Process().memory_info().rss)

    backups.back_up(context, tmp_path / "backup.tar", watch)
    backups.restore(place(), tmp_path / "backup.tar", watch)
    assert peak - before < 60e6


@pytest.fixture
def postgresql() -> Iterator[str]:
    with empty_database() as url:
        yield url


def test_a_service_moves_to_postgresql_and_back(
    context: Context, archive: Path, place: Callable[..., Context], tmp_path: Path, postgresql: str
) -> None:
    there = place(database_url=postgresql)
    backups.restore(there, archive, ignore)
    assert rows(there) == rows(context)
    backups.back_up(there, tmp_path / "back.tar", ignore)
    back = place()
    backups.restore(back, tmp_path / "back.tar", ignore)
    assert rows(back) == rows(context)
    assert files_of(back) == files_of(context)
    with pytest.raises(BackupError, match="database isn't empty"):
        backups.restore(replace(there, artifacts=place().artifacts), archive, ignore)
