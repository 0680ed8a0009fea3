"""The `fitserve` command: reads the settings and starts the parts; each command imports only what it runs."""

import sys
from pathlib import Path

import click

from service import __version__, logs
from service.addresses import AddressUnavailable
from service.config import InvalidSettings, Settings


class Refused(click.ClickException):
    """The settings can't be used; click prints the line and ends with this code."""

    exit_code = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fitserve")
def main() -> None:
    """Train and serve neural networks over HTTP.

    Every setting is an environment variable; docs/configuration.md lists them.
    """


@main.command()
def serve() -> None:
    """Run api and worker together."""
    from service import launcher

    settings = _prepare("launcher")
    try:
        sys.exit(launcher.serve(settings))
    except AddressUnavailable as error:
        raise click.ClickException(str(error)) from None


@main.command()
def api() -> None:
    """Run the api alone."""
    settings = _prepare("api")
    from service.api.server import serve
    from service.storage.database import migrate

    migrate(settings.database_url)
    serve(settings)


@main.command()
def worker() -> None:
    """Run a worker alone."""
    settings = _prepare("worker")
    from service.storage.database import migrate
    from service.worker.main import run

    migrate(settings.database_url)
    run(settings)


def _prepare(part: str) -> Settings:
    try:
        settings = Settings.from_environment()
    except InvalidSettings as error:
        raise Refused(str(error)) from None
    _make_folder("FITSERVE_DATA_DIR", settings.data_dir)
    _make_folder("FITSERVE_ARTIFACT_URL", settings.artifact_folder)
    logs.configure(settings, part)
    return settings


def _make_folder(variable: str, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"{variable} can't be {folder}: {error.strerror}.") from None
