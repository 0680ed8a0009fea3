"""Datasets: creating them through import jobs, reading, changing and deleting them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from models.datasets import Dataset as DatasetFiles
from models.datasets import check_request, source_documents
from service import statuses
from service.context import Context
from service.errors import (
    DATASET_VERSION,
    Failed,
    InUse,
    InvalidRequest,
    NameTaken,
    NotFound,
    NotReady,
    StorageError,
)
from service.operations import idempotency
from service.operations.catalog import imports
from service.operations.catalog.imports import NO_FORM, UPLOAD
from service.operations.catalog.uploads import ReceivedFile, removed_unless_committed
from service.operations.idempotency import Claim
from service.operations.jobs import queue
from service.operations.jobs.kinds import dataset_import
from service.operations.metadata import Metadata, merge
from service.operations.stored_files import unless_deleted
from service.storage import datasets, jobs
from service.storage.artifact_keys import datasets_key, upload_key
from service.storage.identifiers import new_identifier
from service.storage.paging import Page, PageQuery, decode_cursor, encode_cursor
from service.storage.records import Dataset, DatasetVersion, Job

FIRST = 1
"""The number of the version that a new dataset has."""
IMPORT = dataset_import.KIND.name


@dataclass(frozen=True)
class DatasetView:
    """A dataset, and the progress of its import while that runs."""

    dataset: Dataset
    progress: dict[str, Any] | None


def sources() -> list[dict[str, Any]]:
    """The built-in sources and their parameters."""
    return source_documents()


def create(context: Context, request: dict[str, Any], claim: Claim | None = None) -> tuple[Dataset, str]:
    """Create a dataset and queue its import; returns the dataset and the id of the import job.

    The data is the request's `file`, which is moved into the artifact store, or comes from its `source`. If an earlier
    request with the same `claim` created a dataset, returns that one. Raises InvalidRequest, InvalidData, NameTaken,
    QueueFull.
    """
    return _made_before(context, claim) or _make(context, request, claim)


def _made_before(context: Context, claim: Claim | None) -> tuple[Dataset, str] | None:
    """The dataset that an earlier request with the key created, if it still exists, and the id of its import job."""
    if claim is None or claim.resource_id is None:
        return None
    with context.database.read() as session:
        dataset = datasets.by_id(session, claim.resource_id)
        job = jobs.newest(session, IMPORT, dataset_id=claim.resource_id, dataset_version=FIRST)
    return None if dataset is None or job is None else (dataset, job.id)


def _make(context: Context, request: dict[str, Any], claim: Claim | None) -> tuple[Dataset, str]:
    """Store the request and queue the import; returns the dataset and the job's id."""
    metadata = request.get("metadata", {})
    request = {name: value for name, value in request.items() if name != "metadata"}
    files: list[ReceivedFile] = request.get("file", [])
    if files:
        request = request | {"source": UPLOAD, **imports.describe_files(files)}
    elif request["source"] == UPLOAD:
        raise InvalidRequest(NO_FORM)
    check_request(request)
    _check_name_is_free(context, request["name"])
    dataset_id = new_identifier("ds")
    imports.store_request(context, dataset_id, request, files)
    with removed_unless_committed(context.artifacts, upload_key(dataset_id)):
        return _insert(context, dataset_id, request, metadata, claim)


def created(context: Context, inserted: Dataset, job_id: str) -> DatasetView:
    """A new dataset at the end of the wait. If its import failed, removes it and raises Failed. Raises NotFound."""
    try:
        with context.database.read() as session:
            dataset, job = datasets.by_id(session, inserted.id), jobs.get(session, job_id)
    except StorageError:
        return _view(inserted, None)  # the dataset was created, although its state is unknown
    if dataset is None:
        raise NotFound(f'The dataset "{inserted.name}" was deleted while it was being imported.')
    if dataset.status == statuses.FAILED:
        _delete(context, dataset.id)
        raise Failed(dataset.error or {})
    return _view(dataset, job)


def _check_name_is_free(context: Context, name: str) -> None:
    with context.database.read() as session:
        if datasets.by_name(session, name) is not None:
            raise NameTaken(f'The dataset "{name}" already exists. Choose another name, or delete it first.')


def _insert(
    context: Context, dataset_id: str, request: dict[str, Any], metadata: Metadata, claim: Claim | None
) -> tuple[Dataset, str]:
    name = request["name"]
    dataset = Dataset(
        id=dataset_id,
        name=name,
        status=statuses.PROCESSING,
        source=request["source"],
        file=imports.shown_file(request),
        last_version=FIRST,
        metadata_=metadata,
        created_at=datetime.now(UTC),
    )
    version = imports.new_version(dataset, FIRST, dataset_id, request)
    with context.database.write() as session:
        datasets.add(session, dataset)
        session.add(version)
        session.flush()
        idempotency.record_resource(session, claim, dataset_id)
        return dataset, dataset_import.enqueue(context, session, dataset, version).id


def get(context: Context, name: str) -> DatasetView:
    """A dataset by its name. Raises NotFound."""
    return _view(*_find(context, name))


def find_import(context: Context, name: str) -> str | None:
    """The id of the job that is importing a dataset; None if the import has ended. Raises NotFound."""
    dataset, job = _find(context, name)
    return job.id if job is not None and dataset.status == statuses.PROCESSING else None


def _find(context: Context, name: str) -> tuple[Dataset, Job | None]:
    with context.database.read() as session:
        dataset = datasets.by_name(session, name)
        job = jobs.newest(session, IMPORT, dataset_id=dataset.id) if dataset is not None else None
    if dataset is None:
        raise NotFound(f'There is no dataset "{name}".')
    return dataset, job


def _view(dataset: Dataset, job: Job | None) -> DatasetView:
    return DatasetView(dataset, job.progress if job is not None and dataset.status == statuses.PROCESSING else None)


def list_page(context: Context, query: PageQuery) -> Page[DatasetView]:
    with context.database.read() as session:
        page = datasets.page(session, query)
        processing = [dataset.id for dataset in page.items if dataset.status == statuses.PROCESSING]
        imports = {id_: jobs.newest(session, IMPORT, dataset_id=id_) for id_ in processing}
    return Page([_view(dataset, imports.get(dataset.id)) for dataset in page.items], page.next_cursor)


def rows_page(
    context: Context, name: str, split: str, query: PageQuery, number: int | None = None
) -> Page[dict[str, Any]]:
    """Rows of a split in the form in which clients post them. If rows are large, fewer than the limit.

    They are those of the version `number`, or of the newest when the first page is read. Raises NotFound, NotReady,
    DamagedDataset.
    """
    start, number = (0, number) if query.cursor is None else decode_cursor(query.cursor, (int, int))
    version = find_data(context, name, number)
    with unless_deleted(context, f'The dataset "{name}"', lambda session: datasets.version_by_id(session, version.id)):
        files = DatasetFiles.open(context.artifacts.folder(version.folder or ""))
        rows = files.rows_page(split, start, query.limit)
    end = start + len(rows)
    return Page(rows, encode_cursor([end, version.number]) if end < files.descriptor.splits[split] else None)


def find_data(context: Context, name: str, number: int | None) -> DatasetVersion:
    """A version of a dataset that is ready, the newest by default. Raises NotFound, NotReady."""
    with context.database.read() as session:
        dataset = datasets.by_name(session, name)
        if dataset is None:
            raise NotFound(f'There is no dataset "{name}".')
        version = datasets.version(session, dataset.id, number or dataset.version or FIRST)
    if version is None:
        raise NotFound(f'The dataset "{name}" has no version {number}.')
    if version.status != statuses.READY:
        what, failed = ("dataset", name), version.status == statuses.FAILED
        if dataset.status == statuses.READY:
            what = (DATASET_VERSION, f"{name} version {version.number}")
        raise NotReady(*what, version.status, failed=failed)
    return version


def change(context: Context, name: str, changes: dict[str, Any]) -> DatasetView:
    """Change the `metadata`. Raises NotFound, InvalidRequest."""
    with context.database.write() as session:
        dataset = datasets.by_name(session, name, lock=True)
        if dataset is not None and "metadata" in changes:
            dataset.metadata_ = merge(dataset.metadata_, changes["metadata"])
    return get(context, name)


def delete(context: Context, name: str) -> None:
    """Remove a dataset with all versions and their files, and cancel its imports. Raises NotFound, InUse."""
    _delete(context, get(context, name).dataset.id)


def _delete(context: Context, dataset_id: str) -> None:
    with context.database.write() as session:
        dataset = datasets.by_id(session, dataset_id, lock=True)
        if dataset is None:
            return
        user = jobs.unfinished(session, but=(IMPORT,), dataset_id=dataset_id)
        if user is not None:
            raise InUse(f'The job {user} still needs the dataset "{dataset.name}".')
        versions = datasets.versions(session, dataset_id)
        for job in jobs.lock_unfinished(session, IMPORT, dataset_id=dataset_id):
            queue.cancel(session, job)
        session.delete(dataset)
    for version in versions:
        context.artifacts.remove(upload_key(version.id))
    context.artifacts.remove(datasets_key(dataset_id))
