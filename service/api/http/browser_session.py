"""The session of a browser in the dashboard: a cookie with an API key and the project in which to act.

A browser sends cookies without being asked, also for requests that another page makes. So the cookie counts only for
requests that read, and for changes that come from the dashboard's own pages (OWASP, Cross-Site Request Forgery
Prevention, "Fetch Metadata headers").
"""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from service.api.http.scopes import SAFE

COOKIE = "fitserve_session"
SEPARATOR = ":"
"""Between the key and the project in the cookie; neither contains it."""
SAME_ORIGIN = "same-origin"


class BrowserSession(NamedTuple):
    """What the cookie of a request says about its caller."""

    key: str | None
    project: str | None

    def to_cookie(self) -> str:
        """The value of the cookie."""
        return f"{self.key or ''}{SEPARATOR}{self.project or ''}"


NO_SESSION = BrowserSession(None, None)


def read_session(method: str, headers: Mapping[str, str]) -> BrowserSession:
    """The session of a request, by its headers with lower-case names; NO_SESSION if its cookie doesn't count."""
    cookies = headers.get("cookie")
    if cookies is None or not (method in SAFE or is_from_own_page(headers)):
        return NO_SESSION
    found = dict(pair.strip().partition("=")[::2] for pair in cookies.replace(",", ";").split(";"))
    key, _, project = found.get(COOKIE, "").strip('"').partition(SEPARATOR)
    return BrowserSession(key or None, project or None)


def is_from_own_page(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that a page of this service's own origin sent the request.

    Older browsers send no `Sec-Fetch-Site`, but an `Origin` with each change.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == SAME_ORIGIN
    try:
        return bool(headers.get("host")) and urlsplit(headers.get("origin", "")).netloc == headers["host"]
    except ValueError:
        return False
