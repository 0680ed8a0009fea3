"""Versions and the labels that point to them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from models.jobs.model_import import ModelImportRequest
from models.model_files.formats import ModelFormat
from models.version_details import ArtifactFile
from models.version_files import ARTIFACTS, WEIGHTS
from service import statuses
from service.context import Context
from service.errors import InUse, NotFound, NotReady
from service.operations.catalog.models import IMPORT
from service.operations.catalog.models import find as find_model
from service.operations.catalog.resolve import Unresolved, find_label, find_named, find_version, named_in_body
from service.operations.jobs import queue
from service.operations.stored_files import StoredFile, version_folder
from service.storage import jobs, models, variants
from service.storage.artifact_keys import upload_key
from service.storage.database import Session
from service.storage.models import VersionEntry
from service.storage.paging import Page, PageQuery
from service.storage.records import Job, Label, Model, Version

ONNX_REASON = "It was imported as ONNX, which can't be converted to Keras."


@dataclass(frozen=True)
class UnfinishedVersion:
    """A version whose file is being imported, or couldn't be."""

    number: int
    status: str
    source: dict[str, Any]
    error: dict[str, Any] | None
    created_at: datetime

    @classmethod
    def of(cls, job: Job) -> Self:
        status = statuses.FAILED if job.status == statuses.FAILED else statuses.PROCESSING
        source = ModelImportRequest.from_document(job.request).source
        return cls(job.version or 0, status, source, job.error, job.created_at)

    @classmethod
    def queued(cls, number: int, source: dict[str, Any]) -> Self:
        return cls(number, statuses.PROCESSING, source, None, datetime.now(UTC))


def get(context: Context, model_name: str, number: int) -> Version | UnfinishedVersion:
    """A version, or what its import has come to so far. Raises NotFound."""
    with context.database.read() as session:
        model = find_model(session, model_name)
        try:
            return find_version(session, model, number)
        except Unresolved:
            job = _find_import(session, model, number)
            if job is None:
                raise
            return UnfinishedVersion.of(job)


def find_import(context: Context, model_name: str, number: int) -> str | None:
    """The id of the job that is importing a version; None if there is none. Raises NotFound."""
    with context.database.read() as session:
        job = _find_import(session, find_model(session, model_name), number)
    return None if job is None or job.status in statuses.FINAL else job.id


def _find_import(session: Session, model: Model, number: int, *, lock: bool = False) -> Job | None:
    """The import of a version that doesn't exist yet, or that failed."""
    job = jobs.newest(session, IMPORT, lock=lock, model_id=model.id, version=number)
    ended = (statuses.SUCCEEDED, statuses.CANCELLING, statuses.CANCELLED)
    return None if job is None or job.status in ended else job


def find_available(context: Context, model_name: str, number: int) -> Version:
    """A version with files. Raises NotFound, NotReady."""
    version = get(context, model_name, number)
    if isinstance(version, UnfinishedVersion):
        name = f"{model_name} version {number}"
        raise NotReady("version", name, version.status, failed=version.status == statuses.FAILED)
    return version


def list_page(context: Context, model_name: str, query: PageQuery) -> Page[Version]:
    with context.database.read() as session:
        return models.versions_page(session, find_model(session, model_name), query)


def entries(context: Context, model_name: str | None = None) -> Sequence[VersionEntry]:
    """All versions of one model, or of all models, by name and number. A model without versions has one entry. Raises
    NotFound."""
    with context.database.read() as session:
        model = None if model_name is None else find_model(session, model_name)
        return models.version_entries(session, model)


def entries_with_variants(context: Context, model_name: str | None = None) -> Sequence[VersionEntry]:
    """As `entries`, with the variants of each version after it. Raises NotFound."""
    with context.database.read() as session:
        model = None if model_name is None else find_model(session, model_name)
        found = [*models.version_entries(session, model), *variants.entries(session, model)]
    return sorted(found, key=lambda entry: (entry.model, entry.version or 0, entry.variant or ""))


def artifact(context: Context, model_name: str, number: int, format_: str) -> tuple[StoredFile, ArtifactFile]:
    """A version's file in a format, and its entry in the version's `artifacts`.

    Raises NotFound, NotReady; opening it raises DamagedNetwork.
    """
    version = find_available(context, model_name, number)
    files = {file.format: file for file in version.details.artifacts}
    if format_ not in files:
        reason = f"{ONNX_REASON} " if is_onnx(version) else ""
        raise NotFound(f'Version {number} of "{model_name}" has no {format_} file. {reason}It has {", ".join(files)}.')
    name, key = ARTIFACTS[format_], version.folder
    return StoredFile.of(context, key, name, lambda: version_folder(context, key, name) / name), files[format_]


def weights_file(context: Context, model_name: str, number: int) -> Path:
    """The NPZ file of a version's weights by their Keras names. Raises NotFound, NotReady, DamagedNetwork."""
    version = find_available(context, model_name, number)
    if is_onnx(version):
        raise NotFound(f'Version {number} of "{model_name}" has no weights by Keras names. {ONNX_REASON}')
    return version_folder(context, version.folder, WEIGHTS) / WEIGHTS


def is_onnx(version: Version) -> bool:
    """Whether the version is a network in ONNX that Keras doesn't know."""
    return version.source is not None and version.source["format"] == ModelFormat.ONNX


def delete(context: Context, model_name: str, number: int) -> None:
    """Remove a version, its variants and their files, or end its import. Raises NotFound; InUse if a label or a job
    that isn't final needs it."""
    with context.database.write() as session:
        model = find_model(session, model_name, lock=True)
        job = _find_import(session, model, number, lock=True)
        folders = _delete(session, model, number) if job is None else ()
        if job is not None:
            _end_import(session, model, job)
    for key in folders if job is None else (upload_key(job.id),):
        context.artifacts.remove(key)


def _end_import(session: Session, model: Model, job: Job) -> None:
    """Cancel the import of a version, or remove it if it failed. Raises InUse for that which makes the model."""
    if model.status != statuses.READY:
        raise InUse(f'The import makes the model "{model.name}" itself. Delete the model instead.')
    queue.cancel(session, job)
    if job.status == statuses.FAILED:
        session.delete(job)


def _delete(session: Session, model: Model, number: int) -> Sequence[str]:
    """Remove the row of a version of a locked model, and those of its variants; returns the artifact keys of their
    files. Raises NotFound, InUse."""
    version = find_version(session, model, number)
    labels = models.labels_of_version(session, version)
    if labels:
        raise InUse(f'The label "{labels[0]}" points to version {number}. Move or delete the label first.')
    user = jobs.unfinished(session, model_id=model.id, version=number)
    if user is not None:
        raise InUse(f'The job {user} still needs version {number} of "{model.name}".')
    user = jobs.taking_weights(session, model.id, number)
    if user is not None:
        raise InUse(f'The job {user} still takes weights from version {number} of "{model.name}".')
    folders = [version.folder, *(variant.folder for variant in variants.of_version(session, version))]
    session.delete(version)
    return folders


def delete_unlabelled(context: Context, newest: int) -> int:
    """Remove the versions that no label and no unfinished job needs, except the `newest` ones of each model; returns
    how many."""
    with context.database.read() as session:
        found = models.unlabelled_versions(session, newest)
    return sum(_delete_unneeded(context, model_id, number) for model_id, number in found)


def _delete_unneeded(context: Context, model_id: str, number: int) -> bool:
    try:
        with context.database.write() as session:
            model = models.by_id(session, model_id, lock=True)
            if model is None:
                return False
            folders = _delete(session, model, number)
    except (InUse, NotFound):
        return False
    for key in folders:
        context.artifacts.remove(key)
    return True


def labels_page(context: Context, model_name: str, query: PageQuery) -> Page[Label]:
    with context.database.read() as session:
        return models.labels_page(session, find_model(session, model_name), query)


def variants_of_labels(context: Context, model_ids: Collection[str]) -> dict[str, dict[str, str]]:
    """The labels of several models that point to variants: by model id and label, the type of the variant."""
    with context.database.read() as session:
        return models.variants_of_labels(session, model_ids)


def get_label(context: Context, model_name: str, name: str) -> Label:
    """Raises NotFound."""
    with context.database.read() as session:
        return find_label(session, find_model(session, model_name), name)


def put_label(
    context: Context, model_name: str, name: str, number: int, variant: str | None = None
) -> tuple[Label, bool]:
    """Point a label to a version, or to its variant of a type; returns the label and whether it is new.

    Raises NotFound, InvalidRequest; NotReady if the variant is being made.
    """
    with context.database.write() as session:
        model = find_model(session, model_name, lock=True)
        with named_in_body():
            version = find_version(session, model, number)
        if variant is not None:
            find_named(session, model, version, variant)
        return models.point_label(session, model, name, number, variant)


def delete_label(context: Context, model_name: str, name: str) -> None:
    """Raises NotFound; InUse if the model serves the label."""
    with context.database.write() as session:
        model = find_model(session, model_name, lock=True)
        label = find_label(session, model, name)
        if model.serve == name:
            raise InUse(f'The model "{model_name}" serves the label "{name}". Change its `serve` first.')
        session.delete(label)
