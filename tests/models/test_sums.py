"""Checksums of stored files."""

import io
import os
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from models.errors import DamagedDataset, DamagedFile
from models.files import sums
from models.files.sums import SUMS_FILE, Digests, check_files, read_sums, write_sums


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "rows").write_bytes(b"rows")
    (tmp_path / "dataset.json").write_bytes(b"{}")
    write_sums(tmp_path)
    return tmp_path


def test_sha256sum_verifies_a_folder(folder: Path) -> None:
    write_sums(folder)
    command = ["sha256sum", "--check", "--strict", "--quiet", SUMS_FILE]
    assert subprocess.run(command, cwd=folder, check=False).returncode == 0
    assert list(read_sums(folder)) == ["dataset.json", "train/rows"]


def test_what_was_saved_passes_and_what_changed_is_named(folder: Path) -> None:
    for name in (None, "train", "train/rows", "dataset.json"):
        check_files(folder, name)
    (folder / "train" / "rows").write_bytes(b"rowt")
    check_files(folder, "dataset.json")
    for name in (None, "train", "train/rows"):
        with pytest.raises(DamagedDataset, match=r"^The stored file train/rows is damaged"):
            check_files(folder, name, DamagedDataset)


def test_files_that_are_missing_unlisted_or_links_are_refused(folder: Path) -> None:
    (folder / "other").write_text("more")
    for name in ("absent", "other", "train/absent"):
        with pytest.raises(DamagedFile):
            check_files(folder, name)
    (folder / "train" / "rows").rename(folder / "moved")
    with pytest.raises(DamagedFile, match=r"train/rows is missing"):
        check_files(folder, "train")
    (folder / "train" / "rows").symlink_to(folder / "moved")
    with pytest.raises(DamagedFile, match=r"train/rows can't be read"):
        check_files(folder, "train")


def test_a_folder_without_checksums_must_have_the_file(folder: Path) -> None:
    (folder / SUMS_FILE).unlink()
    check_files(folder)
    check_files(folder, "train/rows")
    with pytest.raises(DamagedFile, match=r"absent is missing"):
        check_files(folder, "absent")


def test_a_file_is_read_once_unless_it_changes(folder: Path) -> None:
    digests, path = Digests(), folder / "dataset.json"
    first = digests.of(path)
    status = path.stat()
    path.write_bytes(b"[]")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert digests.of(path) == first
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert digests.of(path) != first


def test_concurrent_readers_of_a_file_share_one_computation(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    computed, others_wait, hash_ = [], threading.Barrier(2), sums._hash

    def hash_slowly(file: io.BufferedReader) -> str:
        computed.append(file.name)
        others_wait.wait(10)
        return hash_(file)

    monkeypatch.setattr(sums, "_hash", hash_slowly)
    digests = Digests()
    with ThreadPoolExecutor(4) as threads:
        found = [threads.submit(digests.of, folder / "train" / "rows") for _ in range(4)]
        others_wait.wait(10)
        assert len({future.result() for future in found}) == 1
    assert len(computed) == 1


def test_the_digests_of_the_files_read_last_are_remembered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "MOST_REMEMBERED", 2)
    computed, hash_ = [], sums._hash

    def note_and_hash(file: io.BufferedReader) -> str:
        computed.append(Path(file.name).name)
        return hash_(file)

    monkeypatch.setattr(sums, "_hash", note_and_hash)
    digests = Digests()
    for name in ("dataset.json", "train/rows", "dataset.json", SUMS_FILE, "dataset.json", "train/rows"):
        digests.of(folder / name)
    assert computed == ["dataset.json", "rows", SUMS_FILE, "rows"]
