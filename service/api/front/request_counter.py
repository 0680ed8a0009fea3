"""Counts requests by the template of their route, such as `/v1/models/{name}`: unlike paths, there are few of them."""

import re
from functools import lru_cache

from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Map

from service.operations.metrics.counted import NANOSECONDS, REQUESTS
from service.operations.metrics.shared_table import OTHER, Labels

UNKNOWN = "unknown"
"""Stands for every path that no route has, and for requests whose path wasn't read."""
METHODS = frozenset(("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"))
MOST_REMEMBERED = 1024
PARAMETER = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")
"""A parameter in a rule of werkzeug, with its converter."""


class RouteTemplates:
    """Finds the templates of the routes of a URL map, as openapi.yaml writes them."""

    def __init__(self, url_map: Map) -> None:
        self._adapter = url_map.bind("localhost")

    def find(self, method: str, path: str) -> str:
        """The template of a path's route; that of another method if none takes this one."""
        try:
            return self._match(method, path)
        except MethodNotAllowed as error:
            return self._match(next(iter(error.valid_methods or ()), "GET"), path)
        except HTTPException:
            return UNKNOWN

    def _match(self, method: str, path: str) -> str:
        rule, _ = self._adapter.match(path, method, return_rule=True)
        return PARAMETER.sub(r"{\1}", rule.rule)


class RequestCounter:
    """Counts the requests of one process. It belongs to one event loop."""

    def __init__(self, routes: RouteTemplates) -> None:
        self._routes = routes
        # Most requests are predictions, which have the same few paths again and again.
        self._labels = lru_cache(MOST_REMEMBERED)(self._find_labels)

    def count(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count a request that was answered with a status after `seconds`."""
        REQUESTS.count(self._labels(method, path, status), int(seconds * NANOSECONDS))

    def _find_labels(self, method: str, path: str, status: int) -> Labels:
        return self._routes.find(method, path), method if method in METHODS else OTHER, str(status)
