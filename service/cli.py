"""The `fitserve` command: reads the settings and starts the parts; each command imports only what it runs."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from service import __version__, logs
from service.addresses import AddressUnavailable
from service.client.exit_codes import CANNOT_WATCH
from service.config import InvalidSettings, Settings
from service.errors import BackupError


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


class CannotWatch(click.ClickException):
    """`fitserve watch` can't be run like that; its other exit codes tell how the job ended."""

    exit_code = CANNOT_WATCH


class Watch(click.Command):
    """Wrong usage must not look like the end of a job, so it gets another exit code than click's."""

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        try:
            return super().make_context(*args, **options)
        except click.UsageError as error:
            raise CannotWatch(error.format_message()) from None


@main.command(cls=Watch)
@click.argument("job")
@click.option("--url", help="Where the service is, instead of FITSERVE_URL.")
@click.option("--json", "as_json", is_flag=True, help="Print each event as JSON on a line of its own.")
def watch(job: str, url: str | None, as_json: bool) -> None:
    """Show the training job with the id JOB until it ends.

    In a terminal that is a progress bar from now on, elsewhere a line for each thing that happened since the job was
    made. Ctrl-C ends the watching, not the job; watching can begin again at any time.

    The exit code is 0 when the job succeeded, 1 when it failed, 2 when it was cancelled, 3 when it can't be watched,
    130 after Ctrl-C.
    """
    from service.client.watching import watch

    try:
        sys.exit(watch(job, url or Settings.from_environment().service_url, as_json=as_json))
    except InvalidSettings as error:
        raise CannotWatch(str(error)) from None


@main.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def backup(file: Path) -> None:
    """Write everything that the service keeps into FILE, a tar archive; the service may run meanwhile."""
    settings = _prepare("backup")
    from service.context import Context
    from service.operations.backups import back_up

    with _one_line_for_failures(), _progress("Backing up") as progress:
        done = back_up(Context.from_settings(settings), file, progress)
    for key in done.missing:
        click.echo(f"Warning: the files of {key} are missing.", err=True)
    click.echo(f"{file}: {done.bytes:,} bytes")


@main.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def restore(file: Path) -> None:
    """Bring everything back from FILE, where the settings point to an empty database and an empty folder."""
    settings = _prepare("restore")
    from service.context import Context
    from service.operations import backups

    with _one_line_for_failures(), _progress("Restoring") as progress:
        backups.restore(Context.from_settings(settings), file, progress)
    click.echo(f"restored from {file}")


@contextmanager
def _one_line_for_failures() -> Iterator[None]:
    try:
        yield
    except BackupError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise click.ClickException(f"{where}{error.strerror or error}.") from None


@contextmanager
def _progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error where that is a terminal; it is told how much more was done, of how much."""
    with click.progressbar(length=0, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:

        def advance(done: int, total: int) -> None:
            bar.length = total
            bar.update(done)

        yield advance


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
