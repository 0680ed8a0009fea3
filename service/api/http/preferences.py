"""The `Prefer` header (RFC 7240): how long a request waits for the job that it started."""

from collections.abc import Callable
from typing import Any

from flask import Response, after_this_request, request
from werkzeug.http import parse_list_header, unquote_header_value

from service.api.http.handoff import Wait

LONGEST_WAIT = 60
WAITING = ("GET", "HEAD", "POST")
"""The methods that can wait. A change doesn't, because its preconditions read the resource immediately."""


def show_after(job_id: str | None, show: Callable[[], Any], default: float = 0.0) -> Any:
    """Return the result of `show` once the job is final or the client's wait has ended; without a job, immediately.

    The client's `Prefer: wait=N` sets the wait; by default it is `default` seconds. Raises Wait to start the wait.
    """
    preferred, applied = _read_preference()
    seconds = default if preferred is None else preferred

    def show_applied() -> Any:
        if applied:
            after_this_request(lambda response: _confirm(response, applied))
        return show()

    if job_id is None or seconds <= 0:
        return show_applied()
    raise Wait(job_id, seconds, show_applied)


def _confirm(response: Response, applied: str) -> Response:
    """Add the header `Preference-Applied`, unless the response is an error."""
    if response.status_code < 400:
        response.headers["Preference-Applied"] = applied
    return response


def _read_preference() -> tuple[float | None, str]:
    """The client's preferred wait in seconds, if any, and the value for `Preference-Applied`."""
    preferences = _preferences() if request.method in WAITING else {}
    wait = preferences.get("wait", "")
    if wait.isascii() and wait.isdigit():
        seconds = min(int(wait[:6]), LONGEST_WAIT)
        return float(seconds), f"wait={seconds}"
    if "respond-async" in preferences:
        return 0.0, "respond-async"
    return None, ""


def _preferences() -> dict[str, str]:
    """The request's preferences. If one is repeated, the first applies; parameters are ignored."""
    preferences: dict[str, str] = {}
    for item in parse_list_header(",".join(request.headers.getlist("Prefer"))):
        name, _, value = item.partition(";")[0].partition("=")
        preferences.setdefault(name.strip().lower(), unquote_header_value(value.strip()))
    return preferences
