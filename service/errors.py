"""The service's exceptions. Each has a stable code and no HTTP status; the api maps codes to statuses."""

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from models.errors import MOST_FAULTS, Fault, summarize


class ServiceError(Exception):
    """The base class of errors that operations raise deliberately."""

    code: ClassVar[str] = "internal"

    def __init__(self, detail: str, faults: Sequence[Fault] = (), retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = tuple(faults[:MOST_FAULTS])
        self.retry_after = retry_after
        """Seconds until a retry may succeed."""
        self.members: dict[str, Any] = {}
        """Further members of the problem document."""

    def to_dict(self) -> dict[str, Any]:
        """The error as JSON: `code`, `detail`, `faults`."""
        return {"code": self.code, "detail": self.detail, "faults": [fault.to_dict() for fault in self.faults]}


class BackupError(Exception):
    """A backup can't be created or restored. The text is one line for the operator."""


class Unauthenticated(ServiceError):
    """The request has no API key, or one that isn't valid."""

    code = "unauthenticated"

    def __init__(self, detail: str, key_id: str | None = None, project: str | None = None) -> None:
        super().__init__(detail)
        self.key_id = key_id
        """The key that was sent, if it exists."""
        self.project = project
        """That key's project."""


class ScopeMissing(ServiceError):
    """The API key doesn't allow the request."""

    code = "scope-missing"

    def __init__(self, detail: str, key_id: str | None = None, project: str | None = None) -> None:
        super().__init__(detail)
        self.key_id = key_id
        self.project = project


class NotFound(ServiceError):
    """The resource doesn't exist."""

    code = "not-found"


class NameTaken(ServiceError):
    """Another resource has the same name."""

    code = "name-taken"


DATASET_VERSION = "dataset version"


class NotReady(ServiceError):
    """The resource is still being created, or its creation failed, in which case waiting doesn't help."""

    code = "not-ready"

    def __init__(self, kind: str, name: str, status: str, *, failed: bool, reason: str | None = None) -> None:
        """`reason` is a sentence: why it failed."""
        again = "Add its data again as a new version" if kind == DATASET_VERSION else "Delete it and create it again"
        advice = f" Its error says why. {again}." if failed else ""
        state = f"{status}: {reason}" if failed and reason else f"{status}.{advice}"
        super().__init__(f'The {kind} "{name}" is {state}', retry_after=None if failed else 1)


class NoVersion(ServiceError):
    """The model has no version yet."""

    code = "no-version"


class NotServed(NoVersion):
    """The model serves a label that doesn't exist."""


class NotTrainable(ServiceError):
    """The model's network can be used, but not trained: it was imported as ONNX."""

    code = "not-trainable"


class InUse(ServiceError):
    """An unfinished job or a label still uses the resource."""

    code = "in-use"


class Conflict(ServiceError):
    """The resource's state doesn't allow the change."""

    code = "conflict"


class StillRunning(ServiceError):
    """The first request with the same idempotency key is still being processed."""

    code = "request-in-progress"

    def __init__(self) -> None:
        super().__init__("The first request with this Idempotency-Key is still being processed.", retry_after=1)


class KeyReused(ServiceError):
    """The idempotency key has been used for another request."""

    code = "idempotency-key-reused"


class QueueFull(ServiceError):
    """The queue is full."""

    code = "queue-full"


class QuotaExceeded(ServiceError):
    """The project has used up a quota."""

    code = "quota-exceeded"

    def __init__(self, quota: str, limit: int, used: int, detail: str, retry_after: int | None = None) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.members = {"quota": quota, "limit": limit, "used": used}


class Overloaded(ServiceError):
    """Too many concurrent requests of this kind."""

    code = "overloaded"


class PictureTimeout(ServiceError):
    """Drawing a picture took too long."""

    code = "picture-timeout"


class NotDrawable(ServiceError):
    """A picture can't be drawn: it needs too much memory, or drawing it fails."""

    code = "not-drawable"


class NoWorker(ServiceError):
    """No worker finished the work in time."""

    code = "worker-unavailable"


class StorageError(ServiceError):
    """The base class of errors of the database and the artifact store."""


class DatabaseUnavailable(StorageError):
    """The database doesn't answer; retrying may help."""

    code = "database-unavailable"


class TransactionAborted(DatabaseUnavailable):
    """The database rolled a transaction back because of concurrent ones, as in a deadlock. Repeating it may succeed."""


class OutcomeUnknown(DatabaseUnavailable):
    """The answer to a COMMIT was lost, and the database can't say yet whether the transaction was committed.

    `was_committed` asks the database again: it raises OutcomeUnknown while the outcome stays unknown.
    """

    code = "outcome-unknown"

    def __init__(self, detail: str, was_committed: Callable[[], bool], retry_after: int | None = None) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.was_committed = was_committed


class DatabaseUnusable(StorageError):
    """The database is damaged, read-only, or from another version of Fitserve; retrying doesn't help."""

    code = "database-unusable"


class DiskFull(StorageError):
    """The disk is full; retrying only helps after space is freed."""

    code = "disk-full"


class ArtifactsError(StorageError):
    """The base class of errors of the artifact store."""


class ArtifactsUnwritable(ArtifactsError):
    """The artifact store can't be written; retrying only helps after the operator has made it writable."""

    code = "artifacts-unwritable"

    def __init__(self, error: OSError, where: str = "artifact folder") -> None:
        reason = os.strerror(error.errno or errno.EIO)
        super().__init__(f"The service can't write to its {where}: {reason}.")


class ArtifactsUnavailable(ArtifactsError):
    """The artifact store doesn't answer, or refuses access; retrying may help."""

    code = "artifacts-unavailable"


@contextmanager
def storing() -> Iterator[None]:
    """Write into the artifact folder in the block. Raises ArtifactsUnwritable if the permission is missing."""
    try:
        yield
    except PermissionError as error:
        raise ArtifactsUnwritable(error) from error


def of_disk(error: OSError) -> ServiceError | None:
    """The error that clients get if a file can't be written; None for an OSError that indicates a bug.

    A missing permission may concern any file: `storing` tells where it is about the artifact folder.
    """
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull("The disk is full: nothing was saved. Delete resources that you no longer need, then retry.")
    if error.errno == errno.EROFS:
        return ArtifactsUnwritable(error)
    return None


class InvalidRequest(ServiceError):
    """The body's content is invalid; each fault says where and why."""

    code = "invalid-request"

    def __init__(self, *faults: Fault) -> None:
        super().__init__(summarize(faults), faults)


class Failed(ServiceError):
    """The job that the client waited for failed. `error` is the error that the job recorded, as a dictionary."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["detail"], [Fault.from_dict(fault) for fault in error.get("faults", ())])
        self.code = error["code"]  # type: ignore[misc]
        self.members = error.get("members", {})


class LeaseLost(ServiceError):
    """Another worker claimed the job, or the job is final: this execution must stop and write nothing more."""

    code = "lease-lost"
