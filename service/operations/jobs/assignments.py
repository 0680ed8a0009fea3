"""What a child process is given: everything it needs to know, since it has no database."""

from dataclasses import asdict
from typing import Any

from service import statuses
from service.context import Context
from service.errors import NotFound
from service.operations.catalog.uploads import DATA_FILE
from service.storage import datasets, jobs, models
from service.storage.artifact_keys import upload_key
from service.storage.records import Job


def describe(context: Context, job: Job) -> dict[str, Any]:
    """The assignment of a claimed job, as JSON. Raises NotFound when what it works on was deleted."""
    makers = {
        statuses.IMPORT: _describe_import,
        statuses.BUILD: _describe_build,
        statuses.TRAINING: _describe_training,
        statuses.EVALUATION: _describe_evaluation,
        statuses.BATCH_PREDICTION: _describe_batch_prediction,
    }
    common = {"kind": job.kind, "job": job.id, "limits": asdict(context.settings.limits), "runtime": job.runtime}
    return common | makers[job.kind](context, job)


def _describe_import(context: Context, job: Job) -> dict[str, Any]:
    settings = context.settings
    return {
        "upload": str(context.artifacts.folder(upload_key(job.dataset_id))),
        "cache": str(settings.keras_cache),
        "downloads": settings.dataset_downloads,
    }


def _describe_build(context: Context, job: Job) -> dict[str, Any]:
    request = job.request
    sources = _source_folders(context, job)
    return {"document": request["document"], "made_for": request["made_for"], "sources": sources}


def _source_folders(context: Context, job: Job) -> dict[str, str]:
    """Where the versions lie that the job takes weights from, by the places that it takes them to."""
    with context.database.read() as session:
        keys = jobs.source_folders(session, job.id)
    folders = {str(place): str(context.artifacts.folder(key)) for place, key in keys.items() if key is not None}
    if len(folders) < len(keys):
        raise NotFound("A version that the job takes weights from was deleted.")
    return folders


def _describe_training(context: Context, job: Job) -> dict[str, Any]:
    with context.database.read() as session:
        model, dataset = models.by_id(session, job.model_id), datasets.by_id(session, job.dataset_id)
    if model is None or dataset is None or dataset.folder is None:
        raise NotFound("The model or the dataset of the job was deleted.")
    return {
        "document": {"task": model.task, **model.document},
        "dataset": str(context.artifacts.folder(dataset.folder)),
        "pretrained": None if model.folder is None else str(context.artifacts.folder(model.folder)),
        "sources": _source_folders(context, job),
        "request": job.request,
        "orders": [{name: value for name, value in order.items() if name != "step"} for order in job.orders],
        "checkpoint": None if job.checkpoint is None else str(context.artifacts.folder(job.checkpoint["folder"])),
    }


def _describe_evaluation(context: Context, job: Job) -> dict[str, Any]:
    version, dataset = _find_folders(context, job)
    return {"version": version, "dataset": dataset, "split": job.request["split"]}


def _describe_batch_prediction(context: Context, job: Job) -> dict[str, Any]:
    (version, dataset), file = _find_folders(context, job), job.request["file"]
    if file is not None:
        file = {"name": file["name"], "path": str(context.artifacts.folder(upload_key(job.id)) / DATA_FILE)}
    return {"version": version, "dataset": dataset, "split": job.request["split"], "file": file}


def _find_folders(context: Context, job: Job) -> tuple[str, str | None]:
    """Where the version lies that the job works with, and the dataset if it works on one. Raises NotFound."""
    with context.database.read() as session:
        model, dataset = models.by_id(session, job.model_id), datasets.by_id(session, job.dataset_id)
        version = None if model is None else models.version(session, model, job.version)
    if version is None or (job.dataset_id is not None and (dataset is None or dataset.folder is None)):
        raise NotFound("The version or the dataset of the job was deleted.")
    folder = None if dataset is None or dataset.folder is None else str(context.artifacts.folder(dataset.folder))
    return str(context.artifacts.folder(version.folder)), folder
