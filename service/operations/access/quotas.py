"""Quotas of projects: checked in the transaction that creates a job, and before a worker claims one."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from service.callers import DEFAULT_PROJECT
from service.errors import NotFound, QuotaExceeded
from service.operations.jobs.kind import Kind
from service.storage import projects, usage
from service.storage.database import Session
from service.storage.documents import Quotas
from service.storage.records import Job
from service.storage.unit_of_work import project_of
from service.storage.usage import Span

DAY = timedelta(days=1)
QUEUE_SECONDS = 30
"""After how long a client may find a place in the queue again."""


@dataclass(frozen=True)
class Usage:
    """What a project uses of its quotas, by the names of service.storage.documents.Quotas."""

    queued_jobs: int
    running_jobs: int
    stored_bytes: int
    training_seconds_per_day: int


def measure(session: Session, names: Collection[str], kinds: Collection[Kind]) -> dict[str, Usage]:
    """What these projects use."""
    queued = usage.count_queued(session, names)
    running = usage.count_running(session, names, [kind.name for kind in kinds if kind.from_clients])
    stored = usage.sum_stored_bytes(session, names)
    now = datetime.now(UTC)
    trained = usage.find_spans(session, names, [kind.name for kind in kinds if kind.trains], now - DAY)
    return {
        name: Usage(
            queued.get(name, 0), running.get(name, 0), stored.get(name, 0), int(_sum(trained.get(name, []), now))
        )
        for name in names
    }


def check_new(session: Session, kind: Kind, added_bytes: int) -> None:
    """Check the quotas of the project in which the transaction has added a job, with files of `added_bytes`.

    Other transactions that create jobs in the project wait until this one ends, so lock everything else before.
    Raises QuotaExceeded, and NotFound if the project was deleted meanwhile.
    """
    name = project_of(session)
    project = None if name is None else projects.lock_shared(session, name)
    if project is None:
        if name not in (None, DEFAULT_PROJECT):
            raise NotFound(f'The project "{name}" was deleted.')
        return
    if project.quotas == Quotas():
        return
    projects.lock_exclusive(session, project)
    limits = project.quotas
    _check_queued(session, project.name, limits.queued_jobs)
    if kind.stores:
        _check_stored(session, project.name, limits.stored_bytes, added_bytes)
    if kind.trains:
        kinds = [kind.name] if kind.helped_by is None else [kind.name, kind.helped_by]
        _check_trained(session, project.name, limits.training_seconds_per_day, kinds)


def _check_queued(session: Session, name: str, limit: int | None) -> None:
    if limit is None:
        return
    used = usage.count_queued(session, [name])[name] - 1
    if used >= limit:
        detail = f'The project "{name}" has {used:,} queued jobs, and its quota "queued_jobs" is {limit:,}.'
        raise QuotaExceeded("queued_jobs", limit, used, f"{detail} Retry when some have finished.", QUEUE_SECONDS)


def _check_stored(session: Session, name: str, limit: int | None, added: int) -> None:
    if limit is None:
        return
    used = usage.sum_stored_bytes(session, [name]).get(name, 0) - added
    # Of what a job makes, only the size of its upload is known. It may exceed the quota once.
    if used >= limit or used + added > limit:
        more = f", to which this request adds {added:,}" if added else ""
        detail = f'The project "{name}" stores {used:,} bytes{more}. Its quota "stored_bytes" is {limit:,}.'
        raise QuotaExceeded("stored_bytes", limit, used, f"{detail} Delete what you no longer need, then retry.")


def _check_trained(session: Session, name: str, limit: int | None, kinds: Collection[str]) -> None:
    if limit is None:
        return
    now = datetime.now(UTC)
    spans = usage.find_spans(session, [name], kinds, now - DAY).get(name, [])
    used = int(_sum(spans, now))
    if used >= limit:
        detail = f'Training jobs of the project "{name}" ran for {used:,} seconds in the last 24 hours, and its quota '
        detail += f'"training_seconds_per_day" is {limit:,}. Retry later.'
        retry_after = _find_seconds_until(spans, used - limit, now) if limit else None
        raise QuotaExceeded("training_seconds_per_day", limit, used, detail, retry_after)


def _sum(spans: Collection[Span], now: datetime) -> float:
    """The seconds of these spans in the last 24 hours."""
    return sum(max(0.0, ((end or now) - max(start, now - DAY)).total_seconds()) for start, end in spans)


def _find_seconds_until(spans: Collection[Span], excess: float, now: datetime) -> int:
    """The seconds until more than `excess` seconds of these spans are more than 24 hours ago, at least."""
    for start, end in sorted(spans, key=lambda span: span[0]):
        began = max(start, now - DAY)
        length = max(0.0, ((end or now) - began).total_seconds())
        if length > excess:
            return max(1, int((began - (now - DAY)).total_seconds() + excess) + 1)
        excess -= length
    return int(DAY.total_seconds())


def find_full(session: Session, kinds: Collection[str]) -> frozenset[str]:
    """The projects that may run no more jobs of these kinds. Acquires no lock."""
    limits = usage.running_limits(session)
    running = usage.count_running(session, limits, kinds) if limits else {}
    return frozenset(name for name, limit in limits.items() if running.get(name, 0) >= limit)


def limits_running(session: Session, name: str) -> bool:
    """Whether a project may run only so many jobs concurrently. Acquires no lock."""
    project = projects.find(session, name)
    return project is not None and project.quotas.running_jobs is not None


def may_run(session: Session, job: Job, kinds: Collection[str]) -> bool:
    """Whether the project of a locked job may run one more. Other claims in the project wait for this transaction."""
    project = projects.lock_shared(session, job.project)
    if project is None or project.quotas.running_jobs is None:
        return True
    projects.lock_exclusive(session, project)
    limit = project.quotas.running_jobs
    return limit is None or usage.count_running(session, [job.project], kinds).get(job.project, 0) < limit
