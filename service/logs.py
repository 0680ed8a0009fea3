"""The service's log: structlog and standard logging in one format, on standard error, with passwords masked."""

import contextlib
import logging.config
import re
import sys
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import orjson
import structlog

from service.config import Settings

PASSWORD_IN_URL = re.compile(r"(://[^\s:/@\"']*):[^\s/@\"']+@")

QUIET_LOGGERS = ("alembic", "sqlalchemy", "urllib3", "tensorflow", "absl")
"""Libraries whose messages below the level of a warning don't help the operator."""


def configure(settings: Settings, part: str) -> None:
    """Send all log messages of this process to standard error, with `part` (api, worker, …) on every line.

    The context variables of structlog, such as `request_id` or `job_id`, are on each line of their context.
    """
    logging.config.dictConfig(configuration(settings, part))
    logging.captureWarnings(True)
    structlog.configure(
        processors=[*_shared_processors(part), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        cache_logger_on_first_use=True,
    )


def configuration(settings: Settings, part: str) -> dict[str, Any]:
    """The configuration for `logging.config.dictConfig` and for gunicorn's `logconfig_dict`."""
    level = settings.log_level.upper()
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": _shared_processors(part),
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *_renderers(settings.log_format),
            mask_passwords,
        ],
    }
    loggers = {name: {"level": "WARNING"} for name in QUIET_LOGGERS}
    gunicorn = {"level": level, "handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"level": level, "handlers": ["stderr"]},
        "loggers": loggers | {"gunicorn.error": gunicorn},
    }


class RequestLog:
    """Writes one line per request in the format of all other lines, faster than structlog.

    Lines are buffered until `flush`: one write per request would take a tenth of a small prediction's time.
    """

    def __init__(self, settings: Settings, part: str) -> None:
        self._part = part
        self._is_json = settings.log_format == "json"
        self._least = logging.getLevelNamesMapping()[settings.log_level.upper()]
        self._lines: list[str] = []
        self._second, self._prefix = 0, ""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to flush."""
        return not self._lines

    def write(self, level: int, method: str, path: str, status: int, milliseconds: float, request_id: str) -> None:
        """Add the line of a request that took `milliseconds`."""
        if level < self._least:
            return
        moment = self._timestamp()
        if not (path.isascii() and path.isprintable()):
            path = quote(path, safe="/:")
        name = "info" if level == logging.INFO else "debug"
        if self._is_json:
            members = {"part": self._part, "method": method, "path": path, "status": status}
            members |= {"milliseconds": milliseconds, "event": "request", "request_id": request_id}
            line = orjson.dumps(members | {"level": name, "timestamp": moment}).decode()
        else:
            line = (
                f"{moment} [{name:<9}] {'request':<30} method={method} milliseconds={milliseconds} part={self._part} "
                f"path={path} request_id={request_id} status={status}"
            )
        self._lines.append(mask_passwords(None, name, line) if "://" in line else line)

    def flush(self) -> None:
        """Write the collected lines to standard error."""
        lines, self._lines = self._lines, []
        # A request must not fail because nobody reads the log, or its disk is full.
        with contextlib.suppress(OSError):
            sys.stderr.write("".join(f"{line}\n" for line in lines))

    def _timestamp(self) -> str:
        """The time in RFC 3339; the seconds are formatted once per second."""
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second, self._prefix = second, datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._prefix}.{int((now - second) * 1e6):06d}Z"


def mask_passwords(_logger: Any, _method: str, line: str) -> str:
    """Replace the password of every URL in the line by `***`, including those in tracebacks."""
    return PASSWORD_IN_URL.sub(r"\1:***@", line)


def _shared_processors(part: str) -> list[Any]:
    def add_part(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        return {"part": part} | event

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_part,
    ]


def _renderers(log_format: str) -> list[Any]:
    if log_format == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
