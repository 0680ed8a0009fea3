"""What the jobs that clients start have in common: the model and dataset that they name, being found and deleted."""

from models.errors import Fault
from service import statuses
from service.context import Context
from service.errors import Conflict, InvalidRequest, NotFound, NotReady
from service.operations.idempotency import Claim
from service.storage import datasets, jobs, models
from service.storage.database import Session
from service.storage.records import Dataset, Job, Model

WORDS = {statuses.TRAINING: "training job", statuses.EVALUATION: "evaluation"}


def made_before(context: Context, claim: Claim | None) -> str | None:
    """The id of the job that an earlier request with the key made, if there still is one."""
    if claim is None or claim.resource_id is None:
        return None
    with context.database.read() as session:
        return None if jobs.get(session, claim.resource_id) is None else claim.resource_id


def find_model_and_dataset(
    session: Session, model_name: str, dataset_name: str, ids: tuple[str, str] | None = None
) -> tuple[Model, Dataset]:
    """What a new job is to work on; with `ids` locked, and only if they are the ones with these ids.

    Raises InvalidRequest, NotReady.
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
    for kind, resource in (("model", model), ("dataset", dataset)):
        if resource.status != statuses.READY:
            raise NotReady(kind, resource.name, resource.status, failed=resource.status == statuses.FAILED)
    return model, dataset


def find(session: Session, kind: str, job_id: str, *, lock: bool = False) -> Job:
    """The job of that kind and id. Raises NotFound."""
    job = jobs.get(session, job_id, lock=lock)
    if job is None or job.kind != kind:
        raise NotFound(f'There is no {WORDS[kind]} "{job_id}".')
    return job


def delete(context: Context, kind: str, job_id: str) -> None:
    """Remove a final job and its events. Raises NotFound, Conflict."""
    with context.database.write() as session:
        job = find(session, kind, job_id, lock=True)
        if job.status not in statuses.FINAL:
            raise Conflict(f'The {WORDS[kind]} is "{job.status}". Cancel it before you delete it.')
        session.delete(job)
