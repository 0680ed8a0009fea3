"""How an execution ends."""

from collections.abc import Callable
from typing import Any

import structlog

from service import statuses
from service.context import Context
from service.errors import ServiceError, StorageError
from service.operations.jobs import lifecycle as execution
from service.operations.jobs import queue
from service.operations.jobs.leases import Lease
from service.worker import failures
from service.worker.spans import JobSpans

log = structlog.get_logger()


class Conclusion:
    """What records how an execution ends, and with which details."""

    error: dict[str, Any] | None = None
    """Why the job failed."""

    def __init__(self, record: Callable[..., None], *details: object) -> None:
        """`record` is called with the context, the lease and the details."""
        self.record = record
        self.details = details


class Failure(Conclusion):
    """The job fails; a job of a client is paused instead if the storage is the reason."""

    def __init__(self, error: dict[str, Any]) -> None:
        self.error = error
        self.detail = str(error["detail"])
        self.reason = failures.find_reason(error)
        super().__init__(execution.fail, error, self.reason)

    @property
    def is_of_storage(self) -> bool:
        """Whether the job's files couldn't be stored."""
        return self.reason in statuses.DISK_REASONS


def fail(context: Context, lease: Lease, failure: dict[str, Any], spans: JobSpans) -> None:
    """Record that the job failed. If that fails too, the reapers put the job back once the database can be written."""
    spans.note_outcome("fail", failure)
    context.artifacts.discard(lease.staging_name)  # the disk may be full of its files
    try:
        execution.fail(context, lease, failure, failures.find_reason(failure))
    except ServiceError as error:
        log.warning("job abandoned", reason=error.detail)
    except Exception:
        log.exception("job abandoned")


def give_back(context: Context, lease: Lease, error: StorageError, spans: JobSpans) -> None:
    """Put back a job that the storage kept from ending before the shutdown. If that fails too, the reapers do it."""
    context.artifacts.discard(lease.staging_name)  # the disk may be full of its files
    try:
        execution.give_back(context, lease, queue.WORKER_SHUTDOWN)
    except ServiceError:
        log.warning("job abandoned", reason=error.detail)
        spans.note_outcome("abandoned")
    except Exception:
        log.exception("job abandoned")
    else:
        log.info("job put back", reason=error.detail)
        spans.note_outcome("put_back")
