"""Which version of a model is meant: the one of a number, the one that a label points to, or the latest."""

from collections.abc import Iterator
from contextlib import contextmanager

from models.errors import Fault
from models.suggestions import nearest
from service.errors import Conflict, InvalidRequest, NotFound, NoVersion
from service.storage import models
from service.storage.database import Session
from service.storage.records import Label, Model, Version

LARGEST_NUMBER = 2**31 - 1
"""What a database's integer holds; versions of other servers have larger ones."""
MOST_NAMED = 20
"""How many versions or labels a fault names."""
LONGEST_SHOWN = 128


class Unresolved(NotFound):
    """The model has no such version or label. It stands as it is for one that the path names; `named_in_body` makes a
    fault of the request of it."""

    def __init__(
        self, detail: str, member: str, allowed: tuple[str | int, ...], did_you_mean: str | None = None
    ) -> None:
        super().__init__(detail)
        self.member = member
        """Of a reference, what says which is meant: `version` or `label`."""
        self.allowed = allowed
        self.did_you_mean = did_you_mean

    def fault(self, pointer: str) -> Fault:
        """What is wrong with a reference at the pointer."""
        place = f"{pointer}/{self.member}"
        return Fault(self.detail, place, allowed=self.allowed, did_you_mean=self.did_you_mean)


@contextmanager
def named_in_body(pointer: str = "#") -> Iterator[None]:
    """What can't be resolved within the block, the body named at the pointer: raise InvalidRequest for it."""
    try:
        yield
    except Unresolved as error:
        raise InvalidRequest(error.fault(pointer)) from error


def find_version(session: Session, model: Model, number: int | None = None, label: str | None = None) -> Version:
    """The model's version of that number, or that the label points to; the latest without either.

    Raises Unresolved; NoVersion where the latest is meant and there is none.
    """
    if label is not None:
        number = find_label(session, model, label).number
    version = models.version(session, model, number) if (number or 0) <= LARGEST_NUMBER else None
    if version is not None:
        return version
    newest = tuple(models.version_numbers(session, model, MOST_NAMED))
    detail = f'The model "{model.name}" has no version {number if newest else "yet: train it first"}.'
    if number is None:
        raise NoVersion(detail)
    raise Unresolved(detail, "version", newest)


def find_label(session: Session, model: Model, name: str) -> Label:
    """The model's label of that name. Raises Unresolved."""
    label = models.label(session, model, name)
    if label is None:
        names = models.labels(session, [model.id])[model.id]
        detail = f'The model "{model.name}" has no label "{name[:LONGEST_SHOWN]}".'
        raise Unresolved(detail, "label", tuple(names)[:MOST_NAMED], nearest(name, names))
    return label


def check_servable(version: Version) -> None:
    """Raise Conflict for a version that can't predict."""
    if not version.servable:
        raise Conflict(f"Version {version.number} can't be served: {version.details.reason}")
