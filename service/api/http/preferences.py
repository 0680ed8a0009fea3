"""How long a request waits for what it started: the client's Prefer (RFC 7240), the default, and the cap on both."""

from collections.abc import Callable
from typing import Any

from flask import Response, after_this_request, request
from werkzeug.http import parse_list_header, unquote_header_value

from service.api.http.handoff import Wait

LONGEST_WAIT = 60
WAITING = ("GET", "HEAD", "POST")
"""The methods of requests that may wait; a change reads its resource too, for its preconditions, at once."""


def show_after(job_id: str | None, show: Callable[[], Any], default: float = 0.0) -> Any:
    """What `show` returns when a job is final, or when the client's wait is over: `default` seconds unless it says.

    Without a job at once. Raises Wait, which has the front wait.
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
    """Say which preference was followed, unless the answer is an error."""
    if response.status_code < 400:
        response.headers["Preference-Applied"] = applied
    return response


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
