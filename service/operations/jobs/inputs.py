"""What jobs work on, as their processes find it: the folders of versions, datasets and weights, limits and runtime."""

from pathlib import Path
from typing import TypedDict

from models.jobs.assignment import Runtime
from models.limits import Limits
from service.context import Context
from service.errors import NotFound
from service.storage import datasets, jobs, models
from service.storage.records import Job, Version


class Bounds(TypedDict):
    """The members that every assignment has."""

    limits: Limits
    runtime: Runtime


def bounds(context: Context, job: Job) -> Bounds:
    """What the process of a job may take, and runs with."""
    return {"limits": context.settings.limits, "runtime": Runtime.from_document(job.runtime or {})}


def source_folders(context: Context, job: Job) -> dict[int, Path]:
    """Where the versions lie that the job takes weights from, by the places that it takes them to. Raises NotFound."""
    with context.database.read() as session:
        keys = jobs.source_folders(session, job.id)
    folders = {place: context.artifacts.folder(key) for place, key in keys.items() if key is not None}
    if len(folders) < len(keys):
        raise NotFound("A version that the job takes weights from was deleted.")
    return folders


def dataset_folder(context: Context, job: Job) -> Path:
    """Where the dataset lies that the job works on. Raises NotFound."""
    with context.database.read() as session:
        dataset = datasets.by_id(session, job.dataset_id)
    if dataset is None or dataset.folder is None:
        raise NotFound("The dataset of the job was deleted.")
    return context.artifacts.folder(dataset.folder)


def version_folder(context: Context, job: Job) -> Path:
    """Where the version lies that the job works with. Raises NotFound."""
    with context.database.read() as session:
        model = models.by_id(session, job.model_id)
        version: Version | None = None if model is None else models.version(session, model, job.version)
    if version is None:
        raise NotFound("The version of the job was deleted.")
    return context.artifacts.folder(version.folder)
