"""`fitserve picture`: curves, boundaries, samples and the other pictures of the service, as files."""

from pathlib import Path
from typing import Any

import click

from service.commands.command import ServiceCommand, Session
from service.commands.output import print_json


@click.command(cls=ServiceCommand)
@click.argument("path")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write, .svg or .png. Default: the last part of the path, as SVG.",
)  # fmt: skip
@click.option("--width", type=click.IntRange(1), help="Width in pixels.")
@click.option("--height", type=click.IntRange(1), help="Height in pixels.")
@click.option("--theme", type=click.Choice(["light", "dark"]))
def picture(session: Session, path: str, output: Path | None, **options: Any) -> None:
    """Save a picture, such as training-jobs/JOB/curves, or print the numbers that it shows with --json.

    docs/pictures.md lists the paths.
    """
    path = f"/v1/{path.strip('/').removeprefix('v1/')}"
    if session.as_json:
        return print_json(session.client.connection.get(path))
    target = output or Path(f"{path.partition('?')[0].rpartition('/')[2]}.svg")
    try:
        written = session.client.save_picture(path, target, **options)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        raise click.UsageError(f"{target} can't be written: {error.strerror}.") from None
    click.echo(f"{target}: {written:,} bytes")
