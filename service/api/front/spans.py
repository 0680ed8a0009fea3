"""The span of each request, by the semantic conventions of OpenTelemetry for HTTP servers."""

from service.api.front.answers import PROBES
from service.api.front.request import Request
from service.api.front.request_counter import METHODS
from service.api.front.route_templates import RouteTemplates
from service.logs import mask_keys
from service.tracing import Tracing

OTHER_METHOD = "_OTHER"
"""The name of any other method."""
BROKEN = 500
"""The lowest status of a response that isn't the client's fault."""


class RequestSpans:
    """The spans of one process's requests. Probes have none."""

    def __init__(self, tracing: Tracing, routes: RouteTemplates) -> None:
        self._tracing = tracing
        self._routes = routes

    def begin(self, request: Request) -> None:
        """Give a request a span, in its client's trace if it names one."""
        if request.path in PROBES:
            return
        known = request.method in METHODS
        attributes = {
            "http.request.method": request.method if known else OTHER_METHOD,
            "url.path": mask_keys(request.path),
            "url.scheme": request.scope.get("scheme", "http"),
            "network.protocol.version": request.scope["http_version"],
            "user_agent.original": request.headers.get("user-agent"),
            "fitserve.request.id": request.id,
        }
        request.span = self._tracing.begin(request.method if known else "HTTP", request.origin, attributes, serves=True)

    def end(self, request: Request) -> None:
        """End the request's span, if it has one."""
        if request.span is None:
            return
        origin = request.origin
        route = self._routes.find(request.method, request.path)
        if route is not None:
            request.span.rename(f"{request.method if request.method in METHODS else 'HTTP'} {route}")
        attributes = {
            "client.address": request.address or None,  # known once what a proxy says has been read
            "http.route": route,
            "http.response.status_code": request.status,
            "fitserve.job.id": request.job_id,
            "fitserve.key.id": origin.key_id,
            "fitserve.project": origin.project,
        }
        request.span.describe(attributes)
        if request.status is None or request.status >= BROKEN:
            request.span.fail("cancelled" if request.status is None else str(request.status))
        request.span.end()

    def close(self) -> None:
        """Export the spans that have ended, within about a second."""
        self._tracing.end()
