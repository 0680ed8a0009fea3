"""The log: one form for every library, context on each line, no passwords. Each test logs in a process of its own."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.running_service import ROOT

PROLOGUE = """
import logging, structlog
from service import logs
from service.config import Settings
logs.configure(Settings(log_format={log_format!r}), "api")
ours, libraries = structlog.get_logger(), logging.getLogger
"""


def log(program: str, log_format: str = "json") -> str:
    """What a program that sets up the log writes to standard error; on standard output it writes nothing."""
    script = PROLOGUE.format(log_format=log_format) + program
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr
    return ended.stderr


def lines(program: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log(program).splitlines()]


def test_libraries_and_the_service_write_the_same_json() -> None:
    ours, theirs = lines(
        """
structlog.contextvars.bind_contextvars(request_id="r1")
ours.info("model created", model="m")
libraries("gunicorn.error").info("Booting %s", 7)
"""
    )
    assert (ours["event"], ours["model"]) == ("model created", "m")
    assert theirs["event"] == "Booting 7"
    for line in (ours, theirs):
        assert (line["part"], line["level"], line["request_id"]) == ("api", "info", "r1")


def test_details_of_libraries_are_left_out() -> None:
    assert lines('libraries("sqlalchemy.engine").info("SELECT 1"); ours.debug("not asked for")') == []


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_password_is_masked_wherever_it_appears(log_format: str) -> None:
    written = log(
        """
url = "postgresql+psycopg://me:secret@db.example/fitserve"
try:
    raise ValueError(f"can't connect to {url}")
except ValueError:
    ours.exception("failed", url=url)
    libraries("sqlalchemy").exception("failed for %s", url)
""",
        log_format,
    )
    assert "secret" not in written
    assert written.count("me:***@db.example") == 4


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_the_secret_of_a_key_is_masked_wherever_it_appears(log_format: str) -> None:
    written = log(f'ours.warning("refused", header="Bearer fsk_{"a" * 24}_{"5" * 48}")', log_format)
    assert f"Bearer fsk_{'a' * 24}_***" in written
    assert "555" not in written
