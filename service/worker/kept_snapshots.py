"""The snapshots of a running job: which epochs keep theirs, and which files nothing refers to any more."""

from base64 import b64decode
from dataclasses import replace
from typing import Any

import structlog

from models.jobs.training import FEWEST_SNAPSHOTS, SnapshotsRequest
from models.snapshots import file_of, write_epoch
from models.training.thinning import thin
from service.context import Context
from service.errors import ArtifactsError, ArtifactsUnavailable
from service.operations.jobs import snapshot_files
from service.operations.jobs.leases import Lease
from service.storage import jobs, training_snapshots
from service.storage.artifact_keys import key_below, snapshots_key
from service.storage.jobs import NewEvent, warn
from service.storage.records import Job
from service.storage.training_snapshots import Changes, StoredSnapshot
from service.worker import failures

log = structlog.get_logger()


class KeptSnapshots:
    """The snapshots that the child process of a job wrote, thinned to those that the job keeps.

    A row is written together with the event of its epoch, after the file. A file is removed after its row.
    """

    def __init__(self, context: Context, lease: Lease) -> None:
        self._context = context
        self._folder = key_below(snapshots_key(lease.job_id), lease.staging_name)
        self._path = context.artifacts.grow(self._folder)
        self._request = SnapshotsRequest()
        self._kept: dict[int, StoredSnapshot] = {}
        """The snapshots that have a row, except those in `_removed`."""
        self._new: dict[int, StoredSnapshot] = {}
        """Those that have no row yet."""
        self._unwritten: dict[int, bytes] = {}
        """The weights of those that have no file yet."""
        self._removed: dict[int, StoredSnapshot] = {}
        """Those whose rows the next batch removes."""
        self._unneeded: list[StoredSnapshot] = []
        """Those whose rows the current batch removes."""
        self._best: int | None = None
        self._recorded = 0
        """The last epoch that earlier executions recorded."""
        self._warned = False
        self.reports: list[NewEvent] = []
        """What `settle` has to report."""
        self.epochs = 0
        """How many epochs the job trains, as far as it is known."""

    def begin(self, job: Job) -> None:
        """Take over the snapshots of the job's earlier executions, and remove their files that have no row. Raises
        StorageError."""
        with self._context.database.read() as session:
            found = training_snapshots.all_of(session, job.id)
            self._recorded = jobs.last_epoch(session, job)
        if (document := job.request.get("snapshots")) is not None:
            self._request = SnapshotsRequest.from_document(document)
        self._kept = {snapshot.epoch: snapshot for snapshot in found}
        self._best = (job.best or {}).get("epoch")
        self.epochs = job.request.get("epochs", 0)
        for key in snapshot_files.folders(self._context, job.id):
            self._tidy(key)

    def add(self, epoch: int, snapshot: dict[str, Any] | None, best: dict[str, Any] | None) -> None:
        """Add the snapshot of an epoch, if it has one (models.tasks.channel), and note the best epoch so far.

        The job's best epoch stays what it is while epochs are repeated.
        """
        if best is not None and epoch > self._recorded:
            self._best = int(best["epoch"])
        if snapshot is None:
            return
        if "weights" in snapshot:
            self._unwritten[epoch] = b64decode(snapshot["weights"])
            self._new[epoch] = StoredSnapshot(epoch, self._folder, len(self._unwritten[epoch]), "")
        else:
            self._new[epoch] = StoredSnapshot(epoch, self._folder, snapshot["bytes"], snapshot["sha256"])
        if len(self._new) > self._most:
            # The database hasn't accepted events for a while, and the files mustn't fill the disk meanwhile.
            self._thin(epoch)

    def skip(self, data: dict[str, Any], failure: dict[str, Any]) -> list[NewEvent]:
        """Note that a snapshot couldn't be written; returns what to report: the first one."""
        log.warning("snapshot skipped", reason=failure["detail"], **data)
        if self._warned:
            return []
        self._warned = True
        detail = f"The snapshot of epoch {data['epoch']:,} can't be saved, and later ones may be missing too."
        return [warn("snapshot_skipped", f"{detail} {failure['detail']}")]

    def settle(self, last_epoch: int) -> Changes:
        """What changes in the database with the events up to an epoch."""
        if not self._removed and all(epoch > last_epoch for epoch in self._new):
            return Changes()
        self._thin(last_epoch)
        new = [snapshot for epoch, snapshot in self._new.items() if epoch <= last_epoch]
        added = self._publish([written for snapshot in new if (written := self._write(snapshot)) is not None])
        replaced = [self._kept[snapshot.epoch] for snapshot in added if snapshot.epoch in self._kept]
        self._kept |= {snapshot.epoch: snapshot for snapshot in added}
        self._new = {epoch: snapshot for epoch, snapshot in self._new.items() if epoch > last_epoch}
        self._unneeded += [*replaced, *self._removed.values()]
        removed, self._removed = list(self._removed), {}
        return Changes(added, removed)

    def _write(self, snapshot: StoredSnapshot) -> StoredSnapshot | None:
        """Write the file of a snapshot, unless it has one; None if that fails."""
        content = self._unwritten.pop(snapshot.epoch, None)
        if content is None:
            return snapshot
        try:
            _, sha256 = write_epoch(self._path, snapshot.epoch, [memoryview(content)])
        except OSError as error:
            self.reports += self.skip({"epoch": snapshot.epoch}, failures.unwritable(error))
            return None
        return replace(snapshot, sha256=sha256)

    def _publish(self, written: list[StoredSnapshot]) -> list[StoredSnapshot]:
        """Publish the files of snapshots, before the rows that point to them; returns none if that fails."""
        try:
            self._context.artifacts.add_files(self._folder, [file_of(snapshot.epoch) for snapshot in written])
        except (OSError, ArtifactsError) as error:
            for snapshot in written:
                self.reports += self.skip({"epoch": snapshot.epoch}, failures.unwritable(error))
            snapshot_files.discard(self._context, written)
            return []
        return written

    def remove_unneeded(self) -> None:
        """Remove the files of rows that are removed, now that this is in the database."""
        if self._unneeded and snapshot_files.remove(self._context, self._unneeded):
            self._unneeded = []

    def end(self) -> None:
        """Remove the files that have no row: the process that wrote them ended before it reported them."""
        self._tidy(self._folder)

    def _tidy(self, key: str) -> None:
        epochs = {epoch for epoch, snapshot in self._kept.items() if snapshot.folder == key}
        try:
            snapshot_files.remove_others(self._context, key, epochs)
        except (OSError, ArtifactsUnavailable) as error:
            log.warning("snapshots not removed", key=key, reason=str(error))

    @property
    def _most(self) -> int:
        """How many snapshots there may be."""
        size = max((snapshot.bytes for snapshot in self._new.values()), default=1)
        fitting = self._context.settings.snapshot_bytes // max(1, size)
        return max(FEWEST_SNAPSHOTS, fitting if self._request.keep is None else min(fitting, self._request.keep))

    def _thin(self, last_epoch: int) -> None:
        found = self._kept | {epoch: snapshot for epoch, snapshot in self._new.items() if epoch <= last_epoch}
        kept = set(thin(found, self._most, every=self._request.every, total=self.epochs, best=self._best))
        dropped = [self._new.pop(epoch) for epoch in list(self._new) if epoch <= last_epoch and epoch not in kept]
        written = [snapshot for snapshot in dropped if self._unwritten.pop(snapshot.epoch, None) is None]
        snapshot_files.discard(self._context, written)
        self._removed |= {epoch: self._kept.pop(epoch) for epoch in list(self._kept) if epoch not in kept}
