"""What several commands take: JSON in the command line, in a file or from standard input; which jobs to list."""

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
        "--metadata", multiple=True, metavar="KEY=VALUE", callback=_read_entries, help=f"{help}; may be repeated."
    )


takes_metadata = metadata_option("Your own note on it, shown and filtered by")
filters_by_metadata = metadata_option("Only those with this entry in their metadata")


def with_metadata(document: dict[str, Any], entries: dict[str, str] | None) -> dict[str, Any]:
    """The document with these entries in its metadata, besides its own."""
    return document if entries is None else document | {"metadata": (document.get("metadata") or {}) | entries}


def which_jobs(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command that lists jobs."""
    options = (
        click.option("--status", type=click.Choice(statuses.JOB_STATUSES), help="Only those."),
        click.option("--model", help="Only this model's."),
        click.option("--dataset", help="Only those on this dataset."),
        filters_by_metadata,
        click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many."),
    )
    for option in reversed(options):  # click shows the last one that was added first
        command = option(command)
    return command
