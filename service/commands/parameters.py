"""Kinds of arguments that click doesn't know: JSON in the command line, in a file or from standard input."""

from typing import Any

import click
import orjson


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
