"""Hands requests over to the front, which waits and streams without a thread, and takes them back."""

from concurrent.futures import Future

from flask import Response, request

from service.api.http.handoff import HANDOFF, RESUMED, STREAM_HEADERS, Drawing, Follow, Wait
from service.api.http.media_types import EVENT_STREAM


def leave_wait(wait: Wait) -> Response:
    """Hand a wait over to the front, which discards this response."""
    # Its traceback would keep what the route has read, for as long as the client waits.
    request.environ[HANDOFF] = wait.with_traceback(None)
    return Response(status=202)


def leave_stream(job_id: str, after: int) -> Response:
    """Hand the stream of a job's events over to the front, which sends it with the headers of this response."""
    request.environ[HANDOFF] = Follow(job_id, after)
    response = Response(iter(()), headers=STREAM_HEADERS)
    response.content_type = EVENT_STREAM
    response.vary.add("Accept")
    return response


def leave_drawing(picture: Future[bytes], media_type: str) -> Response:
    """Hand a picture over to the front, which sends it with the headers of this response."""
    request.environ[HANDOFF] = Drawing(picture)
    return Response(mimetype=media_type)


def resumed() -> Wait | None:
    """The wait of this request if it has ended, else None."""
    wait: Wait | None = request.environ.get(RESUMED)
    return wait
