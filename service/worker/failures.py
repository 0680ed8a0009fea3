"""A job's failure as its client sees it: a code and a sentence with advice, never a traceback."""

import errno
import re
from typing import Any

from models.errors import ModelsError
from service.errors import ArtifactsError, ArtifactsUnwritable, ServiceError, of_disk

OUT_OF_MEMORY = "out-of-memory"
DISK_FULL = "disk-full"
ARTIFACTS_UNWRITABLE = "artifacts-unwritable"
ARTIFACTS_UNAVAILABLE = "artifacts-unavailable"
PROCESS_DIED = "worker-process-died"
INTERNAL = "internal"

STATUS_REASONS = {
    "diverged": "diverged",
    OUT_OF_MEMORY: "out_of_memory",
    DISK_FULL: "disk_full",
    ARTIFACTS_UNWRITABLE: "artifacts_unwritable",
    ARTIFACTS_UNAVAILABLE: "artifacts_unwritable",
}
"""The `status_reason` of a job, by the code of its error. Other codes have none."""

DISK_FULL_MESSAGE = re.compile(r"No space left on device|Disk quota exceeded|\d{1,20} requested and \d{1,20} written")
"""Matches errors of Polars and of NumPy's `tofile`, which have no `errno`."""

SAVE_MEMORY = "Use smaller batches, a smaller network or less data"

OUT_OF_MEMORY_MESSAGE = re.compile(r"OOM when allocating|[Oo]ut of memory|failed to allocate memory")
"""Matches errors of TensorFlow and XLA, which aren't MemoryErrors."""


def flatten(error: Exception) -> dict[str, Any]:
    """An exception as `code`, `detail` and `faults`."""
    if isinstance(error, ModelsError | ServiceError):
        return error.to_dict()
    failure = of_disk(error) if isinstance(error, OSError) else None
    if failure is None and DISK_FULL_MESSAGE.search(str(error)):
        failure = of_disk(OSError(errno.ENOSPC, str(error)))
    if failure is not None:
        return failure.to_dict()
    if isinstance(error, MemoryError) or OUT_OF_MEMORY_MESSAGE.search(str(error)):
        return _failure(OUT_OF_MEMORY, f"The job ran out of memory. {SAVE_MEMORY}.")
    name = type(error).__name__
    return _failure(INTERNAL, f"The job failed because of an internal error ({name}). The log has the details.")


def find_reason(failure: dict[str, Any]) -> str | None:
    """The `status_reason` of a job that failed with this error, if there is one."""
    return STATUS_REASONS.get(str(failure["code"]))


def unwritable(error: OSError | ArtifactsError) -> dict[str, Any]:
    """The failure of a job whose checkpoint couldn't be written."""
    if flatten(error)["code"] == DISK_FULL:
        return _failure(DISK_FULL, "The disk is full.")
    return (ArtifactsUnwritable(error) if isinstance(error, OSError) else error).to_dict()


def over_memory_limit(limit: int) -> dict[str, Any]:
    """The failure of a job whose child process used more than `limit` bytes of memory."""
    return _failure(
        OUT_OF_MEMORY,
        f"The job used more memory than its limit of {limit:,} bytes. {SAVE_MEMORY}, or increase "
        "FITSERVE_JOB_MEMORY_BYTES.",
    )


def stalled(seconds: float) -> dict[str, Any]:
    """The failure of a job whose child process was killed because it made no progress."""
    return _failure(PROCESS_DIED, f"The job's child process made no progress for {seconds:g} s and was killed.")


def process_crashed(how: str) -> dict[str, Any]:
    """The failure of a job whose child process ended without a result; `how` is the exit code or signal.

    What the process printed is in the job's log. Here it would tell clients about the service's insides.
    """
    return _failure(PROCESS_DIED, f"The job's child process crashed: {how}.")


def worker_lost() -> dict[str, Any]:
    """The failure of a job whose other workers ended again and again."""
    return _failure(PROCESS_DIED, "Another worker with which the job ran crashed, or couldn't be reached.")


def _failure(code: str, detail: str) -> dict[str, Any]:
    return {"code": code, "detail": detail, "faults": []}
