"""Checks the hosts and sites of requests, so that web pages can't control a service on the visitor's machine."""

from urllib.parse import urlsplit

from service.api.front.request import Request
from service.api.http.browser_session import is_from_own_page
from service.api.http.links import HEALTHZ
from service.api.http.scopes import SAFE
from service.config import Settings
from service.errors import ServiceError

ANY = "*"
FORMS = "/ui/"
"""The paths that forms of the dashboard post to."""
MOST_REMEMBERED = 1000


class MissingHost(ServiceError):
    """An HTTP/1.1 request has no Host header (RFC 9112, section 3.2)."""

    code = "bad-request"


class MisdirectedRequest(ServiceError):
    """The request is for a host that isn't allowed."""

    code = "misdirected-request"


class CrossSiteRequest(ServiceError):
    """A browser sent a request that changes something on behalf of another site."""

    code = "cross-site-request"


class HostRules:
    """The rules of one process, from its settings."""

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
        elif ", " in host:
            raise MissingHost("The request has more than one Host header.")
        elif not self._is_allowed(host) and request.path != HEALTHZ:
            raise MisdirectedRequest(
                f'The host "{host[:200]}" is not allowed. '
                "The operator lists the allowed hosts in FITSERVE_ALLOWED_HOSTS."
            )
        if request.method not in SAFE and ("origin" in headers or "sec-fetch-site" in headers):
            self._check_site(headers.get("origin"), headers.get("sec-fetch-site"))
            if request.path.startswith(FORMS) and not is_from_own_page(headers):
                raise CrossSiteRequest(
                    "Only the dashboard's own pages can send this. A proxy in front must pass on the Host header."
                )

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
        foreign = origin is not None and not self._is_allowed(_host_of(origin))
        if foreign or site == "cross-site":
            raise CrossSiteRequest(
                f"A page of another site ({(origin or 'unknown')[:200]}) sent this request. "
                "The operator lists the allowed sites in FITSERVE_CORS_ORIGINS."
            )


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def _host_of(origin: str) -> str:
    """The host that an `Origin` names; the text itself if it names none, such as `null`."""
    try:
        return urlsplit(origin).netloc or origin
    except ValueError:
        return origin
