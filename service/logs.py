"""The service's log: structlog and standard logging in one format, on standard error, with secrets masked."""

import logging.config
import re
import sys
from typing import Any

import structlog

from service.config import Settings

PASSWORD_IN_URL = re.compile(r"(://[^\s:/@\"']*):[^\s/@\"']+@")
SECRET_OF_KEY = re.compile(r"(fsk_[0-9a-f]{24})_[0-9a-f]+")

SILENT_LOGGERS = ("amqp", "celery", "kombu")
"""Libraries that log each attempt to reach a broker. What matters of it, this service logs itself."""
QUIET_LOGGERS = ("aiobotocore", "alembic", "botocore", "fsspec", "s3fs", "sqlalchemy", "urllib3", "tensorflow", "absl")
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
            mask_secrets,
        ],
    }
    loggers = {name: {"level": "WARNING"} for name in QUIET_LOGGERS}
    loggers |= {name: {"level": "CRITICAL"} for name in SILENT_LOGGERS}
    gunicorn = {"level": level, "handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"level": level, "handlers": ["stderr"]},
        "loggers": loggers | {"gunicorn.error": gunicorn},
    }


def mask_secrets(_logger: Any, _method: str, line: str) -> str:
    """Replace the password of every URL in the line by `***`, and the secret of every API key, also in tracebacks."""
    return mask_keys(PASSWORD_IN_URL.sub(r"\1:***@", line))


def mask_keys(text: str) -> str:
    """Replace the secret of every API key in the text, such as a path that should have its id, by `***`."""
    return SECRET_OF_KEY.sub(r"\1_***", text) if "fsk_" in text else text


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
