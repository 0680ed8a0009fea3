"""The checkpoints of a running job: which ones it can resume from, and what is wrong with those that it can't."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import structlog

from service.context import Context
from service.errors import ArtifactsError
from service.operations.jobs import checkpoints
from service.operations.jobs.leases import Lease
from service.storage.documents import KeptCheckpoint
from service.storage.jobs import NewEvent, warn
from service.worker import failures
from service.worker.timing import Grace

log = structlog.get_logger()


class KeptCheckpoints:
    """The last two checkpoints of a job, so that it can resume from the one before if the last can't be read.

    A checkpoint that can't be saved is skipped: the training continues, and resumes from an earlier one if it has to.
    """

    def __init__(self, context: Context, lease: Lease, latest: KeptCheckpoint | None) -> None:
        self._context = context
        self._lease = lease
        self._latest = latest
        self._published = [] if latest is None else list(latest.folders)
        """The keys of the checkpoints that the job's row has pointed to and that still exist."""
        self._grace: Grace | None = None
        """How long checkpoints may be skipped from the first one on; None if the last one was saved."""
        self.fault: dict[str, Any] | None = None
        """Why checkpoints have been skipped for `disk_full_seconds` or longer; None if they haven't."""

    def publish(self, name: str, data: dict[str, Any]) -> list[NewEvent]:
        """Move a checkpoint that the child process has written into the artifact store; returns what to report."""
        try:
            key = checkpoints.publish(self._context, self._lease.job_id, self._lease.staging_name, name)
        except (OSError, ArtifactsError) as error:
            checkpoints.discard(self._context, self._lease.staging_name, name)
            return self.skip(data, failures.unwritable(error))
        previous = None if self._latest is None else replace(self._latest, previous=None)
        self._latest = KeptCheckpoint(key, data["epoch"], data["step"], previous)
        self._grace = self.fault = None
        return [NewEvent("checkpoint", data, checkpoint=self._latest)]

    def skip(self, data: dict[str, Any], failure: dict[str, Any]) -> list[NewEvent]:
        """Note that a checkpoint couldn't be written; returns what to report."""
        log.warning("checkpoint skipped", reason=failure["detail"], **data)
        first = self._grace is None
        self._grace = self._grace or Grace(self._context.settings.disk_full_seconds)
        if self._grace.over:
            self.fault = failure
        return [warn("checkpoint_skipped", f"{_place(data)} can't be saved. {failure['detail']}")] if first else []

    def lose_latest(self, reason: str) -> list[NewEvent]:
        """Note that the latest checkpoint can't be read; returns what to report. The job resumes from the one before.

        The files are removed with the next checkpoint.
        """
        lost = self._latest
        assert lost is not None
        log.warning("checkpoint unreadable", key=lost.folder, reason=reason)
        self._latest = lost.previous
        where = f"epoch {lost.previous.epoch}" if lost.previous is not None else "the beginning"
        place = _place({"epoch": lost.epoch, "step": lost.step})
        detail = f"{place} can't be read. The training continues from {where}, with the same result."
        return [warn("checkpoint_unreadable", detail)]

    def remove_replaced(self, written: Sequence[NewEvent]) -> None:
        """Remove the checkpoints to which the job's row no longer points, now that these events are in the database."""
        pointed = [event.checkpoint for event in written if event.checkpoint is not None]
        if not pointed:
            return
        # Only these: if the lease was lost meanwhile, the execution that holds it may have checkpoints too.
        known = [*self._published, *(checkpoint.folder for checkpoint in pointed)]
        kept = pointed[-1].folders
        self._published = list(kept)
        try:
            checkpoints.remove(self._context, [key for key in known if key not in kept])
        except OSError as error:
            log.warning("checkpoint not removed; the cleanup removes it", reason=error.strerror)


def _place(data: dict[str, Any]) -> str:
    return f"The checkpoint at epoch {data['epoch']:,}, step {data['step']:,}"
