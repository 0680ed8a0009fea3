"""`fitserve datasets`: datasets for training and evaluation."""

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import click

from service.commands.command import ServiceGroup, Session
from service.commands.dataset_view import print_dataset
from service.commands.output import describe_moment, print_items, print_json
from service.commands.parameters import JSON_DOCUMENT, filters_by_metadata, takes_metadata, with_metadata

READING_OPTIONS = (
    click.option("--target", help="The column to predict."),
    click.option("--ignore", multiple=True, metavar="COLUMN", help="A column to leave out; repeat for several."),
    click.option(
        "--split", type=JSON_DOCUMENT, help='How rows are split, such as \'{"validation": 0.2, "test": 0.2}\'.'
    ),
    click.option(
        "--target-options", type=JSON_DOCUMENT, help='Such as \'{"positive_class": "fraud", "missing": "drop"}\'.'
    ),
    click.option("--types", type=JSON_DOCUMENT, help='Column types, such as \'{"zip": "category"}\'.'),
    click.option("--csv", type=JSON_DOCUMENT, help='CSV format, such as \'{"decimal": ","}\'.'),
    click.option("--window", type=JSON_DOCUMENT, help='Turn a table into sequences: \'{"steps": 24, "horizon": 1}\'.'),
    click.option("--picture", type=JSON_DOCUMENT, help='Size of all images: \'{"height": 32, "width": 32}\'.'),
)

takes_files = click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how a file is read."""
    for option in reversed(READING_OPTIONS):
        command = option(command)
    return command


@click.group(cls=ServiceGroup)
def datasets() -> None:
    """Manage datasets for training and evaluation."""


@datasets.command("list")
@click.option("--status", type=click.Choice(["processing", "ready", "failed"]), help="Filter by status.")
@click.option("--kind", type=click.Choice(["table", "vector", "sequence", "image", "video"]), help="Filter by kind.")
@click.option("--sort", type=click.Choice(["name", "-name", "created_at", "-created_at"]), default="-created_at")
@filters_by_metadata
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="Maximum number of items.")
def list_datasets(session: Session, limit: int, **filters: Any) -> None:
    """List datasets, newest first."""
    items = islice(session.client.datasets.list(**filters), limit)
    members = ("name", "kind", "status", "rows", "source")
    print_items(
        items,
        (*members, "created"),
        lambda item: (*(item[name] for name in members), describe_moment(item["created_at"])),
        as_json=session.as_json,
    )


@datasets.command("show")
@click.argument("name")
def show_dataset(session: Session, name: str) -> None:
    """Show a dataset and its columns."""
    _show(session, session.client.datasets.get(name))


@datasets.command("create")
@click.argument("spec", type=JSON_DOCUMENT)
@takes_metadata
def create_dataset(session: Session, spec: dict[str, Any], metadata: dict[str, str] | None) -> None:
    """Create a dataset from SPEC: a JSON file, - for standard input, or the JSON itself."""
    _show(session, session.client.datasets.create(with_metadata(spec, metadata)))


@datasets.command("upload")
@takes_files
@click.option("--name", required=True, help="Name of the dataset.")
@reading_options
@takes_metadata
def upload(session: Session, files: tuple[Path, ...], name: str, ignore: tuple[str, ...], **options: Any) -> None:
    """Create a dataset from FILES: CSV, JSON, JSON Lines, Parquet, NPZ, or a ZIP of images in class folders.

    Several files are the parts of one table: they have the same columns, and their rows follow each other.
    """
    _show(session, session.client.datasets.upload(files, name, ignore=list(ignore) or None, **options))


@datasets.command("rows")
@click.argument("name")
@click.option("--split", type=click.Choice(["train", "validation", "test"]), default="train", show_default=True)
@click.option("--version", type=click.IntRange(1), help="Version of the dataset; default: the newest.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Maximum number of items.")
def list_rows(session: Session, name: str, split: str, version: int | None, limit: int) -> None:
    """Show rows, in the form that predictions accept."""
    print_items(
        islice(session.client.datasets.rows(name, split, min(limit, 100), version), limit),
        ("row", "instance", "target"),
        lambda item: (item["row"], _brief(item["instance"]), _brief(item["target"])),
        as_json=session.as_json,
    )


@datasets.command("sources")
def list_sources(session: Session) -> None:
    """List the built-in datasets."""
    print_items(
        session.client.datasets.sources(),
        ("source", "description"),
        lambda item: (item["name"], item.get("description")),
        as_json=session.as_json,
    )


@datasets.command("delete")
@click.argument("name")
def delete_dataset(session: Session, name: str) -> None:
    """Delete a dataset."""
    session.client.datasets.delete(name)


def _show(session: Session, dataset: dict[str, Any]) -> None:
    if session.as_json:
        return print_json(dataset)
    print_dataset(dataset)


def _brief(value: Any) -> str | None:
    """A value, shortened to fit into a table cell."""
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:119]}…"
