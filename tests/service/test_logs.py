"""The log: one form for every library, context on each line, no passwords."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from service import logs
from service.config import Settings


@pytest.fixture
def configure() -> Iterator[Callable[[str], None]]:
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    yield lambda log_format: logs.configure(Settings(log_format=log_format), "api")
    root.level, root.handlers = before
    logging.captureWarnings(False)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_libraries_and_the_service_write_the_same_json(
    configure: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    configure("json")
    structlog.contextvars.bind_contextvars(request_id="r1")
    structlog.get_logger().info("model created", model="m")
    logging.getLogger("gunicorn.error").info("Booting %s", 7)
    ours, theirs = lines(capsys)
    assert (ours["event"], ours["model"]) == ("model created", "m")
    assert theirs["event"] == "Booting 7"
    for line in (ours, theirs):
        assert (line["part"], line["level"], line["request_id"]) == ("api", "info", "r1")


def test_details_of_libraries_are_left_out(
    configure: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    configure("json")
    logging.getLogger("sqlalchemy.engine").info("SELECT 1")
    structlog.get_logger().debug("not asked for")
    assert lines(capsys) == []


def test_requests_are_logged_but_not_the_health_checks(
    configure: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    configure("json")
    for path in ("/readyz", "/v1/models", "/healthz"):
        logging.getLogger("gunicorn.access").info("%(U)s", {"U": path})
    assert [line["event"] for line in lines(capsys)] == ["/v1/models"]


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_password_is_masked_wherever_it_appears(
    configure: Callable[[str], None], capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    configure(log_format)
    url = "postgresql+psycopg://me:secret@db.example/fitserve"
    try:
        raise ValueError(f"can't connect to {url}")
    except ValueError:
        structlog.get_logger().exception("failed", url=url)
        logging.getLogger("sqlalchemy").exception("failed for %s", url)
    written = capsys.readouterr().err
    assert "secret" not in written
    assert written.count("me:***@db.example") == 4
