"""The lease of a claimed job: the right to run it, with a fencing token that every write checks."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.training.plan import Order
from service import statuses
from service.context import Context
from service.errors import LeaseLost
from service.operations.jobs import gangs, shards
from service.storage import datasets, jobs, models
from service.storage.artifact_keys import execution_name
from service.storage.database import Session
from service.storage.records import Job


@dataclass(frozen=True)
class Lease:
    """The exclusive right of one worker to run a job, until it expires and another worker claims the job."""

    job_id: str
    token: int
    part_of: str | None = None
    """The job of which this one is a part."""

    @property
    def staging_name(self) -> str:
        """The name of the staged folder into which only this execution writes."""
        return execution_name(self.job_id, self.token)


@dataclass(frozen=True)
class Instructions:
    """Instructions for a running job: its status, which may be an order such as `pausing`, and orders to change it."""

    status: str
    orders: Sequence[Order]
    closed: bool
    """Whether no more orders are accepted, so that the training may end."""
    lost: bool = False
    """Whether another worker that the job needs has given up."""


def find_leased(session: Session, lease: Lease, *, lock: bool = True) -> Job:
    """The lease's job. Raises LeaseLost if another worker has claimed the job, or it has ended."""
    job = jobs.get(session, lease.job_id, lock=lock)
    if job is None or job.token != lease.token or not is_claimed(job):
        raise LeaseLost(f"The lease {lease.token} of the job {lease.job_id} is no longer held.")
    return job


def is_claimed(job: Job) -> bool:
    """Whether a worker holds the job. While its work is spread, none does."""
    return job.status in statuses.CLAIMED and job.waits_for is None


def find_leased_with_resources(session: Session, lease: Lease) -> Job:
    """Like `find_leased`, after locking the job's model and dataset, and the job of which it is a part. All code locks
    in this order: no deadlocks."""
    model_id, dataset_id = jobs.resource_ids(session, lease.job_id)
    models.by_id(session, model_id, lock=True)
    datasets.by_id(session, dataset_id, lock=True)
    return find_leased_with_whole(session, lease)


def find_leased_with_whole(session: Session, lease: Lease) -> Job:
    """Like `find_leased`, after locking the job of which it is a part."""
    shards.lock_whole(session, lease.part_of, wait=True)
    return find_leased(session, lease)


def renew(context: Context, lease: Lease) -> Instructions:
    """Renew the lease. Raises LeaseLost."""
    with context.database.write() as session:
        job = find_leased(session, lease)
        job.renewals += 1
        return describe_instructions(context, session, job)


def instructions(context: Context, lease: Lease) -> Instructions:
    """The job's current instructions. Acquires no lock. Raises LeaseLost."""
    with context.database.read() as session:
        return describe_instructions(context, session, find_leased(session, lease, lock=False))


def describe_instructions(context: Context, session: Session, job: Job) -> Instructions:
    return Instructions(job.status, job.orders, job.closed, gangs.has_lost(context, session, job))


def close(context: Context, lease: Lease, orders_known: int) -> Instructions:
    """Accept no more orders, unless there are some that the training hasn't received yet. Raises LeaseLost."""
    with context.database.write() as session:
        job = find_leased(session, lease)
        job.closed = len(job.orders) == orders_known and job.status != statuses.PAUSING
        return describe_instructions(context, session, job)
