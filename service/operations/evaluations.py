"""Evaluations: refusing what doesn't fit, queueing, cancelling, reading."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from models.compatibility import check_version_fit
from models.errors import Fault
from models.version_files import ARTIFACTS
from service import statuses
from service.context import Context
from service.errors import Conflict, InvalidRequest, NoVersion
from service.operations import idempotency, queue
from service.operations.client_jobs import find, find_model_and_dataset, made_before
from service.operations.idempotency import Claim
from service.operations.sources import MOST_NUMBERS
from service.storage import datasets, jobs, models
from service.storage.database import Session
from service.storage.paging import Page, PageQuery
from service.storage.records import Dataset, Event, Job, Model, Version


@dataclass(frozen=True)
class EvaluationView:
    """An evaluation with its transitions, oldest first, and which of what it names is still there."""

    job: Job
    transitions: Sequence[Event]
    model_exists: bool
    dataset_exists: bool
    version_exists: bool
    maker_exists: bool


def create(context: Context, request: dict[str, Any], wait: float, claim: Claim | None = None) -> EvaluationView:
    """Queue the evaluation of a version (or a label's, or the latest) on a dataset's split.

    With the `claim` of an earlier request it is the evaluation that that one made. Raises InvalidRequest, InvalidData,
    NotReady, NoVersion, QueueFull.
    """
    return get(context, made_before(context, claim) or _make(context, request, claim), wait)


def _make(context: Context, request: dict[str, Any], claim: Claim | None) -> str:
    """Queue the evaluation; its id."""
    with context.database.read() as session:
        model, dataset = find_model_and_dataset(session, request["model"], request["dataset"])
        version = _find_version(session, model, request["version"], request["label"])
    _check_fit(context, version, dataset, request["split"])
    with context.database.write() as session:
        # They may have been deleted meanwhile, and others made under their names.
        find_model_and_dataset(session, model.name, dataset.name, (model.id, dataset.id))
        _find_version(session, model, version.number)
        job = queue.enqueue(
            context, session, statuses.EVALUATION, {"split": request["split"]},
            model_id=model.id, model_name=model.name, version=version.number,
            dataset_id=dataset.id, dataset_name=dataset.name,
        )  # fmt: skip
        idempotency.note(session, claim, job.id)
    return job.id


def _find_version(session: Session, model: Model, number: int | None, label: str | None = None) -> Version:
    if label is not None:
        if number is not None:
            raise InvalidRequest(Fault("Give a version or a label, not both.", pointer="#/label"))
        labelled = models.label(session, model, label)
        if labelled is None:
            raise InvalidRequest(Fault(f'The model "{model.name}" has no label "{label}".', pointer="#/label"))
        number = labelled.number
    version = models.version(session, model, number)
    if version is None and number is None:
        raise NoVersion(f'The model "{model.name}" has no version yet: train it first.')
    if version is None:
        numbers = tuple(models.version_numbers(session, model, MOST_NUMBERS))
        detail = f'The model "{model.name}" has no version {number}.'
        raise InvalidRequest(Fault(detail, pointer="#/version", allowed=numbers))
    return version


def _check_fit(context: Context, version: Version, dataset: Dataset, split: str) -> None:
    document = json.loads(context.artifacts.read(version.folder, ARTIFACTS["preprocessing"]))
    check_version_fit(document, {"name": dataset.name, **(dataset.descriptor or {})}, split)


def get(context: Context, job_id: str, wait: float = 0) -> EvaluationView:
    """An evaluation; waits up to `wait` seconds for its end. Raises NotFound."""
    if wait:
        queue.wait_for_end(context, job_id, wait)
    with context.database.read() as session:
        return _view(session, [find(session, statuses.EVALUATION, job_id)])[0]


def list_page(context: Context, query: PageQuery) -> Page[EvaluationView]:
    with context.database.read() as session:
        page = jobs.page(session, query, statuses.EVALUATION)
        return Page(_view(session, page.items), page.next_cursor)


def _view(session: Session, found: Sequence[Job]) -> list[EvaluationView]:
    transitions = jobs.transitions(session, [job.id for job in found])
    model_ids = models.existing(session, [job.model_id for job in found])
    dataset_ids = datasets.existing(session, [job.dataset_id for job in found])
    versions = models.existing_versions(session, [(job.model_id, job.version) for job in found])
    makers = jobs.existing(session, [job.made_by for job in found])
    return [
        EvaluationView(
            job=job,
            transitions=[event for event in transitions if event.job_id == job.id],
            model_exists=job.model_id in model_ids,
            dataset_exists=job.dataset_id in dataset_ids,
            version_exists=(job.model_id, job.version) in versions,
            maker_exists=job.made_by in makers,
        )
        for job in found
    ]


def cancel(context: Context, job_id: str) -> EvaluationView:
    """End an evaluation that isn't final; nothing changes if it was cancelled. Raises NotFound, Conflict."""
    with context.database.write() as session:
        job = find(session, statuses.EVALUATION, job_id, lock=True)
        if job.status in statuses.FINAL and job.status != statuses.CANCELLED:
            raise Conflict(f'The evaluation is final: it is "{job.status}" and stays so.')
        queue.cancel(session, job)
    return get(context, job_id)
