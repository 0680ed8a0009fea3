"""Versions and the labels that point to them."""

from collections.abc import Sequence
from pathlib import Path

from models.version_details import ArtifactFile
from models.version_files import ARTIFACTS, WEIGHTS
from service.context import Context
from service.errors import InUse, NotFound
from service.operations.catalog.models import find as find_model
from service.operations.catalog.resolve import find_label, find_version, named_in_body
from service.operations.stored_files import version_folder
from service.storage import jobs, models
from service.storage.database import Session
from service.storage.models import VersionEntry
from service.storage.paging import Page, PageQuery
from service.storage.records import Label, Model, Version


def get(context: Context, model_name: str, number: int) -> Version:
    with context.database.read() as session:
        return find_version(session, find_model(session, model_name), number)


def list_page(context: Context, model_name: str, query: PageQuery) -> Page[Version]:
    with context.database.read() as session:
        return models.versions_page(session, find_model(session, model_name), query)


def entries(context: Context, model_name: str | None = None) -> Sequence[VersionEntry]:
    """All versions of one model, or of all models, by name and number. A model without versions has one entry. Raises
    NotFound."""
    with context.database.read() as session:
        model = None if model_name is None else find_model(session, model_name)
        return models.version_entries(session, model)


def artifact(context: Context, model_name: str, number: int, format_: str) -> tuple[Path, ArtifactFile]:
    """A version's file in a format, and its entry in the version's `artifacts`. Raises NotFound, DamagedNetwork."""
    version = get(context, model_name, number)
    files = {file.format: file for file in version.details.artifacts}
    if format_ not in files:
        raise NotFound(f'Version {number} of "{model_name}" has no {format_} file. It has {", ".join(files)}.')
    name = ARTIFACTS[format_]
    return version_folder(context, version.folder, name) / name, files[format_]


def weights_file(context: Context, model_name: str, number: int) -> Path:
    """The NPZ file of a version's weights by their Keras names. Raises NotFound, DamagedNetwork."""
    return version_folder(context, get(context, model_name, number).folder, WEIGHTS) / WEIGHTS


def delete(context: Context, model_name: str, number: int) -> None:
    """Remove a version and its files. Raises NotFound; InUse if a label or a job that isn't final needs it."""
    with context.database.write() as session:
        model = find_model(session, model_name, lock=True)
        version = _delete(session, model, number)
    context.artifacts.remove(version.folder)


def _delete(session: Session, model: Model, number: int) -> Version:
    """Remove the row of a version of a locked model, not its files. Raises NotFound, InUse."""
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
    session.delete(version)
    return version


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
            version = _delete(session, model, number)
    except (InUse, NotFound):
        return False
    context.artifacts.remove(version.folder)
    return True


def labels_page(context: Context, model_name: str, query: PageQuery) -> Page[Label]:
    with context.database.read() as session:
        return models.labels_page(session, find_model(session, model_name), query)


def get_label(context: Context, model_name: str, name: str) -> Label:
    """Raises NotFound."""
    with context.database.read() as session:
        return find_label(session, find_model(session, model_name), name)


def put_label(context: Context, model_name: str, name: str, number: int) -> tuple[Label, bool]:
    """Point a label to a version; returns the label and whether it is new. Raises NotFound, InvalidRequest."""
    with context.database.write() as session:
        model = find_model(session, model_name, lock=True)
        with named_in_body():
            find_version(session, model, number)
        return models.point_label(session, model, name, number)


def delete_label(context: Context, model_name: str, name: str) -> None:
    """Raises NotFound; InUse if the model serves the label."""
    with context.database.write() as session:
        model = find_model(session, model_name, lock=True)
        label = find_label(session, model, name)
        if model.serve == name:
            raise InUse(f'The model "{model_name}" serves the label "{name}". Change its `serve` first.')
        session.delete(label)
