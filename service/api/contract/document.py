"""The OpenAPI document of an app, as an object and as YAML."""

from typing import Any

import yaml
from flask import Flask

from service.api.contract.documentation.completion import complete
from service.api.http.links import PREFIX

SERVERS = "servers"


def describe(app: Flask) -> dict[str, Any]:
    """The document for all routes of the app; generated once."""
    document: dict[str, Any] | None = app.extensions.get("openapi")
    if document is None:
        routes = app.extensions["routes.spec"].to_dict()
        document = app.extensions["openapi"] = complete(routes, app.extensions["context"].settings)
    return document


def describe_here(app: Flask) -> dict[str, Any]:
    """The document with the server under which the client of the current request reaches the service."""
    return {**describe(app), SERVERS: _servers_here(app)}


def describe_as_yaml_here(app: Flask) -> str:
    """As `describe_here`, as YAML."""
    generated, here = (to_yaml({SERVERS: servers}) for servers in (describe(app)[SERVERS], _servers_here(app)))
    return describe_as_yaml(app).replace(f"\n{generated}", f"\n{here}", 1)


def _servers_here(app: Flask) -> list[dict[str, Any]]:
    return [{**server, "url": PREFIX.get() or server["url"]} for server in describe(app)[SERVERS]]


def describe_as_yaml(app: Flask) -> str:
    """The document as YAML; written once for each app because it takes long."""
    text: str | None = app.extensions.get("openapi.yaml")
    if text is None:
        text = app.extensions["openapi.yaml"] = to_yaml(describe(app))
    return text


def to_yaml(document: dict[str, Any]) -> str:
    """Write a document as stable YAML: equal documents give equal text."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


class _Dumper(yaml.SafeDumper):
    """Writes repeated values in full, without YAML aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)
