"""Jobs whose work is spread over other jobs: shards, and one that joins their results when all of them are done.

Such a job stays `running` while no worker holds it: it waits for its parts. Their ends move it on, in the same
transactions, in which the whole is locked before the part. It ends as it would have without shards: with the joined
result, or with the error of the first shard, in their order, that fails. Its parts are deleted then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from models.documents import Document
from service import statuses
from service.context import Context
from service.operations.jobs import queue
from service.operations.jobs.kind import Kind, Shards, Success
from service.operations.jobs.registry import KINDS, kind_of
from service.storage import jobs
from service.storage.database import Session
from service.storage.jobs import NewEvent
from service.storage.records import Job


@dataclass(frozen=True)
class JoinRequest(Document):
    """To join the results of all shards."""


PROGRESS_SECONDS = 0.2
"""How often the progress of all shards together is recorded, at most."""


def spread(session: Session, whole: Job, shards: Shards) -> None:
    """Spread the work of a locked job, which no worker holds any more then."""
    kind = _find_kind(kind_of(whole).shard_kind)
    jobs.delete_parts(session, whole.id)  # of a job that a worker of a release without shards has put back
    whole.owner, whole.waits_for, whole.shards = None, queue.SHARDS, len(shards.requests)
    whole.progress = {"step": 0, "steps": shards.steps, "fraction": 0.0, "eta_seconds": None}
    for number, request in enumerate(shards.requests):
        queue.add_part(session, kind, request, whole, number)


def lock_whole(session: Session, part_of: str | None, *, wait: bool) -> Job | None:
    """Lock the job of which one is a part, before that one. None if it is a part of no job; without `wait`, also if
    another transaction has locked the whole."""
    return None if part_of is None else jobs.get(session, part_of, lock=True, skip_locked=not wait)


def is_paused(session: Session, part_of: str | None) -> bool:
    """Whether the job of which one is a part is paused. False if it is a part of none."""
    whole = None if part_of is None else jobs.get(session, part_of)
    return whole is not None and whole.status == statuses.PAUSED


def follow(session: Session, whole: Job, events: Sequence[NewEvent]) -> None:
    """Add what a part reports to the log of the locked whole: its messages, and the progress of all parts together."""
    if whole.status in statuses.FINAL:
        return
    told = [event for event in events if event.type == "message" and not event.is_told_once]
    jobs.append_events(session, whole, told)
    if any(event.type == "progress" for event in events) and _is_progress_due(session, whole):
        _sum_progress(session, whole, jobs.parts(session, whole.id))


def settle(session: Session, part: Job) -> None:
    """Move the whole on, which is locked, after one of its parts has ended or was paused. Does nothing if the job is a
    part of none."""
    if part.part_of is None:
        return
    whole = jobs.get(session, part.part_of)
    if whole is None or whole.status in statuses.FINAL:  # a worker of a release without shards has ended it
        jobs.delete_parts(session, part.part_of)
        return
    parts = jobs.parts(session, whole.id)
    first = next((each for each in parts if each.status != statuses.SUCCEEDED), None)
    if first is None:
        _join(session, whole, parts)
    elif first.status == statuses.FAILED:
        _fail(session, whole, first)
    elif part.status == statuses.FAILED:
        # One before it may fail too, with the error that counts. Those after it don't matter any more.
        jobs.delete_parts(session, whole.id, after=part.shard)
    elif part.status == statuses.PAUSED:
        _pause(session, whole, part)
    else:
        _sum_progress(session, whole, parts)


def remove_inputs(context: Context, part: Job) -> None:
    """Remove the inputs of the whole if it has ended with this part. Does nothing if the job is a part of none."""
    if part.part_of is None:
        return
    with context.database.read() as session:
        whole = jobs.get(session, part.part_of)
    if whole is not None and whole.status in statuses.FINAL:
        kind_of(whole).remove_inputs(context, whole)


def _find_kind(name: str | None) -> Kind:
    assert name is not None
    return KINDS[name]


def _join(session: Session, whole: Job, parts: Sequence[Job]) -> None:
    """Queue the job that joins the results; or if it has succeeded, end the whole with its result."""
    _sum_progress(session, whole, parts)
    join = next((part for part in parts if part.shard is None), None)
    if join is None:
        queue.add_part(session, _find_kind(kind_of(whole).join_kind), JoinRequest(), whole, None)
        return
    result = join.result or {}
    success = kind_of(whole).record_success(session, whole, result.get("folder"), result)
    assert isinstance(success, Success)
    queue.move(session, whole, statuses.SUCCEEDED, success.reason)


def _fail(session: Session, whole: Job, part: Job) -> None:
    error = whole.error = part.error or {}
    kind_of(whole).record_failure(session, whole, error)
    queue.move(session, whole, statuses.FAILED, part.status_reason)


def _pause(session: Session, whole: Job, part: Job) -> None:
    """Pause the whole, and its parts that no worker has begun. Those that run may still succeed, or be put back."""
    for each in jobs.lock_queued_parts(session, whole.id):
        queue.move(session, each, statuses.PAUSED)
    whole.warnings = [*whole.warnings, *(warning for warning in part.warnings if warning not in whole.warnings)]
    if whole.status != statuses.PAUSED:
        whole.desired_status = statuses.PAUSED
        queue.move(session, whole, statuses.PAUSED, part.status_reason)


def _is_progress_due(session: Session, whole: Job) -> bool:
    last = jobs.last_events(session, whole.id, 1, ("progress",))
    return not last or abs((datetime.now(UTC) - last[0].at).total_seconds()) >= PROGRESS_SECONDS


def _sum_progress(session: Session, whole: Job, parts: Sequence[Job]) -> None:
    """Record the progress of all shards together."""
    reported = [part.progress for part in parts if part.shard is not None and part.progress]
    done, steps = sum(each["step"] for each in reported), (whole.progress or {})["steps"]
    speed = sum((each["steps"] - each["step"]) / each["eta_seconds"] for each in reported if each["eta_seconds"])
    eta = (steps - done) / speed if speed else None
    whole.progress = {"step": done, "steps": steps, "fraction": done / steps, "eta_seconds": eta}
    jobs.append_events(session, whole, [NewEvent("progress", whole.progress)])
