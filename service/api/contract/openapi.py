"""The OpenAPI document: `python -m service.api.contract.openapi` writes openapi.yaml, `--check` compares it."""

import sys
from pathlib import Path
from typing import Any

import yaml
from flask import Flask

from service.api.contract.documentation.completion import complete

PATH = Path(__file__).parents[3] / "openapi.yaml"


def describe(app: Flask) -> dict[str, Any]:
    """The document for all routes of the app, made once."""
    document: dict[str, Any] | None = app.extensions.get("openapi")
    if document is None:
        routes = app.extensions["flask-smorest"]["apis"][""]["ext_obj"].spec.to_dict()
        document = app.extensions["openapi"] = complete(routes, app.extensions["context"].settings)
    return document


def describe_as_yaml(app: Flask) -> str:
    """The same as YAML, which takes long to write: once for each app."""
    text: str | None = app.extensions.get("openapi.yaml")
    if text is None:
        text = app.extensions["openapi.yaml"] = to_yaml(describe(app))
    return text


def to_yaml(document: dict[str, Any]) -> str:
    """The document as YAML, in a form that differs only where the document does."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


class _Dumper(yaml.SafeDumper):
    """Writes whatever is used twice twice, without YAML's references."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)


def main(arguments: list[str]) -> int:
    """Write or check openapi.yaml; the result is the exit code."""
    from service.api.app import create_app
    from service.config import Settings
    from service.context import Context

    text = describe_as_yaml(create_app(Context.from_settings(Settings())))
    if arguments == ["--check"]:
        current = PATH.exists() and PATH.read_text(encoding="utf-8") == text
        print("openapi.yaml is current." if current else "openapi.yaml differs: run make openapi.")
        return 0 if current else 1
    PATH.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
