"""Jobs that run on several workers: they begin once all of these are free, and end as one.

The worker that claims such a job leads it. In the same transaction each of the others gets a job that helps, which only
that worker may claim. So no two jobs ever wait for each other's workers.
"""

import secrets
import socket
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import SystemRandom
from typing import Any

from models.jobs.training_member import TrainingMemberRequest
from models.training.gangs.gang import Membership
from service import statuses
from service.context import Context
from service.operations.jobs import queue
from service.operations.jobs.kind import Kind
from service.storage import jobs, workers
from service.storage.database import Session
from service.storage.engines import local_address
from service.storage.records import Job, Worker

FIRST_CLAIM = 1
"""A job's token when it is claimed for the first time."""
SECRET_BYTES = 32
BLAMELESS = (queue.WORKER_SHUTDOWN, queue.INPUTS_UNAVAILABLE)
"""The reasons for the end of a helping job that don't count as a crash of the job that it helps."""
COMPARED = ("fitserve", "tensorflow", "keras")
"""The versions that all workers of a training must share. They compute differently otherwise, or don't understand each
other."""
LOOPBACK = "127.0.0.1"
"""The leader's address if the database is a file, or is reached through one: all workers are on its host."""


@dataclass(frozen=True)
class Gathering:
    """The workers that may help with a job."""

    helpers: Sequence[Worker]
    """As many free ones as the job needs, or fewer."""
    missing: int
    """How many more it needs."""
    may_come: bool
    """Whether enough workers run that only have to become free."""


def find_helpers(session: Session, job: Job, worker_id: str, *, lock: bool) -> Gathering:
    """The workers that would help the worker with a job. They have the same versions.

    `lock` lets them claim nothing until the transaction ends; nobody else may begin such a job until then.
    """
    own = workers.get(session, worker_id)
    offering = workers.offering(session, job.queue)
    others = [each for each in offering if own is not None and each.id != own.id and _versions(each) == _versions(own)]
    needed, may_come = job.hosts - 1, len(others) >= job.hosts - 1
    if not may_come or (lock and not jobs.lock_gangs(session)):
        return Gathering((), needed, may_come)
    chosen = _only_free(session, job, others)[:needed]
    if lock and len(chosen) == needed:
        workers.lock_all(session, [each.id for each in chosen])
        chosen = _only_free(session, job, chosen)
    return Gathering(chosen, needed - len(chosen), may_come)


def _only_free(session: Session, job: Job, found: Sequence[Worker]) -> list[Worker]:
    taken = workers.count_taken(session, [worker.id for worker in found], job.kind)
    return [worker for worker in found if taken.get(worker.id, 0) < worker.slots]


def count_free(session: Session, job: Job) -> int:
    """How many workers are free to run a job of its kind and queue together, which takes the same versions."""
    free = _only_free(session, job, workers.offering(session, job.queue))
    return max(Counter(map(_versions, free)).values(), default=0)


def _versions(worker: Worker) -> tuple[str | None, ...]:
    return tuple(worker.versions.get(name) for name in COMPARED)


def begin(context: Context, session: Session, kind: Kind, job: Job, helpers: Sequence[Worker]) -> None:
    """Queue the jobs of a kind that help a job that this worker has just claimed, one for each of the workers."""
    settings = context.settings
    address = settings.gang_address or local_address(session) or LOOPBACK
    port = choose_port(address, settings.ports_of_gangs)
    secret = secrets.token_hex(SECRET_BYTES)
    for rank, worker in enumerate(helpers, 1):
        membership = Membership(rank, job.hosts, address, port, secret, settings.gang_seconds)
        queue.add_helper(session, kind, TrainingMemberRequest(job.id, job.token, membership), job, worker.id)
    if job.token == FIRST_CLAIM:
        text = f"The job runs on {job.hosts} workers.\n"
        jobs.append_events(session, job, [jobs.NewEvent("message", {"text": text})])


def choose_port(address: str, ports: range) -> int:
    """A free port of an address of this host; 0 among `ports` stands for any.

    A random one: the leaders that this host has begun just now may not listen yet.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for port in SystemRandom().sample(ports, len(ports)):
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    return ports[0]  # the process says that it can't listen


def find_membership(session: Session, job: Job) -> Membership | None:
    """The place of a claimed job's own process among those that run it; None if it runs alone."""
    requests = [_request(helper) for helper in _find_current(session, job)]
    if not requests:
        return None
    first = requests[0].membership
    return Membership(0, first.hosts, first.address, first.port, first.secret, first.seconds)


def has_lost(context: Context, session: Session, job: Job) -> bool:
    """Whether a claimed job misses a worker: one has given up, has ended before it began, or hasn't begun in time."""
    helpers = _find_current(session, job)
    if any(helper.status in (statuses.FAILED, statuses.CANCELLED) for helper in helpers):
        return True
    late = datetime.now(UTC) - timedelta(seconds=context.settings.gang_seconds)
    awaited = [helper for helper in helpers if helper.status == statuses.QUEUED]
    return any(helper.created_at < late for helper in awaited) or not workers.all_run(
        session, {helper.queue for helper in awaited}
    )


def find_failure(session: Session, job: Job) -> dict[str, Any] | None:
    """The error of a worker that a claimed job has lost; None if none failed."""
    return next((helper.error for helper in _find_current(session, job) if helper.error is not None), None)


def is_blameless(session: Session, job: Job) -> bool:
    """Whether a claimed job lost a worker for a reason that has nothing to do with it."""
    return any(
        helper.status == statuses.QUEUED or helper.status_reason in BLAMELESS for helper in _find_current(session, job)
    )


def _find_current(session: Session, job: Job) -> list[Job]:
    """The jobs that help this execution of a job."""
    if job.hosts == 1:
        return []
    return [helper for helper in jobs.helping(session, job.id) if _request(helper).token == job.token]


def _request(helper: Job) -> TrainingMemberRequest:
    return TrainingMemberRequest.from_document(helper.request)
