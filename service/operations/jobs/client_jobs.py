"""Jobs that clients create: finding the resources that they name, and reading, changing and deleting the jobs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from models.dataset_descriptor import DatasetDescriptor
from models.errors import Fault
from service import statuses
from service.context import Context
from service.errors import DATASET_VERSION, Conflict, InvalidRequest, NotFound, NotReady
from service.operations import metadata
from service.operations.catalog import resolve
from service.operations.idempotency import Claim
from service.operations.jobs import gangs, queue
from service.operations.jobs.kind import Kind
from service.storage import datasets, jobs, models, workers
from service.storage.database import Session
from service.storage.paging import Page, PageQuery
from service.storage.records import Dataset, DatasetVersion, Event, Job, Model, Version


@dataclass(frozen=True)
class JobView:
    """A job with its transitions, oldest first, and which of the resources that it names still exist."""

    job: Job
    transitions: Sequence[Event]
    model_exists: bool
    dataset_exists: bool
    version_exists: bool
    maker_exists: bool
    """Of an evaluation: whether the training job that made it still exists."""
    evaluation: str | None
    """Of a training: the evaluation that it made on the test rows, unless that was deleted."""
    waits_for_worker: bool
    """Whether no running worker claims jobs from the queue in which it waits for its turn, or its shards do."""
    free_workers: int | None
    """Of a queued job with several `hosts`: how many workers are free; None for any other."""

    @property
    def status_reason(self) -> str | None:
        """The reason for the job's status, or else that it waits for a worker, or for several."""
        waits = queue.WAITING_FOR_WORKER if self.waits_for_worker else None
        if waits is None and self.free_workers is not None and self.free_workers < self.job.hosts:
            waits = queue.WAITING_FOR_WORKERS
        return self.job.status_reason or waits


def made_before(context: Context, claim: Claim | None) -> str | None:
    """The id of the job that an earlier request with the key created, if it still exists."""
    if claim is None or claim.resource_id is None:
        return None
    with context.database.read() as session:
        return None if jobs.get(session, claim.resource_id) is None else claim.resource_id


def find_model_and_dataset(
    session: Session, model_name: str, dataset_name: str, ids: tuple[str, str] | None = None
) -> tuple[Model, Dataset]:
    """The model and the dataset of a new job. With `ids`, locks them and requires that they have these ids.

    They may still be built or imported. Raises InvalidRequest; NotReady if that failed.
    """
    lock = ids is not None
    model, dataset = models.by_name(session, model_name, lock=lock), datasets.by_name(session, dataset_name, lock=lock)
    faults = []
    if model is None or (ids and model.id != ids[0]):
        faults.append(Fault(f'There is no model "{model_name}".', pointer="#/model"))
    if dataset is None or (ids and dataset.id != ids[1]):
        faults.append(Fault(f'There is no dataset "{dataset_name}".', pointer="#/dataset"))
    if faults or model is None or dataset is None:
        raise InvalidRequest(*faults)
    _check_usable("model", model)
    _check_usable("dataset", dataset)
    return model, dataset


def find_model(session: Session, name: str, model_id: str | None = None) -> Model:
    """Like `find_model_and_dataset`, for a job without a dataset."""
    model = models.by_name(session, name, lock=model_id is not None)
    if model is None or (model_id and model.id != model_id):
        raise InvalidRequest(Fault(f'There is no model "{name}".', pointer="#/model"))
    _check_usable("model", model)
    return model


def _check_usable(kind: str, resource: Model | Dataset) -> None:
    if resource.status == statuses.FAILED:
        raise NotReady(kind, resource.name, resource.status, failed=True)


def find_unready(model: Model | None, dataset: Dataset | None) -> str | None:
    """What a job with this model and dataset waits for first: `model`, `dataset`, or None if both are ready."""
    found = {"model": model, "dataset": dataset}
    return next((name for name, each in found.items() if each is not None and each.status != statuses.READY), None)


def find_data(session: Session, dataset: Dataset | None, number: int | None) -> DatasetVersion | None:
    """The version of the dataset that a new job reads: the one that it names, or the newest that is ready.

    None without a dataset, or while the dataset has no ready version yet. Raises InvalidRequest; NotReady if the named
    version is still being imported, or that failed.
    """
    if dataset is None:
        return None
    wanted = number or dataset.version or 1
    found = datasets.version(session, dataset.id, wanted)
    if found is None:
        detail = f'The dataset "{dataset.name}" has no version {wanted}.'
        raise InvalidRequest(Fault(detail, pointer="#/dataset_version"))
    if dataset.status != statuses.READY:
        return None
    if found.status != statuses.READY:
        name, failed = f"{dataset.name} version {found.number}", found.status == statuses.FAILED
        raise NotReady(DATASET_VERSION, name, found.status, failed=failed)
    return found


def data_columns(dataset: Dataset | None, data: DatasetVersion | None, number: int | None) -> dict[str, Any]:
    """The columns of a new job that name what it reads: `data`, or while there is none, the version asked for."""
    if dataset is None:
        return {}
    version = {"dataset_version": number} if data is None else {
        "dataset_version": data.number, "dataset_sha256": data.sha256,
    }  # fmt: skip
    return {"dataset_id": dataset.id, "dataset_name": dataset.name, **version}


def describe_data(dataset: Dataset, data: DatasetVersion | None) -> DatasetDescriptor:
    """The descriptor of a dataset's version that is ready, with the dataset's name."""
    assert data is not None
    assert data.descriptor is not None
    return replace(data.descriptor, name=dataset.name)


def find_network(
    session: Session, model: Model, number: int | None, label: str | None = None, type_: str | None = None
) -> tuple[Version, str | None]:
    """The version that a new job names by number or label, the latest by default. And the type of its variant that the
    job names, or to which its label points; None: the version itself.

    Raises InvalidRequest, NoVersion; NotReady if the model is still being built, so that it has no version yet, or the
    variant is being made.
    """
    if model.status != statuses.READY:
        raise NotReady("model", model.name, model.status, failed=False)
    if label is not None and number is not None:
        raise InvalidRequest(Fault("Set either `version` or `label`, not both.", pointer="#/label"))
    with resolve.named_in_body():
        version, wanted = resolve.find_wanted(session, model, number, label, type_)
    return version, None if wanted is None else resolve.find_named(session, model, version, wanted).type


def lock_used(
    session: Session,
    model: Model,
    dataset: Dataset,
    data: DatasetVersion | None,
    version: Version | None = None,
    variant: str | None = None,
) -> None:
    """Lock the model and the dataset of a new job, which an earlier transaction has found, and check that they still
    exist with these versions: they may have been deleted meanwhile, and others created with the same names.

    Raises InvalidRequest, NotReady.
    """
    find_model_and_dataset(session, model.name, dataset.name, (model.id, dataset.id))
    if version is not None:
        find_network(session, model, version.number, type_=variant)
    find_data(session, dataset, None if data is None else data.number)


def find_used(session: Session, job: Job) -> tuple[Version, Dataset, DatasetVersion | None]:
    """The version of a job that hasn't ended, its dataset and the version of that, so that none can be deleted."""
    model, dataset = models.by_id(session, job.model_id), datasets.by_id(session, job.dataset_id)
    version = None if model is None else models.version(session, model, job.version)
    if version is None or dataset is None:
        raise NotFound("The version or the dataset of the job was deleted.")
    return version, dataset, find_data(session, dataset, job.dataset_version)


def find(session: Session, kind: Kind, job_id: str, *, lock: bool = False) -> Job:
    """The job of that kind and id. Raises NotFound."""
    job = jobs.get(session, job_id, lock=lock)
    if job is None or job.kind != kind.name:
        raise NotFound(f'There is no {kind.words} "{job_id}".')
    return job


def get(context: Context, kind: Kind, job_id: str) -> JobView:
    """A job of that kind. Raises NotFound."""
    with context.database.read() as session:
        return view(session, [find(session, kind, job_id)])[0]


def find_all(context: Context, kind: Kind, ids: Sequence[str]) -> list[JobView]:
    """Those jobs of that kind that exist, in the order of their ids in `ids`."""
    with context.database.read() as session:
        found = {each.job.id: each for each in view(session, jobs.find_all(session, kind.name, ids))}
    return [found[job_id] for job_id in ids if job_id in found]


def list_page(context: Context, kind: Kind, query: PageQuery) -> Page[JobView]:
    with context.database.read() as session:
        page = jobs.page(session, query, kind.name)
        return Page(view(session, page.items), page.next_cursor)


def list_newest(context: Context, kinds: Iterable[Kind], most: int, **filters: Any) -> list[JobView]:
    """The newest jobs of each kind, newest first, at most `most` of a kind. `filters` are those of a list."""
    query = PageQuery(most, filters=filters)
    with context.database.read() as session:
        return view(session, [job for kind in kinds for job in jobs.page(session, query, kind.name).items])


def view(session: Session, found: Sequence[Job]) -> list[JobView]:
    if not found:
        return []
    ids = [job.id for job in found]
    transitions = jobs.transitions(session, ids)
    model_ids = models.existing(session, [job.model_id for job in found])
    dataset_ids = datasets.existing(session, [job.dataset_id for job in found])
    versions = models.existing_versions(session, [(job.model_id, job.version) for job in found])
    makers = jobs.existing(session, [job.made_by for job in found])
    evaluations = jobs.made_by(session, ids)
    waiting = {job.id for job in found if job.status == statuses.QUEUED or job.waits_for == queue.SHARDS}
    open_queues = workers.open_queues(session) if waiting else frozenset()
    return [
        JobView(
            job=job,
            transitions=transitions[job.id],
            model_exists=job.model_id in model_ids,
            dataset_exists=job.dataset_id in dataset_ids,
            version_exists=(job.model_id, job.version) in versions,
            maker_exists=job.made_by in makers,
            evaluation=evaluations.get(job.id),
            waits_for_worker=job.id in waiting and job.queue not in open_queues,
            free_workers=gangs.count_free(session, job) if job.hosts > 1 and job.status == statuses.QUEUED else None,
        )
        for job in found
    ]


def change(context: Context, kind: Kind, job_id: str, changes: dict[str, Any]) -> JobView:
    """Change the `metadata` of a job, or cancel or resume it through its `desired_status`. Does nothing if the job is
    cancelled or running already.

    Raises NotFound, Conflict, InvalidRequest.
    """
    with context.database.write() as session:
        job = find(session, kind, job_id, lock=True)
        change_metadata(job, changes)
        if (desired := changes.get("desired_status")) is not None:
            _move_towards(session, kind, job, desired)
        changed = view(session, [job])[0]
    if job.status in statuses.FINAL:
        kind.remove_inputs(context, job)
    return changed


def change_metadata(job: Job, changes: dict[str, Any]) -> None:
    """Change the `metadata` of a locked job, if the changes contain any. Raises InvalidRequest."""
    if "metadata" in changes:
        job.metadata_ = metadata.merge(job.metadata_, changes["metadata"])


def _move_towards(session: Session, kind: Kind, job: Job, desired_status: str) -> None:
    """Cancel a locked job, or resume one that was paused because of the disk. Raises Conflict."""
    cancelled = desired_status == statuses.CANCELLED == job.status
    ending = job.status in statuses.FINAL or (job.status == statuses.CANCELLING and desired_status == statuses.RUNNING)
    if ending and not cancelled:
        raise Conflict(f'The {kind.words} is "{job.status}": its status can\'t change any more.')
    if desired_status == statuses.CANCELLED:
        queue.cancel(session, job)
    elif job.status == statuses.PAUSED:
        queue.resume(session, job)


def delete(context: Context, kind: Kind, job_id: str) -> None:
    """Remove a final job, its events and its files. Raises NotFound, Conflict."""
    with context.database.write() as session:
        job = find(session, kind, job_id, lock=True)
        if job.status not in statuses.FINAL:
            raise Conflict(f'The {kind.words} is "{job.status}". Before you delete it, cancel it.')
        session.delete(job)
    kind.remove_files(context, job)
