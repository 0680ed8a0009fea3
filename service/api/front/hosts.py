"""Which hosts and sites requests may come for: no web page may drive a service on the reader's own machine."""

from urllib.parse import urlsplit

from service.api.front.request import Request
from service.config import Settings
from service.errors import ServiceError

ANY = "*"
OPEN = "/healthz"
"""The path that may be asked for under any name, for those who look after the process."""
SAFE = ("GET", "HEAD", "OPTIONS")
MOST_REMEMBERED = 1000


class MissingHost(ServiceError):
    """An HTTP/1.1 request names no host (RFC 9112, section 3.2)."""

    code = "bad-request"


class MisdirectedRequest(ServiceError):
    """The request is for a host that the service doesn't answer for."""

    code = "misdirected-request"


class CrossSiteRequest(ServiceError):
    """A browser sends a changing request on behalf of another site."""

    code = "cross-site-request"


class HostRules:
    """The rules of one process, by its settings."""

    def __init__(self, settings: Settings) -> None:
        self._hosts = frozenset(settings.hosts)
        self._origins = frozenset(settings.origins)
        self._allowed: dict[str, bool] = {}

    def check(self, request: Request) -> None:
        """Raises MissingHost, MisdirectedRequest, CrossSiteRequest."""
        headers = request.headers
        host = headers.get("host")
        if host is None:
            if request.scope["http_version"] != "1.0":
                raise MissingHost("The request has no Host header.")
        elif not self._is_allowed(host) and request.path != OPEN:
            raise MisdirectedRequest(
                f'The service does not answer for the host "{host[:200]}". '
                "The operator lists the hosts in FITSERVE_ALLOWED_HOSTS."
            )
        if request.method not in SAFE and ("origin" in headers or "sec-fetch-site" in headers):
            self._check_site(headers.get("origin"), headers.get("sec-fetch-site"))

    def _is_allowed(self, host: str) -> bool:
        known = self._allowed.get(host)
        if known is None:
            known = ANY in self._hosts or _without_port(host.lower()) in self._hosts
            if len(self._allowed) < MOST_REMEMBERED:
                self._allowed[host] = known
        return known

    def _check_site(self, origin: str | None, site: str | None) -> None:
        if origin is not None and origin in self._origins:
            return
        foreign = origin is not None and not self._is_allowed(urlsplit(origin).netloc or origin)
        if foreign or site == "cross-site":
            raise CrossSiteRequest(
                f"A page of another site ({(origin or 'unknown')[:200]}) sent this request. "
                "The operator lists the sites that may in FITSERVE_CORS_ORIGINS."
            )


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
