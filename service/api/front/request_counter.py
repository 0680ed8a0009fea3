"""Counts requests by the template of their route, such as `/v1/models/{name}`: unlike paths, there are few of them."""

from functools import lru_cache

from service.api.front.route_templates import RouteTemplates
from service.operations.metrics.counted import NANOSECONDS, REQUESTS
from service.operations.metrics.shared_table import OTHER, Labels

UNKNOWN = "unknown"
"""Stands for every path that no route has, and for requests whose path wasn't read."""
METHODS = frozenset(("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"))
MOST_REMEMBERED = 1024


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
        return self._routes.find(method, path) or UNKNOWN, method if method in METHODS else OTHER, str(status)
