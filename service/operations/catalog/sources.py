"""The versions that new models and trainings take weights from: naming one, and keeping it while it is needed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.errors import Fault
from service.errors import InvalidRequest
from service.operations.catalog.resolve import find_version, named_in_body
from service.storage import models
from service.storage.database import Session
from service.storage.records import Job, JobSource, Model, Version


@dataclass(frozen=True)
class Source:
    """A version that weights are taken from, the place that they are taken to, and where the client named it."""

    model: Model
    version: Version
    place: int
    pointer: str


def find_source(
    session: Session, reference: Mapping[str, Any], pointer: str, *, place: int = 0, own: Model | None = None
) -> Source:
    """The version that `model` (`own` without one) and `version` or `label` of a reference name. Raises InvalidRequest.

    `pointer` is the reference's, `place` the layer that gets the weights.
    """
    name = reference.get("model")
    model = own if name is None else models.by_name(session, name)
    if model is None:
        raise InvalidRequest(Fault(f'There is no model "{name}".', f"{pointer}/model"))
    with named_in_body(pointer):
        version = find_version(session, model, reference.get("version"), reference.get("label"))
    return Source(model, version, place, pointer)


def protect_versions(session: Session, job: Job, sources: list[Source]) -> None:
    """Keep the versions from being deleted before the job is final.

    Call it after `lock_models`. Raises InvalidRequest where a version was deleted since it was found.
    """
    for source in sources:
        found = models.version(session, source.model, source.version.number)
        if found is None:
            detail = f'Version {source.version.number} of "{source.model.name}" has just been deleted.'
            raise InvalidRequest(Fault(detail, source.pointer))
        session.add(
            JobSource(job_id=job.id, place=source.place, model_id=source.model.id, number=source.version.number)
        )


def lock_models(session: Session, sources: list[Source], *others: Model) -> None:
    """Lock the models that versions are taken from, and others, before anything else is locked."""
    if sources:
        models.lock_all(session, {source.model.id for source in sources} | {model.id for model in others})
