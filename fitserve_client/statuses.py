"""The statuses of jobs and resources that the client sends or compares, as the HTTP contract names them."""

from typing import Final

READY: Final = "ready"
AVAILABLE: Final = "available"
SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"
PAUSED: Final = "paused"
RUNNING: Final = "running"
STOPPED: Final = "stopped"

FINAL: Final = (SUCCEEDED, FAILED, CANCELLED)
"""The statuses of jobs that never change again."""
FINISHED: Final = (READY, FAILED)
"""The statuses of datasets and models that are no longer made."""
