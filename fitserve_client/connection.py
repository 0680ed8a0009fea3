"""Sends requests to a service and retries them if that may help. Every failure raises RequestFailed."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import requests
from requests.auth import AuthBase
from requests.exceptions import ChunkedEncodingError, ContentDecodingError

CONNECT_SECONDS = 5
ANSWER_SECONDS = 90
"""Longer than the longest `Prefer: wait` that the service accepts."""
PATIENCE_SECONDS = 60.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
AWAY = (429, 502, 503, 504)
"""Statuses after which a retry may succeed."""
LOST = (requests.ConnectionError, requests.Timeout, ChunkedEncodingError, ContentDecodingError)
"""Errors of connections that couldn't be opened, broke, or timed out."""


class RequestFailed(Exception):
    """A request failed; has the fields of the problem document (RFC 9457).

    `status` is None if there was no response. `errors` has one entry per error in the request.
    """

    def __init__(self, problem: dict[str, Any], retry_after: float | None = None) -> None:
        super().__init__(problem["detail"])
        self.problem = problem
        self.type: str = problem.get("type", "about:blank")
        self.title: str | None = problem.get("title")
        self.status: int | None = problem.get("status")
        self.detail: str = problem["detail"]
        self.instance: str | None = problem.get("instance")
        self.request_id: str | None = problem.get("request_id")
        self.errors: list[dict[str, Any]] = problem.get("errors", [])
        self.retry_after = retry_after

    @property
    def code(self) -> str:
        """The last part of `type`, such as `name-taken`, for comparison in programs."""
        return self.type.rpartition("/")[2]

    @property
    def passes(self) -> bool:
        """Whether a retry of the same request may succeed."""
        if self.code == "quota-exceeded" and self.retry_after is None:
            return False  # something has to be deleted first
        return self.status is None or self.status in AWAY or self.code == "request-in-progress"


class Credentials(AuthBase):
    """Sends a key with every request, instead of what a `.netrc` file may have for the host."""

    def __init__(self, key: str | None, project: str | None) -> None:
        self._key = key
        self._project = project

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the headers."""
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"
        if self._project:
            request.headers["Fitserve-Project"] = self._project
        return request


class Connection:
    """Sends requests to the service at a URL, which may have a path, such as `https://example.org/fitserve`.

    While the service is unreachable or overloaded, every request is retried for `patience` seconds. This is safe:
    reads, deletions, predictions and assignments are idempotent, and requests that create something have an
    Idempotency-Key. Until the first response, `first_patience` applies instead. `tell` is called with a line before the
    first retry. Raises ValueError for an invalid URL.
    """

    def __init__(
        self, url: str, auth: Credentials, patience: float, first_patience: float, tell: Callable[[str], None]
    ) -> None:
        self.url = url.rstrip("/")
        self.tell = tell
        self._patience = patience
        self._first_patience = first_patience
        self._answered = False
        self._session = requests.Session()
        self._session.auth = auth
        try:
            self._session.get_adapter(requests.Request("GET", self.url).prepare().url or "")
        except ValueError:
            raise ValueError(f'"{url}" is not the URL of a service, such as http://127.0.0.1:8000.') from None

    def close(self) -> None:
        """Close the open connections."""
        self._session.close()

    def request(self, method: str, path: str, *, answer_seconds: float = ANSWER_SECONDS, **options: Any) -> Any:
        """Send a request and return the successful `requests.Response`; `options` are those of `requests.request`.

        Returns None if the response to a deletion was lost and the retry finds nothing. Raises RequestFailed.
        """
        options |= {"timeout": (CONNECT_SECONDS, answer_seconds)}
        began, attempt = 0.0, 0
        while True:
            try:
                return self._send(method, path, options)
            except RequestFailed as failure:
                if method == "DELETE" and attempt and failure.status == 404:
                    return None  # the first request deleted it, but its response was lost
                if not failure.passes:
                    raise
                began = began or time.monotonic()
                pause = pause_before(attempt) if failure.retry_after is None else failure.retry_after
                patience = self._patience if self._answered else self._first_patience
                if time.monotonic() + pause > began + patience:
                    raise
                if not attempt:
                    self.tell(f"{failure.detail.rstrip('.')}; trying again")
            attempt += 1
            time.sleep(pause)

    def path_of(self, link: str) -> str:
        """The path for `request` of a link from a response.

        Links begin with the path of the URL if a reverse proxy has told the service, else with `/v1`. Scheme and host
        are always those of the URL.
        """
        parts, prefix = urlsplit(link), urlsplit(self.url).path
        path = parts.path.removeprefix(prefix) if parts.path.startswith(f"{prefix}/") else parts.path
        return f"{path}?{parts.query}" if parts.query else path

    def get(self, path: str, **options: Any) -> Any:
        """Send a GET and return the JSON object of the response."""
        return self.read(self.request("GET", path, **options))

    def create(self, path: str, *, headers: dict[str, str] | None = None, **options: Any) -> Any:
        """Create a resource with a POST. Retries create nothing more."""
        keyed = {"Idempotency-Key": str(uuid4())} | (headers or {})
        return self.read(self.request("POST", path, headers=keyed, **options))

    def read(self, response: requests.Response) -> Any:
        """The JSON object of a response. Raises RequestFailed if it has none."""
        try:
            document = response.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise RequestFailed({"status": response.status_code, "detail": f"{self.url} answers, but is no Fitserve."})
        return document

    def _send(self, method: str, path: str, options: dict[str, Any]) -> requests.Response:
        try:
            # A redirected request would be repeated as a GET without its body.
            response = self._session.request(method, self.url + path, allow_redirects=method == "GET", **options)
        except LOST as error:
            reason = "it takes too long" if isinstance(error, requests.Timeout) else "no connection"
            raise RequestFailed({"title": "No answer", "detail": f"{self.url} doesn't answer: {reason}."}) from None
        self._answered = True
        if response.is_redirect:
            with response:
                location = response.headers["Location"]
                detail = f"{response.url} redirects to {location}: use the URL of the service that it redirects to."
                raise RequestFailed({"title": "Redirected", "status": response.status_code, "detail": detail})
        if response.ok:
            return response
        with response:
            raise RequestFailed(_problem(response), read_retry_after(response.headers.get("Retry-After")))


def pause_before(attempt: int) -> float:
    """Seconds until the next retry: exponential backoff with jitter, so that clients don't retry in step."""
    return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**attempt) * random.uniform(0.5, 1)


def read_retry_after(value: str | None) -> float | None:
    """The delay of a Retry-After header (RFC 9110), a number of seconds or a date; None if missing or invalid."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _problem(response: requests.Response) -> dict[str, Any]:
    """The problem document of an error response; always has `status` and `detail`."""
    try:
        document = response.json()
    except ValueError:
        document = None
    if isinstance(document, dict) and isinstance(document.get("detail"), str):
        return {**document, "status": response.status_code}
    detail = f"status {response.status_code} from {response.url}, which is not a response of Fitserve."
    return {"title": response.reason, "status": response.status_code, "detail": detail}
