"""Versions of datasets: adding them through import jobs, reading and deleting them."""

from dataclasses import dataclass
from typing import Any

from models.datasets import APPEND, append_options, check_request, find_append_problem
from models.errors import Fault
from service import statuses
from service.context import Context
from service.errors import Conflict, Failed, InUse, InvalidRequest, NotFound, NotReady, StorageError
from service.operations import idempotency
from service.operations.catalog import imports
from service.operations.catalog.datasets import IMPORT
from service.operations.catalog.uploads import ReceivedFile, removed_unless_committed
from service.operations.idempotency import Claim
from service.operations.jobs import queue
from service.operations.jobs.kinds import dataset_import
from service.storage import datasets, jobs
from service.storage.artifact_keys import upload_key
from service.storage.database import Session
from service.storage.identifiers import new_identifier
from service.storage.paging import Page, PageQuery
from service.storage.records import Dataset, DatasetVersion, Job

UNKNOWN_OPTIONS = (
    "An earlier release of Fitserve made this dataset and didn't store its options. Send them again with the new file, "
    "such as `target`, `types`, `ignore` and `split`; `split={}` alone stands for the defaults."
)


@dataclass(frozen=True)
class VersionView:
    """A version, its dataset's name, and the progress of its import while that runs."""

    dataset: str
    version: DatasetVersion
    progress: dict[str, Any] | None


def create(
    context: Context, name: str, request: dict[str, Any], claim: Claim | None = None
) -> tuple[DatasetVersion, str]:
    """Add a version to a dataset and queue its import; returns the version and the id of the import job.

    The request has either a `file`, with options that replace those of the newest version, or rows to `append` to that
    version. If an earlier request with the same `claim` created a version, returns that one. Raises NotFound, NotReady,
    InvalidRequest, InvalidData, QueueFull; Conflict for rows while another version is being imported.
    """
    return _made_before(context, claim) or _make(context, name, request, claim)


def _made_before(context: Context, claim: Claim | None) -> tuple[DatasetVersion, str] | None:
    if claim is None or claim.resource_id is None:
        return None
    with context.database.read() as session:
        version = datasets.version_by_id(session, claim.resource_id)
        job = None if version is None else _import_of(session, version)
    return None if version is None or job is None else (version, job.id)


def _import_of(session: Session, version: DatasetVersion) -> Job | None:
    return jobs.newest(session, IMPORT, dataset_id=version.dataset_id, dataset_version=version.number)


def _make(context: Context, name: str, request: dict[str, Any], claim: Claim | None) -> tuple[DatasetVersion, str]:
    with context.database.read() as session:
        dataset, newest = _find_extensible(session, name)
    request = {field: value for field, value in request.items() if value is not None}
    files: list[ReceivedFile] = request.get("file", [])
    base = None if files else newest
    if not files:
        request = _append_to(newest, request)
    else:
        source = {"name": name, "source": imports.UPLOAD, **imports.describe_files(files)}
        request = _read_like(newest, request) | source
        check_request(request)
    version_id = new_identifier("dv")
    imports.store_request(context, version_id, request, files)
    with removed_unless_committed(context.artifacts, upload_key(version_id)):
        return _insert(context, dataset, version_id, request, base, claim)


def _find_extensible(session: Session, name: str, *, lock: bool = False) -> tuple[Dataset, DatasetVersion]:
    """A dataset and its newest ready version. Raises NotFound, NotReady."""
    dataset = datasets.by_name(session, name, lock=lock)
    if dataset is None:
        raise NotFound(f'There is no dataset "{name}".')
    newest = datasets.version(session, dataset.id, dataset.version)
    if newest is None:
        raise NotReady("dataset", name, dataset.status, failed=dataset.status == statuses.FAILED)
    return dataset, newest


def _append_to(base: DatasetVersion, request: dict[str, Any]) -> dict[str, Any]:
    """The request of an import that appends rows. Raises InvalidRequest."""
    if base.options is None:
        detail = f"{UNKNOWN_OPTIONS} After that, rows can be appended."
        raise InvalidRequest(Fault(detail, pointer=f"#/{APPEND}"))
    assert base.descriptor is not None
    problem = find_append_problem(base.descriptor, base.options)
    if problem is not None:
        raise InvalidRequest(Fault(problem, pointer=f"#/{APPEND}"))
    return append_options(base.options, base.source) | {"source": APPEND, APPEND: request[APPEND]}


def _read_like(before: DatasetVersion, request: dict[str, Any]) -> dict[str, Any]:
    """The options for a file: those of the version before it, replaced by those of the request.

    Raises InvalidRequest if neither has any.
    """
    posted = imports.options_of(request)
    if before.options is None and not posted:
        raise InvalidRequest(Fault(UNKNOWN_OPTIONS, pointer="#/split"))
    known = before.options or {}
    if before.descriptor is not None and before.descriptor.is_table:
        known = {"target": before.descriptor.target.name, **known}
    return known | posted


def _insert(
    context: Context,
    dataset: Dataset,
    version_id: str,
    request: dict[str, Any],
    base: DatasetVersion | None,
    claim: Claim | None,
) -> tuple[DatasetVersion, str]:
    with context.database.write() as session:
        # The dataset may have been deleted meanwhile, and another created with the same name.
        locked, newest = _find_extensible(session, dataset.name, lock=True)
        if locked.id != dataset.id:
            raise NotFound(f'The dataset "{dataset.name}" was deleted.')
        if base is not None:
            _check_is_last(session, locked, newest, base)
        locked.last_version += 1
        version = imports.new_version(locked, locked.last_version, version_id, request, base)
        session.add(version)
        session.flush()
        idempotency.record_resource(session, claim, version_id)
        return version, dataset_import.enqueue(context, session, locked, version).id


def _check_is_last(session: Session, dataset: Dataset, newest: DatasetVersion, base: DatasetVersion) -> None:
    """Raise Conflict if rows that are appended to `base` would not be in the dataset's newest version, or lack others
    that are being imported."""
    running = jobs.lock_unfinished(session, IMPORT, dataset_id=dataset.id)
    if running or newest.number != base.number:
        number = running[0].dataset_version if running else newest.number
        detail = f'Version {number} of the dataset "{dataset.name}" is being imported or has just become ready.'
        raise Conflict(f"{detail} Append the rows when it is ready.", retry_after=1)


def created(context: Context, name: str, inserted: DatasetVersion, job_id: str) -> VersionView:
    """A new version at the end of the wait. If its import failed, removes it and raises Failed. Raises NotFound."""
    try:
        with context.database.read() as session:
            version, job = datasets.version_by_id(session, inserted.id), jobs.get(session, job_id)
    except StorageError:
        return VersionView(name, inserted, None)  # the version was created, although its state is unknown
    if version is None:
        raise NotFound(f'The version of the dataset "{name}" was deleted while it was being imported.')
    if version.status == statuses.FAILED:
        _delete(context, version)
        raise Failed(version.error or {})
    return _view(name, version, job)


def get(context: Context, name: str, number: int) -> VersionView:
    """A version of a dataset. Raises NotFound."""
    return _view(name, *_find(context, name, number))


def find_import(context: Context, name: str, number: int) -> str | None:
    """The id of the job that is importing a version; None if the import has ended. Raises NotFound."""
    version, job = _find(context, name, number)
    return job.id if job is not None and version.status == statuses.PROCESSING else None


def _find(context: Context, name: str, number: int) -> tuple[DatasetVersion, Job | None]:
    with context.database.read() as session:
        dataset = _find_dataset(session, name)
        version = datasets.version(session, dataset.id, number)
        job = None if version is None else _import_of(session, version)
    if version is None:
        raise NotFound(f'The dataset "{name}" has no version {number}.')
    return version, job


def _find_dataset(session: Session, name: str) -> Dataset:
    dataset = datasets.by_name(session, name)
    if dataset is None:
        raise NotFound(f'There is no dataset "{name}".')
    return dataset


def _view(name: str, version: DatasetVersion, job: Job | None) -> VersionView:
    progress = job.progress if job is not None and version.status == statuses.PROCESSING else None
    return VersionView(name, version, progress)


def list_page(context: Context, name: str, query: PageQuery) -> Page[VersionView]:
    """The versions of a dataset, those included that are being imported or have failed. Raises NotFound."""
    with context.database.read() as session:
        page = datasets.versions_page(session, _find_dataset(session, name), query)
        imports_ = {
            version.id: _import_of(session, version) for version in page.items if version.status == statuses.PROCESSING
        }
    return Page([_view(name, version, imports_.get(version.id)) for version in page.items], page.next_cursor)


def delete(context: Context, name: str, number: int) -> None:
    """Remove a version and its files, and cancel its import if that still runs. Raises NotFound, InUse."""
    _delete(context, get(context, name, number).version)


def _delete(context: Context, found: DatasetVersion) -> None:
    with context.database.write() as session:
        dataset = datasets.by_id(session, found.dataset_id, lock=True)
        version = datasets.version_by_id(session, found.id)
        if dataset is None or version is None:
            return
        _check_unused(session, dataset, version)
        for job in jobs.lock_unfinished(session, IMPORT, dataset_id=dataset.id, dataset_version=version.number):
            queue.cancel(session, job)
        session.delete(version)
    context.artifacts.remove(upload_key(version.id))
    if version.folder is not None:
        context.artifacts.remove(version.folder)


def _check_unused(session: Session, dataset: Dataset, version: DatasetVersion) -> None:
    what = f'version {version.number} of the dataset "{dataset.name}"'
    if dataset.version in (version.number, None):
        raise InUse(f"A dataset always has a newest version, and {what} is it. Delete the dataset instead.")
    user = jobs.unfinished(session, but=(IMPORT,), dataset_id=dataset.id, dataset_version=version.number)
    if user is not None:
        raise InUse(f"The job {user} still needs {what}.")
    running = [job.dataset_version for job in jobs.lock_unfinished(session, IMPORT, dataset_id=dataset.id)]
    for number in running:
        later = datasets.version(session, dataset.id, number)
        if later is not None and later.base == version.number:
            raise InUse(f"Version {number}, which is being imported, appends rows to {what}.")
