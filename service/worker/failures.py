"""How a job's failure is put for its client: a code, a sentence with advice, and never a traceback."""

import errno
import re
from typing import Any

from models.errors import ModelsError
from service.errors import ServiceError

OUT_OF_MEMORY = "out-of-memory"
DISK_FULL = "disk-full"
PROCESS_DIED = "worker-process-died"
INTERNAL = "internal"

STATUS_REASONS = {"diverged": "diverged", OUT_OF_MEMORY: "out_of_memory", DISK_FULL: "disk_full"}
"""The `status_reason` of a job that failed with a code, where there is one."""

DISK_FULL_MESSAGE = re.compile(r"No space left on device|Disk quota exceeded|\d+ requested and \d+ written")
"""In errors of Polars and of NumPy's `tofile`, which carry no number."""

OUT_OF_MEMORY_MESSAGE = re.compile(r"OOM when allocating|[Oo]ut of memory|failed to allocate memory")
"""In errors of TensorFlow, and of XLA, which are no MemoryError."""


def flatten(error: Exception) -> dict[str, Any]:
    """An exception as `code`, `detail` and `faults`."""
    if isinstance(error, ModelsError | ServiceError):
        return error.to_dict()
    if _says_disk_full(error):
        return _failure(DISK_FULL, "The disk is full. Delete what is no longer needed and start the job again.")
    if isinstance(error, MemoryError) or OUT_OF_MEMORY_MESSAGE.search(str(error)):
        return _failure(OUT_OF_MEMORY, "Memory ran out. Use smaller batches, a smaller network or less data.")
    name = type(error).__name__
    return _failure(INTERNAL, f"The job failed for an unforeseen reason ({name}); the service's log says more.")


def _says_disk_full(error: Exception) -> bool:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return DISK_FULL_MESSAGE.search(str(error)) is not None


def over_memory_limit(limit: int) -> dict[str, Any]:
    """The job's process used more memory than it may; `limit` in bytes."""
    return _failure(
        OUT_OF_MEMORY,
        f"The job used more memory than the {limit:,} bytes that it may. Use smaller batches, a smaller network or "
        "less data, or raise FITSERVE_JOB_MEMORY_BYTES.",
    )


def stalled(seconds: float, printed: str) -> dict[str, Any]:
    """The job's process did nothing for so long that it was ended; `printed` is the end of its output."""
    return _failure(PROCESS_DIED, f"The job's process did no step for {seconds:g} s and was ended.{_quote(printed)}")


def process_died(how: str, printed: str) -> dict[str, Any]:
    """The job's process ended without a word; `how` says in what way, `printed` is the end of its output."""
    return _failure(PROCESS_DIED, f"The job's process died: {how}.{_quote(printed)}")


def _quote(printed: str) -> str:
    last_lines = "\n".join(printed.strip().splitlines()[-5:])
    return f" It last printed: {last_lines}" if last_lines else ""


def _failure(code: str, detail: str) -> dict[str, Any]:
    return {"code": code, "detail": detail, "faults": []}
