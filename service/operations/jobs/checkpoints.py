"""The files of jobs' checkpoints: publishing and removing them."""

import shutil
from collections.abc import Collection

from service.context import Context
from service.storage.artifact_keys import check_name, checkpoint_key, checkpoints_key


def publish(context: Context, job_id: str, staging_name: str, name: str) -> str:
    """Move a checkpoint out of an execution's staged folder; returns its key."""
    key = checkpoint_key(job_id, staging_name, name)
    context.artifacts.publish(context.artifacts.staged(staging_name) / name, key)
    return key


def discard(context: Context, staging_name: str, name: str) -> None:
    """Remove what there is of a checkpoint that couldn't be published."""
    shutil.rmtree(context.artifacts.staged(staging_name) / check_name(name), ignore_errors=True)


def remove(context: Context, keys: Collection[str]) -> None:
    """Remove checkpoints that a job no longer points to."""
    for key in keys:
        context.artifacts.remove(key)


def remove_all(context: Context, job_id: str) -> None:
    """Remove all checkpoints of a job that is final."""
    context.artifacts.remove(checkpoints_key(job_id))
