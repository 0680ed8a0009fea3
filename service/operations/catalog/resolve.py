"""Resolves a version of a model by its number or by a label, the latest by default; and a variant by its type."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from models.errors import Fault
from models.suggestions import nearest
from service import statuses
from service.errors import Conflict, InvalidRequest, NotFound, NotReady, NotServed, NotTrainable, NoVersion
from service.storage import models, variants
from service.storage.database import Session
from service.storage.records import Job, Label, Model, Variant, Version

LARGEST_NUMBER = 2**31 - 1
"""The largest integer of the database. Clients of other servers may send larger version numbers."""
MAX_NAMED = 20
"""How many versions or labels a fault names at most."""
MAX_QUOTED = 128


class NoVariant(NotFound):
    """The version has no such variant that is ready: its newest `job` is making it or failed to, or there is none."""

    def __init__(self, detail: str, ready: tuple[str, ...], job: Job | None) -> None:
        super().__init__(f"{detail} Its ready variants: {', '.join(ready) or 'none'}.")
        self.ready = ready
        self.job = job


class Unresolved(NotFound):
    """The model has no such version or label.

    Raised as it is if the path names the version. If the body names it, `named_in_body` converts it to InvalidRequest.
    """

    def __init__(
        self, detail: str, field: str, allowed: tuple[str | int, ...], did_you_mean: str | None = None
    ) -> None:
        super().__init__(detail)
        self.field = field
        """The field of the reference that doesn't resolve: `version` or `label`."""
        self.allowed = allowed
        self.did_you_mean = did_you_mean

    def fault(self, pointer: str, field: str | None = None) -> Fault:
        """The fault of a reference at `pointer`, in the field `field` if that isn't `version` or `label`."""
        place = f"{pointer}/{field or self.field}"
        return Fault(self.detail, place, allowed=self.allowed, did_you_mean=self.did_you_mean)


@contextmanager
def named_in_body(pointer: str = "#", field: str | None = None) -> Iterator[None]:
    """Convert Unresolved in the block to InvalidRequest. The body has the reference at `pointer`, in `field` if that
    isn't `version` or `label`."""
    try:
        yield
    except Unresolved as error:
        raise InvalidRequest(error.fault(pointer, field)) from error


def find_version(session: Session, model: Model, number: int | None = None, label: str | None = None) -> Version:
    """The model's version with that number, or to which the label points; without either, the latest.

    Raises Unresolved; NoVersion if the latest is wanted and the model has no version.
    """
    if label is not None:
        number = find_label(session, model, label).number
    version = models.version(session, model, number) if (number or 0) <= LARGEST_NUMBER else None
    if version is not None:
        return version
    newest = tuple(models.version_numbers(session, model, MAX_NAMED))
    detail = f'The model "{model.name}" has no version {number if newest else "yet: train it first"}.'
    if number is None:
        raise NoVersion(detail)
    raise Unresolved(detail, "version", newest)


def find_served_label(session: Session, model: Model) -> Label | None:
    """The label that predicts if a request names neither a version nor a label; None if the latest version does.

    Raises NotServed if the model has no such label: it never serves another version instead.
    """
    label = None if model.serve is None else models.label(session, model, model.serve)
    if label is not None or model.serve is None:
        return label
    raise NotServed(
        f'The model "{model.name}" serves its label "{model.serve}", which doesn\'t exist yet: '
        f"point the label to a version, or change the model's `serve`."
    )


def find_label(session: Session, model: Model, name: str) -> Label:
    """The model's label of that name. Raises Unresolved."""
    label = models.label(session, model, name)
    if label is None:
        names = models.labels(session, [model.id])[model.id]
        detail = f'The model "{model.name}" has no label "{name[:MAX_QUOTED]}".'
        raise Unresolved(detail, "label", tuple(names)[:MAX_NAMED], nearest(name, names))
    return label


class Predicting(NamedTuple):
    """What predicts: a version, or its variant."""

    version: Version
    variant: Variant | None

    @property
    def folder(self) -> str:
        """The artifact key of the files."""
        return self.version.folder if self.variant is None else self.variant.folder


def find_predicting(
    session: Session, model: Model, number: int | None = None, label: str | None = None, type_: str | None = None
) -> Predicting:
    """What predicts: as `find_wanted`, and by default what the model serves.

    Raises Unresolved, NoVersion, NotServed, NoVariant.
    """
    served = find_served_label(session, model) if number is None and label is None else None
    version, wanted = find_wanted(session, model, number, label, type_, served)
    return Predicting(version, None if wanted is None else find_ready(session, model, version, wanted))


def find_wanted(
    session: Session,
    model: Model,
    number: int | None = None,
    label: str | None = None,
    type_: str | None = None,
    default: Label | None = None,
) -> tuple[Version, str | None]:
    """The version of that number, or to which the label points; without either, that of the label `default`, or else
    the latest. And the type of its variant, by default the one to which the label points; None: the version itself.

    Raises Unresolved, NoVersion. The variant may not be ready.
    """
    pointing = default if label is None else find_label(session, model, label)
    version = find_version(session, model, number if pointing is None else pointing.number)
    return version, type_ or (None if pointing is None else pointing.variant)


def find_ready(session: Session, model: Model, version: Version, type_: str) -> Variant:
    """The version's variant of that type. Raises NoVariant if it isn't ready."""
    found = variants.find(session, version, type_)
    if found is None:
        ready = tuple(variant.type for variant in variants.of_version(session, version))
        job = variants.newest_job(session, version, type_)
        detail = f'Version {version.number} of "{model.name}" has no variant "{type_}" that is ready.{_explain(job)}'
        raise NoVariant(detail, ready, job)
    return found


def _explain(job: Job | None) -> str:
    if job is None or job.status == statuses.SUCCEEDED:
        return ""
    return f" The job {job.id} {'failed' if job.status == statuses.FAILED else 'is making it'}."


def find_named(session: Session, model: Model, version: Version, type_: str) -> Variant:
    """The variant that a body names in `variant`. Raises InvalidRequest; NotReady while it is being made."""
    try:
        return find_ready(session, model, version, type_)
    except NoVariant as error:
        if error.job is not None and error.job.status not in statuses.FINAL:
            kind = f"variant {type_} of version {version.number} of"
            raise NotReady(kind, model.name, statuses.PROCESSING, failed=False) from error
        raise InvalidRequest(Fault(error.detail, "#/variant", allowed=error.ready)) from error


def check_trainable(model: Model) -> None:
    """Raise NotTrainable if the model has no layers that a training could change or take."""
    if not model.trainable:
        detail = f'The model "{model.name}" was imported as ONNX. It predicts, but it can\'t be trained, and other'
        raise NotTrainable(f"{detail} models can't take its layers. For that, import it as .keras or .h5.")


def check_servable(version: Version) -> None:
    """Raise Conflict if the version can't predict."""
    if not version.servable:
        raise Conflict(f"Version {version.number} can't be served: {version.details.reason}")
