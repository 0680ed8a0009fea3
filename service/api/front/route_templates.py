"""Finds the templates of routes, such as `/v1/models/{name}`: unlike paths, there are few of them."""

import re
from contextlib import suppress

from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Map

PARAMETER = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")
"""A parameter in a rule of werkzeug, with its converter."""


class RouteTemplates:
    """Finds the templates of the routes of a URL map, as openapi.yaml writes them."""

    def __init__(self, url_map: Map) -> None:
        self._adapter = url_map.bind("localhost")

    def find(self, method: str, path: str) -> str | None:
        """The template of a path's route; that of another method if none takes this one. None without a route."""
        with suppress(HTTPException):
            try:
                return self._match(method, path)
            except MethodNotAllowed as error:
                return self._match(next(iter(error.valid_methods or ()), "GET"), path)
        return None

    def _match(self, method: str, path: str) -> str:
        rule, _ = self._adapter.match(path, method, return_rule=True)
        return PARAMETER.sub(r"{\1}", rule.rule)
