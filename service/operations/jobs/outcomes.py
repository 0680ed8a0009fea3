"""What the end of each kind of job leaves behind: a ready dataset, a ready model, a version, predictions."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from models.pretrained import pretrained_layers
from service import statuses
from service.context import Context
from service.operations.catalog.versions import point_label
from service.operations.jobs import queue
from service.storage import datasets, models
from service.storage.artifact_keys import (
    checkpoint_key,
    checkpoints_key,
    datasets_key,
    key_below,
    predictions_key,
    upload_key,
    versions_key,
)
from service.storage.database import Session
from service.storage.records import Job, Version


def publish(context: Context, job: Job, staging_name: str) -> str | None:
    """Move the job's staged folder to the key where its outcome is kept; None for a job that leaves no files."""
    key = _key(job, staging_name)
    if key is None:
        context.artifacts.discard(staging_name)
    else:
        context.artifacts.publish(context.artifacts.staged(staging_name), key)
    return key


def discard(context: Context, job: Job, staging_name: str) -> None:
    """Remove whatever an execution left that ended without an outcome."""
    context.artifacts.discard(staging_name)
    key = _key(job, staging_name)
    if key is not None:
        context.artifacts.remove(key)


def _key(job: Job, staging_name: str) -> str | None:
    # The execution's own name is in it: one that died between publishing and committing is in nobody's way.
    if job.kind == statuses.IMPORT:
        return key_below(datasets_key(job.dataset_id), staging_name)
    if job.kind == statuses.TRAINING:
        return key_below(versions_key(job.model_id), staging_name)
    if job.kind == statuses.BUILD and job.model_id is not None and pretrained_layers(job.request["document"]["layers"]):
        return key_below(versions_key(job.model_id), staging_name)
    if job.kind == statuses.BATCH_PREDICTION:
        return key_below(predictions_key(job.id), staging_name)
    return None


def keep(session: Session, job: Job, key: str | None, result: dict[str, Any]) -> bool:
    """Point to the outcome; False when what it belongs to was deleted meanwhile."""
    if job.kind == statuses.IMPORT and key is not None:
        return _keep_dataset(session, job, key, result)
    if job.kind == statuses.TRAINING and key is not None:
        return _keep_version(session, job, key, result)
    if job.kind == statuses.EVALUATION:
        job.result = result
        return True
    if job.kind == statuses.BATCH_PREDICTION:
        job.result = result | {"folder": key}
        return True
    return _keep_build(session, job, key, result)


def _keep_dataset(session: Session, job: Job, key: str, result: dict[str, Any]) -> bool:
    dataset = datasets.by_id(session, job.dataset_id)
    if dataset is None:
        return False
    descriptor = result["descriptor"]
    dataset.status, dataset.kind, dataset.folder = statuses.READY, descriptor["kind"], key
    dataset.descriptor = descriptor
    return True


def _keep_build(session: Session, job: Job, key: str | None, result: dict[str, Any]) -> bool:
    job.result = {"summary": result["summary"]}
    if job.model_id is None:
        return True
    model = models.by_id(session, job.model_id, lock=True)
    if model is None:
        return False
    model.status, model.summary, model.summary_text = statuses.READY, result["summary"], result["summary_text"]
    model.folder = key
    return True


def _keep_version(session: Session, job: Job, key: str, result: dict[str, Any]) -> bool:
    model = models.by_id(session, job.model_id, lock=True)
    if model is None:
        return False
    model.last_version += 1
    job.version = model.last_version
    version = Version(
        model_id=model.id,
        number=model.last_version,
        job_id=job.id,
        dataset_id=job.dataset_id or "",
        dataset_name=job.dataset_name or "",
        folder=key,
        servable=result["version"]["servable"],
        details=result["version"],
        created_at=datetime.now(UTC),
    )
    session.add(version)
    session.flush()
    if job.request["label"] is not None:
        point_label(session, model, job.request["label"], version.number)
    if result["evaluation"] is not None:
        _keep_evaluation_of_version(session, job, version, result["evaluation"])
    return True


def _keep_evaluation_of_version(session: Session, job: Job, version: Version, result: dict[str, Any]) -> None:
    """Show what a training found on its test rows as an evaluation of its own."""
    queue.record_done(
        session, statuses.EVALUATION, {"split": "test"},
        model_id=job.model_id, model_name=job.model_name, version=version.number,
        dataset_id=job.dataset_id, dataset_name=job.dataset_name,
        runtime=job.runtime, made_by=job.id, result=result,
    )  # fmt: skip


def note_failure(session: Session, job: Job, error: dict[str, Any]) -> None:
    """Mark the resource that the job was to make as failed."""
    resource = {
        statuses.IMPORT: lambda: datasets.by_id(session, job.dataset_id),
        statuses.BUILD: lambda: models.by_id(session, job.model_id, lock=True),
    }.get(job.kind, lambda: None)()
    if resource is not None:
        resource.status, resource.error = statuses.FAILED, error


def publish_checkpoint(context: Context, job_id: str, staging_name: str, name: str) -> str:
    """Move a checkpoint out of an execution's staged folder; returns its key."""
    key = checkpoint_key(job_id, staging_name, name)
    context.artifacts.publish(context.artifacts.staged(staging_name) / name, key)
    return key


def remove_checkpoints(context: Context, keys: Collection[str]) -> None:
    """Remove checkpoints that a job has pointed to and doesn't any more."""
    for key in keys:
        context.artifacts.remove(key)


def clear(context: Context, job: Job) -> None:
    """Remove what the job needed and nobody needs any more."""
    context.artifacts.remove(checkpoints_key(job.id))
    if job.kind == statuses.IMPORT and job.dataset_id is not None:
        context.artifacts.remove(upload_key(job.dataset_id))
    if job.kind == statuses.BATCH_PREDICTION:
        context.artifacts.remove(upload_key(job.id))


def remove(context: Context, job: Job) -> None:
    """Remove the files that were kept for a job that is gone."""
    clear(context, job)
    context.artifacts.remove(predictions_key(job.id))
