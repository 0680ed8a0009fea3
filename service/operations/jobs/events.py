"""The event log of a training job: read in pages, followed while it grows, and put as text."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from models.jobs.training import TrainingRequest
from service import statuses
from service.context import Context
from service.errors import StorageError
from service.event_text import TEXT_TYPES, EventText
from service.operations.jobs import client_jobs
from service.operations.jobs.kinds import training
from service.storage import jobs
from service.storage.records import Event

EVENTS_AT_ONCE = 1000


@dataclass(frozen=True)
class JobState:
    """What changes of a job while it is followed."""

    status: str
    last_seq: int
    """The number of its last event."""

    @property
    def is_final(self) -> bool:
        return self.status in statuses.FINAL


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


def read_states(context: Context, job_ids: Collection[str]) -> dict[str, JobState] | None:
    """How jobs are now, those that there are; None while the database is away."""
    try:
        with context.database.read() as session:
            return {job_id: JobState(*state) for job_id, state in jobs.log_states(session, job_ids).items()}
    except StorageError:
        return None


def read_next(context: Context, job_id: str, after: int) -> Sequence[Event] | None:
    """The next events after number `after`, EVENTS_AT_ONCE at most; None while the database is away."""
    try:
        with context.database.read() as session:
            return jobs.events_after(session, job_id, after, EVENTS_AT_ONCE)
    except StorageError:
        return None


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
