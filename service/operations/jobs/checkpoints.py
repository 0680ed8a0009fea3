"""The files of jobs' checkpoints: publishing and removing them."""

from collections.abc import Collection

from service.context import Context
from service.storage.artifact_keys import checkpoint_key, checkpoints_key


def publish(context: Context, job_id: str, staging_name: str, name: str) -> str:
    """Move a checkpoint out of an execution's staged folder; returns its key."""
    key = checkpoint_key(job_id, staging_name, name)
    context.artifacts.publish(context.artifacts.staged(staging_name) / name, key)
    return key


def remove(context: Context, keys: Collection[str]) -> None:
    """Remove checkpoints that a job no longer points to."""
    for key in keys:
        context.artifacts.remove(key)


def remove_all(context: Context, job_id: str) -> None:
    """Remove all checkpoints of a job that is final."""
    context.artifacts.remove(checkpoints_key(job_id))
