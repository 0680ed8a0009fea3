"""The errors of the service's own rules: each with a stable code, none with an HTTP status, which the api maps."""

from collections.abc import Sequence
from typing import Any, ClassVar

from models.errors import MOST_FAULTS, Fault, summarize


class ServiceError(Exception):
    """The base of every error that an operation raises on purpose."""

    code: ClassVar[str] = "internal"

    def __init__(self, detail: str, faults: Sequence[Fault] = (), retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = tuple(faults[:MOST_FAULTS])
        self.retry_after = retry_after
        """Seconds after which asking again may help."""

    def to_dict(self) -> dict[str, Any]:
        """The error as JSON: `code`, `detail`, `faults`."""
        return {"code": self.code, "detail": self.detail, "faults": [fault.to_dict() for fault in self.faults]}


class BackupError(Exception):
    """A backup can't be made or restored; the text is a line for the operator."""


class NotFound(ServiceError):
    """What the path names doesn't exist."""

    code = "not-found"


class NameTaken(ServiceError):
    """Another resource has that name."""

    code = "name-taken"


class NotReady(ServiceError):
    """The resource exists but is still being made, or failed to be, which no waiting mends."""

    code = "not-ready"

    def __init__(self, kind: str, name: str, status: str, *, failed: bool) -> None:
        advice = " Its error says why; delete it, and make it anew." if failed else ""
        super().__init__(f'The {kind} "{name}" is {status}.{advice}', retry_after=None if failed else 1)


class NoVersion(ServiceError):
    """The model has no version to predict with yet."""

    code = "no-version"


class InUse(ServiceError):
    """Something that isn't final still needs the resource."""

    code = "in-use"


class Conflict(ServiceError):
    """The resource's state doesn't allow that change."""

    code = "conflict"


class StillRunning(ServiceError):
    """The first request with the same idempotency key is still being answered."""

    code = "request-in-progress"

    def __init__(self) -> None:
        super().__init__("The first request with this Idempotency-Key is still being answered.", retry_after=1)


class KeyReused(ServiceError):
    """The idempotency key came with another request before."""

    code = "idempotency-key-reused"


class QueueFull(ServiceError):
    """Too many jobs are waiting."""

    code = "queue-full"


class Overloaded(ServiceError):
    """Too many requests of that kind are being answered."""

    code = "overloaded"


class NoWorker(ServiceError):
    """No worker answered in time."""

    code = "worker-unavailable"


class StorageError(ServiceError):
    """The base of errors of the database."""


class DatabaseUnavailable(StorageError):
    """The database doesn't answer; retrying may help."""

    code = "database-unavailable"


class DatabaseUnusable(StorageError):
    """The database is damaged, read-only, or of another version; retrying doesn't help."""

    code = "database-unusable"


class DiskFull(StorageError):
    """No space is left; retrying helps only after somebody has freed some."""

    code = "disk-full"


class InvalidRequest(ServiceError):
    """The body's content can't be accepted; each fault says where and why."""

    code = "invalid-request"

    def __init__(self, *faults: Fault) -> None:
        super().__init__(summarize(faults), faults)


class Failed(ServiceError):
    """A job that the client waited for found its input wrong; `error` is the flattened error that the job recorded."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["detail"], [Fault.from_dict(fault) for fault in error.get("faults", ())])
        self.code = error["code"]  # type: ignore[misc]


class LeaseLost(ServiceError):
    """The job was claimed by somebody else, or ended: this execution must stop and write nothing more."""

    code = "lease-lost"
