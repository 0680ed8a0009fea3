"""The words for the states of jobs and resources, and which of them are final."""

from typing import Final

QUEUED: Final = "queued"
RUNNING: Final = "running"
PAUSING: Final = "pausing"
PAUSED: Final = "paused"
STOPPING: Final = "stopping"
CANCELLING: Final = "cancelling"
SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"
DRAINING: Final = "draining"
"""A worker claims no more jobs."""
STOPPED: Final = "stopped"
"""A desired status only: a job that was stopped ends as `succeeded`."""

JOB_STATUSES: Final = (
    QUEUED, RUNNING, PAUSING, PAUSED, STOPPING, CANCELLING, SUCCEEDED, FAILED, CANCELLED,
)  # fmt: skip
CLAIMED: Final = (RUNNING, PAUSING, STOPPING, CANCELLING)
"""A worker holds the job's lease."""
FINAL: Final = (SUCCEEDED, FAILED, CANCELLED)
UNFINISHED: Final = tuple(status for status in JOB_STATUSES if status not in FINAL)

DISK_REASONS: Final = ("disk_full", "artifacts_unwritable")
"""Faults that an operator can repair. A job of a client is paused, a build or an import runs again for a while."""

BUILDING: Final = "building"
PROCESSING: Final = "processing"
READY: Final = "ready"
AVAILABLE: Final = "available"
RESOURCE_STATUSES: Final = (BUILDING, PROCESSING, READY, FAILED)
