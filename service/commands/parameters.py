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


def which_jobs(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command that lists jobs."""
    options = (
        click.option("--status", type=click.Choice(statuses.JOB_STATUSES), help="Only those."),
        click.option("--model", help="Only this model's."),
        click.option("--dataset", help="Only those on this dataset."),
        click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many."),
    )
    for option in reversed(options):  # click shows the last one that was added first
        command = option(command)
    return command
