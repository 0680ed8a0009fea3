"""How an execution ends."""

from collections.abc import Callable
from typing import Any

from service import statuses
from service.operations.jobs import lifecycle as execution
from service.worker import failures


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
        self.reason = failures.find_reason(error)
        super().__init__(execution.fail, error, self.reason)

    @property
    def is_of_storage(self) -> bool:
        """Whether the job's files couldn't be stored."""
        return self.reason in statuses.DISK_REASONS
