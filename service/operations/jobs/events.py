"""The event log of a training job: read in pages, followed while it grows, and put as text."""

from collections.abc import Iterator, Sequence

from models.jobs.training import TrainingRequest
from service import statuses
from service.context import Context
from service.errors import DatabaseUnavailable
from service.event_text import TEXT_TYPES, EventText
from service.operations.jobs import client_jobs
from service.operations.jobs.kinds import training
from service.operations.jobs.waiting import pause
from service.storage import jobs
from service.storage.records import Event

EVENTS_AT_ONCE = 1000
LOOK_SECONDS = 0.2
"""Time between two looks for new events: that between two batches of a supervisor."""


def read(context: Context, job_id: str, after: int, limit: int) -> tuple[Sequence[Event], bool]:
    """Some events after number `after`, and whether there are more. Raises NotFound."""
    with context.database.read() as session:
        client_jobs.find(session, training.KIND, job_id)
        found = jobs.events_after(session, job_id, after, limit + 1)
    return found[:limit], len(found) > limit


def is_over(context: Context, job_id: str, after: int) -> bool:
    """Whether the job is final and nothing has happened after event `after`. Raises NotFound."""
    with context.database.read() as session:
        job = client_jobs.find(session, training.KIND, job_id)
        return job.status in statuses.FINAL and not jobs.events_after(session, job_id, after, 1)


def follow(context: Context, job_id: str, after: int) -> Iterator[Sequence[Event]]:
    """What happens after event `after`, batch by batch; an empty one says that nothing did for a moment.

    Ends with the job's final status, when the job is deleted, and when this process shuts down. While the database is
    away, nothing happens.
    """
    while True:
        events, over = _look(context, job_id, after)
        yield events
        if events:
            after = events[-1].seq
        if over or (len(events) < EVENTS_AT_ONCE and pause(LOOK_SECONDS)):
            return


def _look(context: Context, job_id: str, after: int) -> tuple[Sequence[Event], bool]:
    """The next events, and whether there will be no others."""
    try:
        with context.database.read() as session:
            state = jobs.log_state(session, job_id)
            if state is None:
                return (), True
            status, last_seq = state
            events = jobs.events_after(session, job_id, after, EVENTS_AT_ONCE) if last_seq > after else ()
    except DatabaseUnavailable:
        return (), False
    return events, status in statuses.FINAL and len(events) < EVENTS_AT_ONCE


def text_log(context: Context, job_id: str) -> tuple[int, Iterator[str]]:
    """What the training process printed and a line for each epoch, as it is now: the number of the last event, and the
    text piece by piece. Raises NotFound."""
    with context.database.read() as session:
        job = client_jobs.find(session, training.KIND, job_id)
        return job.last_seq, _put_as_text(
            context, job_id, EventText(TrainingRequest.from_document(job.request).epochs), job.last_seq
        )


def _put_as_text(context: Context, job_id: str, text: EventText, last: int) -> Iterator[str]:
    after = 0
    while True:
        with context.database.read() as session:
            events = jobs.events_after(session, job_id, after, EVENTS_AT_ONCE, last=last, types=TEXT_TYPES)
        yield "".join(text.put(event.type, event.data) for event in events)
        if len(events) < EVENTS_AT_ONCE:
            return
        after = events[-1].seq
