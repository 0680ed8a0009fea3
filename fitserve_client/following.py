"""Streams the events of a training job, and resumes the stream when a connection breaks."""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import requests

from fitserve_client import statuses
from fitserve_client.connection import LOST, Connection

SILENCE_SECONDS = 45.0
"""The service sends a heartbeat every 15 s; after three missing ones the connection counts as dead."""
RECONNECT_SECONDS = 1.0


@dataclass(frozen=True)
class JobEvent:
    """An event, as the service sends it; `seq` counts from 1."""

    seq: int
    type: str
    data: dict[str, Any]

    @property
    def final(self) -> bool:
        """Whether this is the last event of the job."""
        return self.type == "transition" and self.data["status"] in statuses.FINAL


def follow(connection: Connection, path: str, after: int = 0, timeout: float | None = None) -> Iterator[JobEvent]:
    """Yield every event after number `after`, once and in order, until the job is final.

    Raises RequestFailed if the service stays unreachable, TimeoutError if the job isn't final after `timeout` seconds.
    """
    deadline = float("inf") if timeout is None else time.monotonic() + timeout
    while True:
        try:
            for event in _stream(connection, path, after, deadline):
                yield event
                after = event.seq
                if event.final:
                    return
                _check(deadline)
        except LOST:
            pass  # the next stream resumes after the last event received
        except _AllKnown:
            return
        _check(deadline)
        time.sleep(RECONNECT_SECONDS)


class _AllKnown(Exception):
    """The job is final, and all its events have been received."""


def _check(deadline: float) -> None:
    if time.monotonic() >= deadline:
        raise TimeoutError("The job isn't final yet.")


def _stream(connection: Connection, path: str, after: int, deadline: float) -> Iterator[JobEvent]:
    headers = {
        "Accept": "text/event-stream",
        "Accept-Encoding": "identity",  # compression may delay a stream
        "Last-Event-ID": str(after),
    }
    silence = min(SILENCE_SECONDS, max(0.1, deadline - time.monotonic()))
    response: requests.Response
    with connection.request("GET", path, headers=headers, stream=True, answer_seconds=silence) as response:
        if response.status_code == 204:
            raise _AllKnown
        yield from read_events(response.iter_lines(8192))


def read_events(lines: Iterable[bytes]) -> Iterator[JobEvent]:
    """Parse server-sent events; an event without its terminating empty line is dropped."""
    fields: dict[bytes, bytes] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(b":")
            fields[name] = value.removeprefix(b" ")
        elif b"id" in fields:
            yield JobEvent(int(fields[b"id"]), fields[b"event"].decode(), json.loads(fields[b"data"]))
            fields = {}
