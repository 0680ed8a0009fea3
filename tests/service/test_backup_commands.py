"""`fitserve backup` and `fitserve restore` as an operator meets them: a line, and an exit code."""

import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running_service import ROOT
from tests.service.operations import stocked


def fitserve(data_dir: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service", *map(str, arguments)]
    # The host of the api's image is open, which doesn't concern commands that don't listen.
    environment = {"FITSERVE_DATA_DIR": str(data_dir), "FITSERVE_HOST": "0.0.0.0"}
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_backup_and_its_restoring_say_what_they_did(tmp_path: Path) -> None:
    context = stocked.make_context(tmp_path / "here")
    stocked.train(context)
    context.artifacts.remove(stocked.versions(context)[0].folder)
    context.database.close()
    archive = tmp_path / "backup.tar"
    ended = fitserve(tmp_path / "here", "backup", archive)
    assert (ended.returncode, ended.stdout) == (0, f"{archive}: {archive.stat().st_size:,} bytes\n")
    assert ended.stderr == f"Warning: the files of {stocked.versions(context)[0].folder} are missing.\n"
    ended = fitserve(tmp_path / "there", "restore", archive)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"restored from {archive}\n", "")


def test_verifying_counts_the_files_and_names_the_damaged_ones(tmp_path: Path) -> None:
    context = stocked.make_context(tmp_path)
    stocked.train(context)
    context.database.close()
    ended = fitserve(tmp_path, "verify")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert re.fullmatch(r"\d+ files with [\d,]+ bytes verified: 0 damaged\n", ended.stdout)
    folder = stocked.versions(context)[0].folder
    context.database.close()
    (context.artifacts.root / folder / "network.onnx").write_bytes(b"")
    ended = fitserve(tmp_path, "verify")
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"Damaged: {folder}: The stored file network.onnx is damaged")
    assert ended.stdout.endswith("1 damaged\n")


def modes(folder: Path) -> set[str]:
    """The rights on everything below a folder."""
    return {stat.filemode(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}


def test_what_is_written_is_for_its_own_user_alone(tmp_path: Path) -> None:
    context = stocked.make_context(tmp_path / "here")
    stocked.train(context)
    context.database.close()
    fitserve(tmp_path / "here", "backup", tmp_path / "backup.tar")
    assert fitserve(tmp_path / "there", "restore", tmp_path / "backup.tar").returncode == 0
    assert any(tmp_path.joinpath("there", "artifacts").rglob("*.onnx"))
    assert modes(tmp_path / "there") == {"-rw-------", "drwx------"}


def test_what_an_older_service_left_open_is_closed_and_the_folder_of_data_left_alone(tmp_path: Path) -> None:
    context = stocked.make_context(tmp_path)
    context.database.close()
    tmp_path.chmod(0o755)
    context.artifacts.root.mkdir(mode=0o755, exist_ok=True)
    (tmp_path / "fitserve.db").chmod(0o644)
    assert fitserve(tmp_path, "backup", tmp_path / "backup.tar").returncode == 0
    assert stat.filemode(context.artifacts.root.stat().st_mode) == "drwx------"
    assert stat.filemode((tmp_path / "fitserve.db").stat().st_mode) == "-rw-------"
    assert stat.filemode(tmp_path.stat().st_mode) == "drwxr-xr-x"


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("backup", "There is no database {folder}/fitserve.db."),
        ("restore", "{archive}: No such file or directory."),
    ],
)
def test_what_can_not_be_done_is_said_in_a_line(tmp_path: Path, command: str, says: str) -> None:
    archive = tmp_path / "absent.tar"
    ended = fitserve(tmp_path / "empty", command, archive)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"Error: {says.format(folder=tmp_path / 'empty', archive=archive)}\n"
    assert not archive.exists()
