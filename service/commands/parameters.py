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


def which_jobs(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a command that lists jobs."""
    options = (
        click.option("--status", type=click.Choice(statuses.JOB_STATUSES), help="Filter by status."),
        click.option("--model", help="Filter by model."),
        click.option("--dataset", help="Filter by dataset."),
        click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Maximum number of items."),
    )
    for option in reversed(options):  # click lists the option first that was added last
        command = option(command)
    return command
