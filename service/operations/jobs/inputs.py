"""The inputs of jobs' assignments: folders of versions, datasets and weights, limits, and runtime."""

from pathlib import Path
from typing import TypedDict

from models.jobs.assignment import Runtime
from models.limits import Limits
from service.context import Context
from service.errors import NotFound
from service.storage import datasets, jobs, models, variants
from service.storage.records import Job, Version


class Bounds(TypedDict):
    """The fields that every assignment has."""

    limits: Limits
    runtime: Runtime


def bounds(context: Context, job: Job) -> Bounds:
    """The limits and the runtime of a job."""
    return {"limits": context.settings.limits, "runtime": Runtime.from_document(job.runtime or {})}


def whole(context: Context, part: Job) -> Job:
    """The job of which one is a part. Raises NotFound."""
    with context.database.read() as session:
        found = None if part.part_of is None else jobs.get(session, part.part_of)
    if found is None:
        raise NotFound("The job was deleted of which this one is a part.")
    return found


def source_folders(context: Context, job: Job) -> dict[int, Path]:
    """The folders of the versions whose weights the job starts from, by the index of the layer that gets the weights.

    Raises NotFound.
    """
    with context.database.read() as session:
        keys = jobs.source_folders(session, job.id)
    folders = {place: context.artifacts.folder(key) for place, key in keys.items() if key is not None}
    if len(folders) < len(keys):
        raise NotFound("A version whose weights the job starts from was deleted.")
    return folders


def dataset_folder(context: Context, job: Job) -> Path:
    """The folder of the version of a dataset that the job reads. Raises NotFound."""
    with context.database.read() as session:
        data = datasets.version(session, job.dataset_id, job.dataset_version)
    if data is None or data.folder is None:
        raise NotFound("The dataset of the job was deleted.")
    return context.artifacts.folder(data.folder)


def version_folder(context: Context, job: Job, variant: str | None = None) -> Path:
    """The folder of the job's version, or of its variant of a type. Raises NotFound."""
    with context.database.read() as session:
        model = models.by_id(session, job.model_id)
        version: Version | None = None if model is None else models.version(session, model, job.version)
        if version is None:
            raise NotFound("The version of the job was deleted.")
        found = version if variant is None else variants.find(session, version, variant)
    if found is None:
        raise NotFound("The variant of the job was deleted.")
    return context.artifacts.folder(found.folder)
