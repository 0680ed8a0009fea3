"""What the exit code of `fitserve watch` says."""

from service import statuses

OF_STATUS = {statuses.SUCCEEDED: 0, statuses.FAILED: 1, statuses.CANCELLED: 2}
CANNOT_WATCH = 3
"""Nothing about the job: it can't be watched, or not any longer."""
INTERRUPTED = 130
"""Ctrl-C; the job goes on."""
