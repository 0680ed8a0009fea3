"""What the commands do that run on the service's own machine: read the settings, open the log, report failures."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from service.config import Settings
from service.environment import InvalidSettings
from service.errors import BackupError, StorageError
from service.storage.artifact_keys import BadKey

PRIVATE = 0o077
"""The umask of the commands that run the service: files get 0600, folders 0700."""


class Refused(click.ClickException):
    """The command can't start. click prints the error and exits with this code."""

    exit_code = 2


@contextmanager
def refusing(*errors: type[Exception]) -> Iterator[None]:
    """Turn these errors into one line on standard error and exit code 2."""
    try:
        yield
    except errors as error:
        raise Refused(_line(error)) from None


@contextmanager
def failing(*errors: type[Exception]) -> Iterator[None]:
    """Turn these errors into one line on standard error and exit code 1."""
    try:
        yield
    except errors as error:
        raise click.ClickException(_line(error)) from None


@contextmanager
def one_line_for_failures() -> Iterator[None]:
    with refusing(StorageError), failing(BackupError, BadKey, OSError):
        yield


def _line(error: Exception) -> str:
    if not isinstance(error, OSError):
        return str(error)
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}."


def prepare(part: str) -> Settings:
    """Read the settings, then set up the folders and the log, and wait for the database."""
    with refusing(InvalidSettings):
        settings = Settings.from_environment()
    os.umask(PRIVATE)
    _make_folder("FITSERVE_DATA_DIR", settings.data_dir)
    _make_folder("FITSERVE_ARTIFACT_URL", settings.artifact_folder)
    from service import logs

    logs.configure(settings, part)
    from service.storage.artifact_stores import wait_for_store
    from service.storage.database import wait_for_server
    from service.storage.permissions import tighten

    with refusing(StorageError):
        wait_for_server(settings.database_url, settings.start_seconds)
        wait_for_store(settings)
    tighten(settings)
    return settings


def _make_folder(variable: str, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"{variable} can't be {folder}: {error.strerror}.") from None
