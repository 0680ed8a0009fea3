"""Models: creating them through build jobs, dry runs, reading, changing and deleting them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from models.jobs.build import BuildRequest, BuildResult
from models.spec import TargetScaling
from models.validation import check_network, complete_target
from models.validation.threshold import threshold_faults
from service import statuses
from service.context import Context
from service.errors import Failed, InUse, InvalidRequest, NotFound, NotReady, NoWorker, StorageError
from service.operations import idempotency
from service.operations.catalog.model_inputs import complete_inputs
from service.operations.catalog.model_layers import complete_layers
from service.operations.catalog.resolve import find_label, named_in_body
from service.operations.catalog.sources import Source, lock_models
from service.operations.catalog.target_scaling import check_target_scaling
from service.operations.idempotency import Claim
from service.operations.jobs import queue
from service.operations.jobs.kinds import build as builds
from service.operations.jobs.kinds import model_import
from service.operations.metadata import merge
from service.storage import datasets, jobs, models
from service.storage.artifact_keys import upload_key, variants_key, versions_key
from service.storage.database import Session
from service.storage.identifiers import new_identifier
from service.storage.paging import Page, PageQuery
from service.storage.records import Job, Model

DRY_RUN_SECONDS = 60
NEWEST_VERSIONS = 100
BUILD, IMPORT = MAKERS = builds.KIND.name, model_import.KIND.name
"""The kinds of jobs that make models: from a spec, or from a file."""
FIRST = 1
"""The number of the version that a model from a file has."""
COLUMNS = ("name", "task", "description", "serve", "metadata")
"""The fields of a posted document that have columns of their own."""


@dataclass(frozen=True)
class ModelView:
    """A model with the number of its latest version, its labels, and the numbers of its newest versions."""

    model: Model
    latest_version: int | None
    labels: dict[str, int]
    versions: tuple[int, ...] = ()


def create(context: Context, document: dict[str, Any], claim: Claim | None = None) -> tuple[Model, str]:
    """Check a spec and queue the build of its network; returns the model and the id of the build job.

    If an earlier request with the same `claim` created a model, returns that one. Raises InvalidSpec, InvalidRequest,
    NameTaken, NotReady, QueueFull.
    """
    return made_before(context, claim) or _insert(context, *_complete(context, document), claim)


def made_before(context: Context, claim: Claim | None) -> tuple[Model, str] | None:
    """The model that an earlier request with the key created, if it still exists, and the id of the job that makes
    it."""
    if claim is None or claim.resource_id is None:
        return None
    with context.database.read() as session:
        model = models.by_id(session, claim.resource_id)
        job = None if model is None else _find_maker(session, model)
    return None if model is None or job is None else (model, job.id)


def _find_maker(session: Session, model: Model) -> Job | None:
    """The job that makes or made a model: a build, or the import of its first version."""
    if model.source is None:
        return jobs.newest(session, BUILD, model_id=model.id)
    return jobs.newest(session, IMPORT, model_id=model.id, version=FIRST)


def created(context: Context, inserted: Model) -> ModelView:
    """A new model at the end of the wait. If its build failed, removes it and raises Failed. Raises NotFound."""
    try:
        with context.database.read() as session:
            model = models.by_id(session, inserted.id)
            view = None if model is None else _view(session, [model], with_versions=True)[0]
    except StorageError:
        return ModelView(inserted, None, {})  # the model was created, although its state is unknown
    if view is None:
        raise NotFound(f'The model "{inserted.name}" was deleted while it was being built.')
    if view.model.status == statuses.FAILED:
        _delete(context, view.model.id)
        raise Failed(view.model.error or {})
    return view


def begin_dry_run(context: Context, document: dict[str, Any]) -> tuple[Model, str]:
    """Check a spec and queue its build without storing a model; returns the model and the id of the build job.

    Raises the same errors as `create`.
    """
    request, sources = _complete(context, document)
    with context.database.write() as session:
        lock_models(session, sources)
        return _new_model(request.document), builds.enqueue(context, session, request, sources).id


def end_dry_run(context: Context, model: Model, job_id: str) -> Model:
    """The built model. Removes the build job, or cancels it if it still runs.

    Raises Failed, and NoWorker if no worker has built the network yet.
    """
    with context.database.write() as session:
        job = jobs.get(session, job_id, lock=True)
        is_built = job is not None and job.status in statuses.FINAL
        if job is not None:
            queue.cancel(session, job)
            if job.status in statuses.FINAL:
                session.delete(job)
    if job is None or not is_built or job.status == statuses.CANCELLED:
        raise NoWorker(f"No worker built the network within {DRY_RUN_SECONDS} seconds.", retry_after=10)
    if job.status == statuses.FAILED:
        raise Failed(job.error or {})
    model.status, model.summary = statuses.READY, BuildResult.from_document(job.result or {}).summary
    return model


def _complete(context: Context, document: dict[str, Any]) -> tuple[BuildRequest, list[Source]]:
    """The request for a build, and the versions whose layers it takes.

    The request's document has the inputs of datasets, the layers of versions and the scaling of the target filled in,
    and is checked against the catalogue. `made_for` has the name, kind and target of the dataset that the network will
    learn.
    """
    document, made_for = complete_inputs(context, document)
    check_network(document, context.settings.limits)
    document, sources = complete_layers(context, document)
    with context.database.read() as session:
        dataset = None if made_for is None else datasets.by_name(session, made_for.name)
    target = complete_target(document, None if made_for is None else made_for.kind)
    if target is not None and dataset is not None:
        check_target_scaling(context, TargetScaling(target["scaling"]), dataset, "#/target/scaling")
    return BuildRequest(document | {"target": target}, made_for), sources


def _new_model(document: dict[str, Any]) -> Model:
    return Model(
        id=new_identifier("md"),
        name=document["name"],
        status=statuses.BUILDING,
        task=document["task"],
        description=document["description"],
        serve=document.get("serve"),
        metadata_=document.get("metadata", {}),
        document={name: value for name, value in document.items() if name not in COLUMNS},
        notes=[],
        trainable=True,
        last_version=0,
        created_at=datetime.now(UTC),
    )


def _insert(context: Context, request: BuildRequest, sources: list[Source], claim: Claim | None) -> tuple[Model, str]:
    model = _new_model(request.document)
    with context.database.write() as session:
        lock_models(session, sources)
        models.add(session, model)
        idempotency.record_resource(session, claim, model.id)
        return model, builds.enqueue(context, session, request, sources, model).id


def find(session: Session, name: str, *, lock: bool = False) -> Model:
    """The model of that name. Raises NotFound."""
    model = models.by_name(session, name, lock=lock)
    if model is None:
        raise NotFound(f'There is no model "{name}".')
    return model


def get(context: Context, name: str) -> ModelView:
    """A model by its name. Raises NotFound."""
    with context.database.read() as session:
        return _view(session, [find(session, name)], with_versions=True)[0]


def find_build(context: Context, name: str) -> str | None:
    """The id of the job that is building a model; None if the build has ended. Raises NotFound."""
    with context.database.read() as session:
        model = find(session, name)
        job = _find_maker(session, model) if model.status == statuses.BUILDING else None
    return None if job is None else job.id


def get_built(context: Context, name: str) -> Model:
    """A model whose network was built, so that it has a summary. Raises NotFound, NotReady."""
    with context.database.read() as session:
        model = find(session, name)
    if model.status != statuses.READY:
        raise NotReady("model", name, model.status, failed=model.status == statuses.FAILED)
    return model


def list_page(context: Context, query: PageQuery) -> Page[ModelView]:
    with context.database.read() as session:
        page = models.page(session, query)
        return Page(_view(session, list(page.items)), page.next_cursor)


def _view(session: Session, found: list[Model], *, with_versions: bool = False) -> list[ModelView]:
    ids = [model.id for model in found]
    latest = models.latest_versions(session, ids)
    labels = models.labels(session, ids)
    return [
        ModelView(
            model=model,
            latest_version=latest.get(model.id),
            labels=labels[model.id],
            versions=tuple(models.version_numbers(session, model, NEWEST_VERSIONS)) if with_versions else (),
        )
        for model in found
    ]


def change(context: Context, name: str, changes: dict[str, Any]) -> ModelView:
    """Change the `description`, the `threshold`, the label to `serve`, or the `metadata`.

    Raises NotFound, InvalidRequest.
    """
    with context.database.write() as session:
        model = find(session, name, lock=True)
        model.description = changes.get("description", model.description)
        if "threshold" in changes:
            if faults := list(threshold_faults(changes["threshold"], model.task)):
                raise InvalidRequest(*faults)
            model.document = {**model.document, "threshold": changes["threshold"]}
        if "serve" in changes:
            _serve(session, model, changes["serve"])
        if "metadata" in changes:
            model.metadata_ = merge(model.metadata_, changes["metadata"])
        return _view(session, [model], with_versions=True)[0]


def _serve(session: Session, model: Model, label: str | None) -> None:
    """Let a locked model serve a label's version, or its latest version for None.

    Once the model has versions, the label must exist: a typo would otherwise end all plain predictions. Raises
    InvalidRequest.
    """
    if label is not None and models.version(session, model, None) is not None:
        with named_in_body(field="serve"):
            find_label(session, model, label)
    model.serve = label


def delete(context: Context, name: str) -> None:
    """Remove a model, its versions and labels, and cancel its build or imports if they still run. Raises NotFound,
    InUse."""
    with context.database.read() as session:
        model_id = find(session, name).id
    _delete(context, model_id)


def _delete(context: Context, model_id: str) -> None:
    with context.database.write() as session:
        model = models.by_id(session, model_id, lock=True)
        if model is None:
            return
        user = jobs.unfinished(session, but=MAKERS, model_id=model.id)
        if user is not None:
            raise InUse(f'The job {user} still needs the model "{model.name}".')
        taker = jobs.taking_weights(session, model.id)
        if taker is not None:
            raise InUse(f'The job {taker} still takes weights from a version of the model "{model.name}".')
        makers = [job for kind in MAKERS for job in jobs.lock_unfinished(session, kind, model_id=model.id)]
        for job in makers:
            queue.cancel(session, job)
        session.delete(model)
    for job in makers:
        context.artifacts.remove(upload_key(job.id))
    for key in (versions_key(model_id), variants_key(model_id)):
        context.artifacts.remove(key)
