"""The page about the command line does what it says, pasted as it is printed."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.printed_pages import PRINTED_ADDRESS, read_blocks, run_commands, run_program
from tests.running_service import ROOT, Client, RunningService, running_service

PAGE = (ROOT / "docs" / "command-line.md").read_text()
BLOCKS = read_blocks(PAGE)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service of its own, where the page's names are free."""
    with running_service(tmp_path_factory.mktemp("service")) as running:
        yield running


def test_the_session_trains_predicts_and_evaluates(client: Client, tmp_path: Path) -> None:
    printed = "".join(answer.printed for answer in run_commands(BLOCKS, tmp_path, client))
    assert "succeeded: version 1 of flowers" in printed
    assert "Rows are the true classes, columns the predicted ones." in printed
    assert (tmp_path / "flowers.onnx").stat().st_size > 0
    assert client.get("/v1/models/flowers/labels/production")["version"] > 1


def test_the_program_trains_predicts_and_evaluates(client: Client, tmp_path: Path) -> None:
    assert PRINTED_ADDRESS in PAGE
    (answer,) = run_program(BLOCKS, tmp_path, client)
    *_, ended, labels, accuracy, refusal = answer.printed.splitlines()
    assert ended == "succeeded 1"
    assert labels == "[1, 0]"
    assert float(accuracy) > 0.9
    assert refusal.startswith("409 name-taken ")


def test_every_command_is_on_the_page() -> None:
    listed = subprocess.run([sys.executable, "-m", "service", "--help"], cwd=ROOT, capture_output=True, text=True)
    commands = re.findall(r"^  ([a-z]+)  ", listed.stdout.partition("Commands:")[2], re.MULTILINE)
    assert "train" in commands
    assert [command for command in commands if not re.search(rf"`?{command}\b", PAGE)] == []
