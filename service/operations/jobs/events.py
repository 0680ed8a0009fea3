"""The event log of a training job: pages of events, the state for streams, and the log as text."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from models.jobs.training import TrainingRequest
from service import statuses
from service.context import Context
from service.errors import StorageError
from service.event_text import TEXT_TYPES, EventText
from service.operations.jobs import client_jobs, orders
from service.operations.jobs.kinds import training
from service.storage import jobs
from service.storage.records import Event

EVENT_BATCH = 1000


@dataclass(frozen=True)
class JobState:
    """The state of a job that streams and waits poll."""

    status: str
    last_seq: int
    """The number of its last event."""

    @property
    def is_final(self) -> bool:
        return self.status in statuses.FINAL


def read(context: Context, job_id: str, after: int, limit: int) -> tuple[Sequence[Event], bool]:
    """At most `limit` events after number `after`, and whether there are more. Raises NotFound."""
    with context.database.read() as session:
        client_jobs.find(session, training.KIND, job_id)
        found = jobs.events_after(session, job_id, after, limit + 1)
    return found[:limit], len(found) > limit


def is_over(context: Context, job_id: str, after: int) -> bool:
    """Whether the job is final and has no event after number `after`. Raises NotFound."""
    with context.database.read() as session:
        job = client_jobs.find(session, training.KIND, job_id)
        return job.status in statuses.FINAL and not jobs.events_after(session, job_id, after, 1)


def read_states(context: Context, job_ids: Collection[str]) -> dict[str, JobState] | None:
    """The current states of those jobs that exist; None if the database is unavailable."""
    try:
        with context.database.read() as session:
            return {job_id: JobState(*state) for job_id, state in jobs.log_states(session, job_ids).items()}
    except StorageError:
        return None


def read_next(context: Context, job_id: str, after: int) -> Sequence[Event] | None:
    """At most EVENT_BATCH events after number `after`; None if the database is unavailable."""
    try:
        with context.database.read() as session:
            return jobs.events_after(session, job_id, after, EVENT_BATCH)
    except StorageError:
        return None


def text_log(context: Context, job_id: str) -> tuple[int, Iterator[str]]:
    """The current log as text: what the child process printed, and a line for each epoch.

    Returns the number of the last event, and the text in chunks. Raises NotFound.
    """
    with context.database.read() as session:
        job = client_jobs.find(session, training.KIND, job_id)
        return job.last_seq, _format_events(
            context, job_id, EventText(TrainingRequest.from_document(job.request).epochs), job.last_seq
        )


def log_tail(context: Context, job_id: str, most: int) -> str:
    """The end of the log as text: the last `most` outputs and epochs. Raises NotFound."""
    with context.database.read() as session:
        job = client_jobs.find(session, training.KIND, job_id)
        found = jobs.last_events(session, job_id, most, TEXT_TYPES)
        text = EventText(orders.current_epochs(job))
    return "".join(text.put(event.type, event.data) for event in found)


def _format_events(context: Context, job_id: str, text: EventText, last: int) -> Iterator[str]:
    after = 0
    while True:
        with context.database.read() as session:
            events = jobs.events_after(session, job_id, after, EVENT_BATCH, last=last, types=TEXT_TYPES)
        yield "".join(text.put(event.type, event.data) for event in events)
        if len(events) < EVENT_BATCH:
            return
        after = events[-1].seq
