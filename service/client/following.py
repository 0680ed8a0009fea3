"""Reads a training job and its events over HTTP, and goes on where a connection ended."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson
import requests

from service import statuses

CONNECT_SECONDS = 5
SILENCE_SECONDS = 45
"""The service sends a heartbeat every 15 s; after three that are missing the connection is dead."""
RETRY_SECONDS = 1.0
PATIENCE_SECONDS = 300.0
"""How long a service may be away in the middle of a job before it is given up."""
AWAY = (429, 502, 503, 504)
"""Statuses after which asking again may help."""


class CannotFollow(Exception):
    """The job can't be followed, or not any longer; the text is one line for people."""


class _Away(Exception):
    """The service doesn't answer now; the text says why."""


class _AlreadyFinal(Exception):
    """The job is final, and all of its events are known."""


@dataclass(frozen=True)
class JobEvent:
    """An event as the service sends it; `seq` counts from 1."""

    seq: int
    type: str
    data: dict[str, Any]

    @property
    def final(self) -> bool:
        """Whether nothing comes after it."""
        return self.type == "transition" and self.data["status"] in statuses.FINAL


class Service:
    """The service at a URL."""

    def __init__(self, url: str, patience: float = PATIENCE_SECONDS) -> None:
        self._url = url.rstrip("/")
        self._patience = patience
        self._answered_at = time.monotonic()
        self._session = requests.Session()
        self._session.headers["Accept-Encoding"] = "identity"  # a compressed stream may be held back

    def job(self, job_id: str) -> dict[str, Any]:
        """The training job. Raises CannotFollow."""
        try:
            with self._get(job_id, Accept="application/json") as response:
                found = response.json()
        except ValueError:
            found = None
        except (_Away, requests.RequestException) as error:
            raise CannotFollow(f"{self._url} doesn't answer: {_reason(error)}.") from None
        if not isinstance(found, dict) or found.get("id") != job_id:
            raise CannotFollow(f"{self._url} answers, but it is no Fitserve.")
        return found

    def follow(self, job_id: str, after: int, tell: Callable[[str], None]) -> Iterator[JobEvent]:
        """Every event after number `after`, once and in order, up to the one that ends the job.

        `tell` is given a line when the service is away. Raises CannotFollow when it stays away.
        """
        told = False
        while True:
            reason = "the stream ended"
            try:
                for event in self._stream(job_id, after):
                    yield event
                    after, told = event.seq, False
                    if event.final:
                        return
            except _AlreadyFinal:
                return
            except (_Away, requests.RequestException) as error:
                reason = _reason(error)
                if not told:
                    tell(f"{self._url} doesn't answer ({reason}); trying again")
                    told = True
            if time.monotonic() - self._answered_at > self._patience:
                raise CannotFollow(f"{self._url} hasn't answered for {self._patience:.0f} s: {reason}.")
            time.sleep(RETRY_SECONDS)

    def _stream(self, job_id: str, after: int) -> Iterator[JobEvent]:
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        with self._get(job_id, "/events", **headers) as response:
            if response.status_code == 204:
                raise _AlreadyFinal
            try:
                yield from read_events(response.iter_lines(8192))
            finally:
                # Until now there was a heartbeat at least, for however long nothing happened to the job.
                self._answered_at = time.monotonic()

    def _get(self, job_id: str, part: str = "", **headers: str) -> requests.Response:
        """A successful answer, whose body is still to be read. Raises CannotFollow, _Away, RequestException."""
        url = f"{self._url}/v1/training-jobs/{quote(job_id, safe='')}{part}"
        try:
            timeout = (CONNECT_SECONDS, SILENCE_SECONDS)
            response = self._session.get(url, headers=headers, timeout=timeout, stream=True)
        except ValueError:
            raise CannotFollow(f'"{self._url}" is not the URL of a service, such as http://127.0.0.1:8000.') from None
        if response.ok:
            return response
        with response:
            detail = _detail(response)
        if response.status_code in AWAY:
            raise _Away(detail)
        raise CannotFollow(f"{self._url}: {detail}")


def read_events(lines: Iterable[bytes]) -> Iterator[JobEvent]:
    """The events of a stream of server-sent events; one that was cut off before its empty line is none."""
    fields: dict[bytes, bytes] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(b":")
            fields[name] = value.removeprefix(b" ")
        elif b"id" in fields:
            yield JobEvent(int(fields[b"id"]), fields[b"event"].decode(), orjson.loads(fields[b"data"]))
            fields = {}


def _detail(response: requests.Response) -> str:
    """What the service says of an error."""
    try:
        return str(response.json()["detail"]).rstrip(".")
    except (ValueError, KeyError, TypeError):
        return f"status {response.status_code}, which Fitserve doesn't answer like this"


def _reason(error: Exception) -> str:
    """Why a service is away, in some words."""
    if isinstance(error, requests.Timeout):
        return "it takes too long"
    return "no connection" if isinstance(error, requests.RequestException) else str(error)
