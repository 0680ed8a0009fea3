"""How long a request may wait for what it started: the client's Prefer (RFC 7240), the default, and the cap on both."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Response, after_this_request, current_app, request
from werkzeug.http import parse_list_header, unquote_header_value

from service.errors import Overloaded

LONGEST_WAIT = 60
WAITING = ("GET", "HEAD", "POST")
"""The methods of requests that may wait; a change reads its resource too, for its preconditions, at once."""


class WaitPermits:
    """The waits of a process: each holds a thread, so only so many may wait at once."""

    def __init__(self, most: int) -> None:
        self._free = threading.BoundedSemaphore(most)

    @contextmanager
    def hold(self, seconds: float) -> Iterator[float]:
        """The seconds that may be waited: those asked for, or 0 when too many wait already."""
        granted = seconds > 0 and self._free.acquire(blocking=False)
        try:
            yield seconds if granted else 0.0
        finally:
            if granted:
                self._free.release()


@contextmanager
def long_wait() -> Iterator[None]:
    """For a request that can't be answered without waiting. Raises Overloaded when too many wait already."""
    permits: WaitPermits = current_app.extensions["wait_permits"]
    with permits.hold(LONGEST_WAIT) as granted:
        if not granted:
            raise Overloaded("Too many requests are waiting already.", retry_after=5)
        yield


@contextmanager
def preferred_wait(default: float = 0.0) -> Iterator[float]:
    """The seconds to wait: what the client prefers, else the default; 0 when too many wait already."""
    preferred, applied = _read_preference()
    permits: WaitPermits = current_app.extensions["wait_permits"]
    with permits.hold(default if preferred is None else preferred) as wait:
        if preferred is not None and wait == preferred:
            _confirm(applied)
        yield wait


def _confirm(applied: str) -> None:
    """Say in the response, unless it is an error, which preference was followed."""

    def confirm(response: Response) -> Response:
        if response.status_code < 400:
            response.headers["Preference-Applied"] = applied
        return response

    after_this_request(confirm)


def _read_preference() -> tuple[float | None, str]:
    """The wait that the client prefers, and the preference in the form that is confirmed."""
    preferences = _preferences() if request.method in WAITING else {}
    wait = preferences.get("wait", "")
    if wait.isascii() and wait.isdigit():
        seconds = min(int(wait[:6]), LONGEST_WAIT)
        return float(seconds), f"wait={seconds}"
    if "respond-async" in preferences:
        return 0.0, "respond-async"
    return None, ""


def _preferences() -> dict[str, str]:
    """The preferences of the request; of one given twice the first counts, and parameters are ignored."""
    preferences: dict[str, str] = {}
    for item in parse_list_header(",".join(request.headers.getlist("Prefer"))):
        name, _, value = item.partition(";")[0].partition("=")
        preferences.setdefault(name.strip().lower(), unquote_header_value(value.strip()))
    return preferences
