"""Datasets: creating them through an import job, reading, deleting."""

from datetime import UTC, datetime
from typing import Any

import orjson

from models.datasets import Dataset as DatasetFiles
from models.datasets import check_request, source_documents
from service import statuses
from service.context import Context
from service.errors import DatabaseUnavailable, Failed, InUse, NameTaken, NotFound, NotReady
from service.operations import queue
from service.storage import datasets, jobs
from service.storage.identifiers import new_identifier
from service.storage.paging import Page, PageQuery, decode_cursor, encode_cursor
from service.storage.records import Dataset

DATA_MEMBERS = ("inputs", "targets", "rows")
"""The members of a request that are the data itself; they are kept in a file, not in the row."""


def sources() -> list[dict[str, Any]]:
    """The built-in sources and their parameters."""
    return source_documents()


def create(context: Context, request: dict[str, Any], wait: float) -> Dataset:
    """Import data under the request's name; the dataset may still be `processing` when the wait is over.

    Raises InvalidData at once, or Failed within the wait, with nothing kept; NameTaken.
    """
    check_request(request)
    _check_name_is_free(context, request["name"])
    dataset_id = new_identifier("ds")
    _store_upload(context, dataset_id, request)
    try:
        dataset, job_id = _insert(context, dataset_id, request)
    except BaseException:
        context.artifacts.remove(upload_key(dataset_id))
        raise
    queue.wait_for_end(context, job_id, wait)
    return _created(context, dataset)


def _created(context: Context, inserted: Dataset) -> Dataset:
    """What became of a new dataset by the end of the wait; one that failed is removed again."""
    try:
        with context.database.read() as session:
            dataset = datasets.by_id(session, inserted.id)
    except DatabaseUnavailable:
        return inserted  # it was created, whatever happens now
    if dataset is None:
        raise NotFound(f'The dataset "{inserted.name}" was deleted while it was being imported.')
    if dataset.status == statuses.FAILED:
        _delete(context, dataset.id)
        raise Failed(dataset.error or {})
    return dataset


def datasets_key(dataset_id: str | None) -> str:
    """Below which a dataset's files are kept."""
    return f"datasets/{dataset_id}"


def upload_key(dataset_id: str) -> str:
    """Where a request waits, with its data, for the import job."""
    return f"uploads/{dataset_id}"


def _check_name_is_free(context: Context, name: str) -> None:
    with context.database.read() as session:
        if datasets.by_name(session, name) is not None:
            raise NameTaken(f'There is a dataset "{name}" already. Choose another name, or delete it first.')


def _store_upload(context: Context, dataset_id: str, request: dict[str, Any]) -> None:
    folder = context.artifacts.stage(dataset_id)
    (folder / "request.json").write_bytes(orjson.dumps(request))
    context.artifacts.publish(folder, upload_key(dataset_id))


def _insert(context: Context, dataset_id: str, request: dict[str, Any]) -> tuple[Dataset, str]:
    name = request["name"]
    dataset = Dataset(
        id=dataset_id,
        name=name,
        status=statuses.PROCESSING,
        source=request["source"],
        options={member: value for member, value in request.items() if member not in (*DATA_MEMBERS, "name", "source")},
        created_at=datetime.now(UTC),
    )
    with context.database.write() as session:
        datasets.add(session, dataset)
        columns = {"dataset_id": dataset_id, "dataset_name": name}
        return dataset, queue.enqueue(context, session, statuses.IMPORT, {}, **columns).id


def get(context: Context, name: str, wait: float = 0) -> Dataset:
    """A dataset by its name; waits up to `wait` seconds while it is being imported. Raises NotFound."""
    with context.database.read() as session:
        dataset = datasets.by_name(session, name)
        job = jobs.newest(session, statuses.IMPORT, dataset_id=dataset.id) if dataset is not None else None
    if dataset is None:
        raise NotFound(f'There is no dataset "{name}".')
    if wait and dataset.status == statuses.PROCESSING and job is not None:
        queue.wait_for_end(context, job.id, wait)
        return get(context, name)
    return dataset


def list_page(context: Context, query: PageQuery) -> Page[Dataset]:
    with context.database.read() as session:
        return datasets.page(session, query)


def rows_page(context: Context, name: str, split: str, query: PageQuery) -> Page[dict[str, Any]]:
    """Rows of a split as a client would post them. Raises NotFound, NotReady."""
    files = open_files(context, get(context, name))
    (start,) = (0,) if query.cursor is None else decode_cursor(query.cursor, (int,))
    rows = files.rows_page(split, start, query.limit + 1)
    more = len(rows) > query.limit
    return Page(rows[: query.limit], encode_cursor([start + query.limit]) if more else None)


def open_files(context: Context, dataset: Dataset) -> DatasetFiles:
    """The files of a dataset that is ready. Raises NotReady."""
    if dataset.status != statuses.READY or dataset.folder is None:
        raise NotReady(f'The dataset "{dataset.name}" is {dataset.status}.', retry_after=1)
    return DatasetFiles.open(context.artifacts.existing_folder(dataset.folder))


def delete(context: Context, name: str) -> None:
    """Remove a dataset and its files; an import of it that still runs is cancelled. Raises NotFound, InUse."""
    _delete(context, get(context, name).id)


def _delete(context: Context, dataset_id: str) -> None:
    with context.database.write() as session:
        dataset = datasets.by_id(session, dataset_id, lock=True)
        if dataset is None:
            return
        user = jobs.unfinished(session, kind=statuses.TRAINING, dataset_id=dataset_id)
        if user is not None:
            raise InUse(f'The training job {user} still needs the dataset "{dataset.name}".')
        import_job = jobs.newest(session, statuses.IMPORT, lock=True, dataset_id=dataset_id)
        if import_job is not None:
            queue.cancel(session, import_job)
        session.delete(dataset)
    context.artifacts.remove(upload_key(dataset_id))
    context.artifacts.remove(datasets_key(dataset_id))
