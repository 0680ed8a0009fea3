"""The files of training jobs' snapshots. A folder of them grows while its job runs, and its files never change."""

from collections.abc import Collection, Iterable
from itertools import groupby

from models.snapshots import epoch_of, file_of
from service.context import Context
from service.errors import ArtifactsUnavailable
from service.storage.artifact_keys import key_below, snapshots_key
from service.storage.training_snapshots import StoredSnapshot


def discard(context: Context, snapshots: Iterable[StoredSnapshot]) -> None:
    """Remove the files of snapshots that haven't been published."""
    for snapshot in snapshots:
        (context.artifacts.grow(snapshot.folder) / file_of(snapshot.epoch)).unlink(missing_ok=True)


def remove(context: Context, snapshots: Iterable[StoredSnapshot]) -> bool:
    """Remove the files of snapshots to which no row points any more. Returns False if they can't be removed now: a
    backup may need them, or the artifact store doesn't answer."""
    try:
        if context.artifacts.removal_is_held():
            return False
    except ArtifactsUnavailable:
        return False
    for key, of_folder in groupby(snapshots, lambda snapshot: snapshot.folder):
        context.artifacts.remove_files(key, [file_of(snapshot.epoch) for snapshot in of_folder])
    return True


def folders(context: Context, job_id: str) -> list[str]:
    """The artifact keys of the folders in which executions of a job wrote snapshots."""
    parent = snapshots_key(job_id)
    return [key_below(parent, name) for name in context.artifacts.names(parent)]


def remove_others(context: Context, key: str, epochs: Collection[int]) -> None:
    """Remove the files of all snapshots in a folder except those of these epochs. Raises OSError."""
    if not epochs:
        context.artifacts.remove(key)
        return
    found = [epoch_of(name) for name in context.artifacts.file_names(key)]
    remove(context, [StoredSnapshot(n, key, 0, "") for n in found if n is not None and n not in epochs])


def remove_all(context: Context, job_id: str) -> None:
    """Remove all snapshots of a job that is deleted."""
    context.artifacts.remove(snapshots_key(job_id))
