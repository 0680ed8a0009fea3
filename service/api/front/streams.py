"""A job's events as server-sent events (the HTML standard, section 9.2)."""

import re
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack

import orjson
from flask import Response, request

from service.api.contract.fields import LARGEST_INTEGER
from service.api.front.waits import long_wait
from service.api.http.bodies import no_content
from service.api.http.errors import InvalidHeader, RequestFault
from service.api.http.media_types import EVENT_STREAM
from service.api.http.state import context
from service.operations.jobs import events as job_events
from service.storage.records import Event

LAST_EVENT_ID = "Last-Event-ID"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""No proxy may keep a stream, nor hold it back."""
HEARTBEAT = b": heartbeat\n\n"
HEARTBEAT_SECONDS = 15.0


def stream_events(job_id: str, after: int) -> Response:
    """What happens to a job after event number `after`: `id` is the event's number, `event` its type, `data` its data
    as JSON.

    204, which ends reconnecting, when the job is final and the client has everything. Raises NotFound, and Overloaded
    when too many requests wait already.
    """
    if job_events.is_over(context(), job_id, after):
        return no_content()
    with ExitStack() as held:
        held.enter_context(long_wait())
        batches = job_events.follow(context(), job_id, after)
        response = Response(_write(batches, request.environ.get("gunicorn.socket")), headers=HEADERS)
        response.content_type = EVENT_STREAM
        response.vary.add("Accept")
        response.call_on_close(held.pop_all().close)
    return response


def last_event_id(default: int) -> int:
    """The event that the client has by the request's Last-Event-ID, else the default. Raises InvalidHeader."""
    given = request.headers.get(LAST_EVENT_ID)
    if not given:
        return default
    if not re.fullmatch(r"[0-9]{1,18}", given):
        detail = f"{LAST_EVENT_ID} must be the id of an event, a whole number."
        raise InvalidHeader(detail, [RequestFault(detail, header=LAST_EVENT_ID)])
    return min(int(given), LARGEST_INTEGER)


def _write(batches: Iterable[Sequence[Event]], connection: socket.socket | None) -> Iterator[bytes]:
    """The stream's bytes, with a heartbeat where there would be nothing for a while."""
    wrote_at = -HEARTBEAT_SECONDS
    for events in batches:
        if connection is not None and _is_closed(connection):
            return
        if not events and time.monotonic() - wrote_at < HEARTBEAT_SECONDS:
            continue
        yield b"".join(map(_encode, events)) or HEARTBEAT
        wrote_at = time.monotonic()


def _encode(event: Event) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.seq, event.type.encode(), orjson.dumps(event.data))


def _is_closed(connection: socket.socket) -> bool:
    """Whether the client has gone, which writing would show only with the second heartbeat."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
