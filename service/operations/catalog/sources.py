"""The versions that new models and trainings take weights from: naming one, and keeping it while it is needed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.catalogue import nearest
from models.errors import Fault
from service.errors import InvalidRequest
from service.storage import models
from service.storage.database import Session
from service.storage.records import Job, JobSource, Model, Version

MOST_NUMBERS = 20
"""How many versions a fault names."""


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
    label = reference.get("label")
    number = reference["version"] if label is None else _number_of_label(session, model, label, f"{pointer}/label")
    version = models.version(session, model, number)
    if version is None:
        numbers = tuple(models.version_numbers(session, model, MOST_NUMBERS))
        detail = f'The model "{model.name}" has no version {number if numbers else "yet: train it first"}.'
        raise InvalidRequest(Fault(detail, f"{pointer}/version", allowed=numbers))
    return Source(model, version, place, pointer)


def _number_of_label(session: Session, model: Model, name: str, pointer: str) -> int:
    label = models.label(session, model, name)
    if label is None:
        names = models.labels(session, [model.id])[model.id]
        detail = f'The model "{model.name}" has no label "{name[:64]}".'
        raise InvalidRequest(Fault(detail, pointer, allowed=tuple(names), did_you_mean=nearest(name, names)))
    return label.number


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
