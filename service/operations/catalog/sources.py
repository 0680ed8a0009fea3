"""Sources: the versions from which new models and trainings take weights, resolved and protected from deletion."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.errors import Fault
from service.errors import InvalidRequest
from service.operations.catalog.resolve import check_trainable, find_version, named_in_body
from service.storage import models
from service.storage.database import Session
from service.storage.records import Job, JobSource, Model, Version


@dataclass(frozen=True)
class Source:
    """A version that provides weights, the index of the layer that gets them, and the pointer to the reference."""

    model: Model
    version: Version
    place: int
    pointer: str


def find_source(
    session: Session, reference: Mapping[str, Any], pointer: str, *, place: int = 0, own: Model | None = None
) -> Source:
    """Resolve a reference with `model`, `version` and `label`. Raises InvalidRequest, NotTrainable.

    The default model is `own`. `pointer` points to the reference; `place` is the index of the layer that gets the
    weights.
    """
    name = reference.get("model")
    model = own if name is None else models.by_name(session, name)
    if model is None:
        raise InvalidRequest(Fault(f'There is no model "{name}".', f"{pointer}/model"))
    check_trainable(model)
    with named_in_body(pointer):
        version = find_version(session, model, reference.get("version"), reference.get("label"))
    return Source(model, version, place, pointer)


def protect_versions(session: Session, job: Job, sources: list[Source]) -> None:
    """Prevent the versions from being deleted before the job is final.

    Call `lock_models` first. Raises InvalidRequest if a version was deleted since it was resolved.
    """
    for source in sources:
        found = models.version(session, source.model, source.version.number)
        if found is None:
            detail = f'Version {source.version.number} of "{source.model.name}" was deleted meanwhile.'
            raise InvalidRequest(Fault(detail, source.pointer))
        session.add(
            JobSource(job_id=job.id, place=source.place, model_id=source.model.id, number=source.version.number)
        )


def lock_models(session: Session, sources: list[Source], *others: Model) -> None:
    """Lock the models of the sources, and others. Call this before locking anything else, to avoid deadlocks."""
    if sources:
        models.lock_all(session, {source.model.id for source in sources} | {model.id for model in others})
