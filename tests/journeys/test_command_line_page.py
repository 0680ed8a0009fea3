"""The page about the command line does what it says, pasted as it is printed."""

import re
import subprocess
import sys
from pathlib import Path

from tests.printed_pages import PRINTED_ADDRESS, read_blocks, run_commands, run_program
from tests.running_service import ROOT, Client

PAGE = (ROOT / "docs" / "command-line.md").read_text()
BLOCKS = read_blocks(PAGE)


def test_the_session_trains_predicts_and_evaluates(client: Client, tmp_path: Path) -> None:
    printed = "".join(answer.printed for answer in run_commands(BLOCKS, tmp_path, client))
    assert "succeeded: version 1 of irises" in printed
    assert "Rows are the true classes, columns the predicted ones." in printed
    assert (tmp_path / "irises.onnx").stat().st_size > 0
    assert client.get("/v1/models/irises/labels/production")["version"] > 1


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
