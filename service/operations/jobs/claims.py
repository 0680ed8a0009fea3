"""Which job a worker claims next."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from service.operations.access import quotas
from service.operations.jobs import gangs
from service.operations.jobs.registry import KINDS, kind_of, names
from service.storage import jobs, workers
from service.storage.database import Session
from service.storage.jobs import Claimable
from service.storage.records import Job, Worker

LIMITED = names(from_clients=True)
"""The kinds whose running jobs count for the quota of their project. Builds and imports are short, and hidden."""


@dataclass(frozen=True)
class Found:
    """A job to claim."""

    job: Job
    helpers: Sequence[Worker] = ()
    """The workers that help with a job that runs on several."""


def find_next(
    session: Session, worker_id: str, kinds: Collection[str], queues: Collection[str], *, lock: bool
) -> Found | None:
    """The next job to claim, if any: first what only this worker may claim, then from its queues if it doesn't drain.

    `lock` locks the job, and whatever else may change what is found.
    """
    draining = workers.is_draining(session, worker_id, lock=lock)
    own = jobs.next_queued(session, Claimable(kinds, [worker_id]), lock=lock)
    if own is not None:
        return Found(own)
    return None if draining else _find_queued(session, worker_id, _claimable(session, kinds, queues), lock=lock)


def may_find(session: Session, worker_id: str, kinds: Collection[str], queues: Collection[str]) -> bool:
    """Whether a worker may find a job to claim. Acquires no lock, and takes an idle worker one query."""
    if not jobs.queued(session, Claimable(kinds, [*queues, worker_id]), 1):
        return False
    return find_next(session, worker_id, kinds, queues, lock=False) is not None


def list_queued(session: Session, queues: Collection[str], limit: int) -> Sequence[Job]:
    """At most `limit` jobs of these queues that wait to be claimed, in the order of claims. Acquires no lock."""
    return jobs.queued(session, _claimable(session, KINDS, queues), limit)


def _find_queued(session: Session, worker_id: str, claimable: Claimable, *, lock: bool) -> Found | None:
    while (job := jobs.next_queued(session, claimable, lock=lock)) is not None:
        if lock and (gang := _find_skipped_gang(session, claimable, job)) is not None:
            gathering = gangs.find_helpers(session, gang, worker_id, lock=False)
            claimable = _without_gang(claimable, gang, reserve=gathering.may_come)
            continue
        helpers: Sequence[Worker] = ()
        if job.hosts > 1:
            gathering = gangs.find_helpers(session, job, worker_id, lock=lock)
            if gathering.missing:
                claimable = _without_gang(claimable, job, reserve=gathering.may_come)
                continue
            helpers = gathering.helpers
        if not lock or job.kind not in LIMITED or quotas.may_run(session, job, LIMITED):
            return Found(job, helpers)
        claimable = replace(claimable, full=claimable.full | {job.project})
    return None


def _find_skipped_gang(session: Session, claimable: Claimable, job: Job) -> Job | None:
    """The job on several workers that is the first in the queue, if `job` is next only because another worker has
    locked that one: it may be about to begin with this worker."""
    first = next(iter(jobs.queued(session, claimable, 1)), None)
    return first if first is not None and first.id != job.id and first.hosts > 1 else None


def _without_gang(claimable: Claimable, job: Job, *, reserve: bool) -> Claimable:
    """What may be claimed instead of a job for which too few workers are free, or that another worker may begin.

    If enough workers run, their slots are kept for it: otherwise jobs on one worker would always come first.
    """
    if not reserve:
        return replace(claimable, most_hosts=job.hosts - 1)
    slot = kind_of(job).slot
    return replace(claimable, kinds=[kind for kind in claimable.kinds if KINDS[kind].slot != slot])


def _claimable(session: Session, kinds: Collection[str], queues: Collection[str]) -> Claimable:
    limited = [kind for kind in kinds if kind in LIMITED]
    return Claimable(kinds, queues, LIMITED, quotas.find_full(session, LIMITED) if limited else frozenset())
