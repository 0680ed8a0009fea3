"""`fitserve datasets versions`, `version`, `add-version`, `append` and `delete-version`."""

from itertools import islice
from pathlib import Path
from typing import Any

import click
import orjson

from service.commands.command import Session
from service.commands.dataset_view import print_version
from service.commands.datasets import datasets, reading_options, takes_files
from service.commands.output import describe_moment, print_items, print_json


@datasets.command("versions")
@click.argument("name")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="Maximum number of items.")
def list_versions(session: Session, name: str, limit: int) -> None:
    """List the versions of a dataset, newest first."""
    members = ("version", "status", "rows", "source")
    print_items(
        islice(session.client.datasets.versions(name), limit),
        (*members, "changes", "sha256", "created"),
        lambda item: (
            *(item[member] for member in members),
            len(item["drift"]["changes"]) if item["drift"] else None,
            item["sha256"] and item["sha256"][:12],
            describe_moment(item["created_at"]),
        ),
        as_json=session.as_json,
    )


@datasets.command("version")
@click.argument("name")
@click.argument("version", type=click.IntRange(1))
def show_version(session: Session, name: str, version: int) -> None:
    """Show a version of a dataset, and how it differs from the one before."""
    _show(session, session.client.datasets.version(name, version))


@datasets.command("add-version")
@click.argument("name")
@takes_files
@reading_options
def add_version(session: Session, name: str, files: tuple[Path, ...], ignore: tuple[str, ...], **options: Any) -> None:
    """Add a version to a dataset from FILES. Omitted options are those of the newest version."""
    _show(session, session.client.datasets.add_version(name, files, ignore=list(ignore) or None, **options))


@datasets.command("append")
@click.argument("name")
@click.argument("rows")
def append(session: Session, name: str, rows: str) -> None:
    """Add a version with the rows of the newest one and ROWS: a JSON file, - for standard input, or the JSON itself, a
    list of objects by column."""
    _show(session, session.client.datasets.append(name, _read_rows(rows)))


@datasets.command("delete-version")
@click.argument("name")
@click.argument("version", type=click.IntRange(1))
def delete_version(session: Session, name: str, version: int) -> None:
    """Delete a version of a dataset that isn't the newest."""
    session.client.datasets.delete_version(name, version)


def _read_rows(rows: str) -> list[dict[str, Any]]:
    try:
        if rows.lstrip().startswith(("[", "{")):
            text = rows.encode()
        else:
            with click.open_file(rows, "rb") as stream:
                text = stream.read()
        document = orjson.loads(text)
    except OSError as error:
        raise click.BadParameter(f'"{rows}" can\'t be read: {error.strerror}.') from None
    except ValueError as error:
        raise click.BadParameter(f"the rows are no JSON: {error}.") from None
    return [document] if isinstance(document, dict) else document


def _show(session: Session, version: dict[str, Any]) -> None:
    if session.as_json:
        return print_json(version)
    print_version(version)
