"""Shared parameters: JSON from the command line, a file or standard input; filters of job lists."""

from collections.abc import Callable
from typing import Any

import click
import orjson

from service import statuses


class JsonDocument(click.ParamType):
    """A JSON object: the path of a file, `-` for standard input, or the text itself."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, dict):
            return value
        inline = value.lstrip().startswith("{")
        try:
            if inline:
                text = value.encode()
            else:
                with click.open_file(value, "rb") as stream:
                    text = stream.read()
            document = orjson.loads(text)
        except OSError as error:
            self.fail(f'"{value}" can\'t be read: {error.strerror}.', param, ctx)
        except ValueError as error:
            self.fail(f"{'it' if inline else repr(value)} is no JSON: {error}.", param, ctx)
        if not isinstance(document, dict):
            self.fail("it must be a JSON object.", param, ctx)
        return document


JSON_DOCUMENT = JsonDocument()


class ClassNames(click.ParamType):
    """Classes as a JSON list, or as texts that are separated by commas."""

    name = "classes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, list) or not value.lstrip().startswith("["):
            return value if isinstance(value, list) else value.split(",")
        try:
            return orjson.loads(value)
        except ValueError as error:
            self.fail(f"it is no JSON: {error}.", param, ctx)


CLASS_NAMES = ClassNames()


VARIANT_TYPE = click.Choice(["int8"])


def _read_entries(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> dict[str, str] | None:
    """The metadata that `key=value` options give; None without any."""
    entries = dict(text.partition("=")[::2] for text in given)
    if any("=" not in text or text.startswith("=") for text in given):
        raise click.BadParameter("give it as key=value.")
    if len(entries) < len(given):
        raise click.BadParameter("give each key once.")
    return entries or None


def metadata_option(help: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option `--metadata key=value`, which may be given several times."""
    return click.option(
        "--metadata", multiple=True, metavar="KEY=VALUE", callback=_read_entries, help=f"{help}; repeat for several."
    )


takes_metadata = metadata_option("Metadata to attach")
filters_by_metadata = metadata_option("Filter by metadata")


def with_metadata(document: dict[str, Any], entries: dict[str, str] | None) -> dict[str, Any]:
    """The document with these entries in its metadata, besides its own."""
    return document if entries is None else document | {"metadata": (document.get("metadata") or {}) | entries}


def which_jobs(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a command that lists jobs."""
    options = (
        click.option("--status", type=click.Choice(statuses.JOB_STATUSES), help="Filter by status."),
        click.option("--model", help="Filter by model."),
        click.option("--dataset", help="Filter by dataset."),
        filters_by_metadata,
        click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Maximum number of items."),
    )
    for option in reversed(options):  # click lists the option first that was added last
        command = option(command)
    return command
