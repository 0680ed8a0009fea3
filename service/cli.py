"""The `fitserve` command. Each subcommand imports only the modules that it needs."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from service import __version__
from service.addresses import AddressUnavailable
from service.administration import keys, projects
from service.commands import dataset_versions  # noqa: F401 (its commands belong to `datasets`)
from service.commands.auditing import audit
from service.commands.datasets import datasets
from service.commands.evaluating import evaluate, evaluations
from service.commands.jobs import jobs
from service.commands.models import models
from service.commands.pictures import picture
from service.commands.predicting import predict
from service.commands.training import train
from service.commands.variants import variants
from service.commands.watching import watch
from service.commands.workers import workers
from service.config import Settings
from service.environment import InvalidSettings
from service.errors import StorageError
from service.preparation import PRIVATE, failing, one_line_for_failures, prepare, refusing


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fitserve")
def main() -> None:
    """Train and serve neural networks over HTTP.

    Settings are environment variables; docs/configuration.md lists them. Client commands connect to the service at
    --url or FITSERVE_URL; docs/command-line.md describes them.
    """


for command in (
    models, variants, datasets, train, watch, jobs, predict, evaluate, evaluations, picture, workers, keys, projects,
    audit,
):  # fmt: skip
    main.add_command(command)


@main.command()
def serve() -> None:
    """Run the api and a worker."""
    from service import launcher

    settings = prepare("launcher")
    with refusing(StorageError, AddressUnavailable, InvalidSettings, OSError):
        launcher.prepare(settings)
    sys.exit(launcher.serve(settings))


@main.command()
def api() -> None:
    """Run only the api."""
    settings = prepare("api")
    from service.api.server import serve
    from service.operations.access.exposure import check_exposure
    from service.storage.database import migrate

    with refusing(StorageError, InvalidSettings, OSError):
        migrate(settings.database_url, settings.start_seconds)
        check_exposure(settings)
    with refusing(AddressUnavailable, StorageError):
        serve(settings)


@main.command()
def worker() -> None:
    """Run only a worker."""
    settings = prepare("worker")
    from service.storage.database import migrate
    from service.worker.inability import CannotWork
    from service.worker.main import run

    with refusing(StorageError, OSError):
        migrate(settings.database_url, settings.start_seconds)
    with refusing(StorageError), failing(CannotWork):
        run(settings)


@main.command()
@click.argument("part", type=click.Choice(["api", "worker"]))
def health(part: str) -> None:
    """Check the api or the worker that runs in this container or on this host.

    Exits with code 0 if it can do its work. Otherwise prints the reason and exits with code 1.
    """
    from service import probes

    os.umask(PRIVATE)
    with refusing(InvalidSettings):
        settings = Settings.from_environment()
    problem = probes.api_problem(settings) if part == "api" else probes.worker_problem(settings)
    if problem:
        raise click.ClickException(problem)


@main.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def backup(file: Path) -> None:
    """Back up all data of the service to FILE, a tar archive. The service can be running."""
    settings = prepare("backup")
    from service.context import Context
    from service.operations.upkeep.backups import back_up

    with one_line_for_failures(), _progress("Backing up") as progress:
        done = back_up(Context.from_settings(settings), file, progress)
    for key in done.missing:
        click.echo(f"Warning: the files of {key} are missing.", err=True)
    click.echo(f"{file}: {done.bytes:,} bytes")


@main.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def restore(file: Path) -> None:
    """Restore all data from FILE. The settings must point to an empty database and an empty folder."""
    settings = prepare("restore")
    from service.context import Context
    from service.operations.upkeep import backups

    with one_line_for_failures(), _progress("Restoring") as progress:
        backups.restore(Context.from_settings(settings), file, progress)
    click.echo(f"restored from {file}")


@main.command()
def verify() -> None:
    """Check every stored file against its checksum, and every row of the database. The service can be running.

    Prints a line for each damage, and exits with code 1 if there is any.
    """
    settings = prepare("verify")
    from service.context import Context
    from service.operations.upkeep import verification

    with one_line_for_failures(), _progress("Verifying") as progress:
        found = verification.verify(Context.from_settings(settings), progress)
    for key in found.without_checksums:
        click.echo(f"Warning: {key} was saved without checksums by an older Fitserve.", err=True)
    for damage in found.damages:
        click.echo(f"Damaged: {damage}", err=True)
    click.echo(f"{found.files:,} files with {found.bytes:,} bytes verified: {len(found.damages):,} damaged")
    sys.exit(1 if found.damages else 0)


@contextmanager
def _progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar if standard error is a terminal. Yields a function of the new bytes and the total."""
    with click.progressbar(length=0, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:

        def advance(done: int, total: int) -> None:
            bar.length = total
            bar.update(done)

        yield advance
