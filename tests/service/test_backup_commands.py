"""`fitserve backup` and `fitserve restore` as an operator meets them: a line, and an exit code."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.running_service import ROOT
from tests.service.operations import stocked


def fitserve(data_dir: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service", *map(str, arguments)]
    environment = {"FITSERVE_DATA_DIR": str(data_dir)}
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
