"""Models, their versions and labels in the database."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import exists, func, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.errors import NameTaken
from service.storage.artifact_keys import MODELS, check_published, parse
from service.storage.filters import conditions
from service.storage.paging import Order, Page, PageQuery, fetch_page
from service.storage.records import Label, Model, Version

ORDERS = {
    "-created_at": Order((Model.id,), descending=True),
    "created_at": Order((Model.id,)),
    "name": Order((Model.name,)),
    "-name": Order((Model.name,), descending=True),
}
VERSION_ORDERS = {
    "-created_at": Order((Version.number,), descending=True),
    "created_at": Order((Version.number,)),
}

LABEL_ORDERS = {
    "-created_at": Order((Label.created_at, Label.label), descending=True),
    "created_at": Order((Label.created_at, Label.label)),
    "name": Order((Label.label,)),
    "-name": Order((Label.label,), descending=True),
}


def add(session: Session, model: Model) -> None:
    """Insert a model. Raises NameTaken."""
    session.add(model)
    try:
        session.flush()
    except IntegrityError as error:
        raise NameTaken(f'The model "{model.name}" already exists. Choose another name, or delete it.') from error


def by_name(session: Session, name: str, *, lock: bool = False) -> Model | None:
    statement = select(Model).where(Model.name == name)
    return session.scalar(statement.with_for_update() if lock else statement)


def by_id(session: Session, model_id: str | None, *, lock: bool = False) -> Model | None:
    return None if model_id is None else session.get(Model, model_id, with_for_update=lock or None)


def existing(session: Session, ids: Collection[str | None]) -> frozenset[str]:
    """The ids among `ids` that still exist."""
    return frozenset(session.scalars(select(Model.id).where(Model.id.in_(ids))))


def page(session: Session, query: PageQuery) -> Page[Model]:
    """A page of models, filtered by `status`, `task` and `metadata`."""
    columns = {"status": Model.status, "task": Model.task}
    matching = conditions(session, query.filters, columns, Model.metadata_)
    return fetch_page(session, select(Model).where(*matching), ORDERS[query.sort or "-created_at"], query)


def version(session: Session, model: Model, number: int | None) -> Version | None:
    """The version with this number, or the latest version for None."""
    statement = select(Version).where(Version.model_id == model.id).order_by(Version.number.desc()).limit(1)
    return session.scalar(statement if number is None else statement.where(Version.number == number))


def version_in(session: Session, key: str) -> Version | None:
    """The version whose files have this artifact key. Raises BadKey."""
    _, model_id, _ = parse(check_published(key, MODELS))
    return session.scalar(select(Version).where(Version.model_id == model_id, Version.folder == key))


def every_version(session: Session) -> Sequence[Version]:
    """All versions of all models."""
    return session.scalars(select(Version)).all()


def lock_all(session: Session, model_ids: Collection[str]) -> None:
    """Lock these models, always in the same order to prevent deadlocks."""
    session.execute(select(Model.id).where(Model.id.in_(model_ids)).order_by(Model.id).with_for_update())


def version_numbers(session: Session, model: Model, limit: int) -> Sequence[int]:
    """The numbers of the newest versions, newest first."""
    statement = select(Version.number).where(Version.model_id == model.id).order_by(Version.number.desc())
    return session.scalars(statement.limit(limit)).all()


def latest_versions(session: Session, model_ids: Collection[str]) -> dict[str, int]:
    """The number of the latest version of each model that has one."""
    statement = (
        select(Version.model_id, func.max(Version.number))
        .where(Version.model_id.in_(model_ids))
        .group_by(Version.model_id)
    )
    return dict(session.execute(statement).all())


def newest_with_versions(session: Session, limit: int) -> Sequence[Model]:
    """The newest models that have a version."""
    versioned = exists().where(Version.model_id == Model.id)
    return session.scalars(select(Model).where(versioned).order_by(Model.id.desc()).limit(limit)).all()


def existing_versions(session: Session, keys: Collection[tuple[str | None, int | None]]) -> frozenset[tuple[str, int]]:
    """The versions among `keys`, pairs of model id and number, that still exist."""
    statement = select(Version.model_id, Version.number).where(tuple_(Version.model_id, Version.number).in_(keys))
    return frozenset((model_id, number) for model_id, number in session.execute(statement))


def versions_page(session: Session, model: Model, query: PageQuery) -> Page[Version]:
    statement = select(Version).where(Version.model_id == model.id)
    return fetch_page(session, statement, VERSION_ORDERS[query.sort or "-created_at"], query)


class VersionEntry(NamedTuple):
    """A version in a list of all models' versions; all but `model` are None for a model without versions. Or a variant
    of a version."""

    model: str
    version: int | None
    servable: bool | None
    folder: str | None
    variant: str | None = None


def version_entries(session: Session, model: Model | None) -> Sequence[VersionEntry]:
    """The versions of a model, or of all models, ordered by name and number."""
    statement = select(Model.name, Version.number, Version.servable, Version.folder).select_from(Model)
    statement = statement.join(Version, isouter=True).order_by(Model.name, Version.number)
    found = session.execute(statement if model is None else statement.where(Model.id == model.id))
    return [VersionEntry(*row) for row in found]


def label(session: Session, model: Model, name: str) -> Label | None:
    return session.get(Label, (model.id, name))


def point_label(
    session: Session, model: Model, name: str, number: int, variant: str | None = None
) -> tuple[Label, bool]:
    """Make or move a label within a unit of work; say whether it is new. It points to a version, or to its variant."""
    found = label(session, model, name)
    if found is not None:
        found.number, found.variant = number, variant
        return found, False
    made = Label(model_id=model.id, label=name, number=number, variant=variant, created_at=datetime.now(UTC))
    session.add(made)
    return made, True


def labels(session: Session, model_ids: Collection[str]) -> dict[str, dict[str, int]]:
    """The labels of several models: by model id and label, the number of the version."""
    found: dict[str, dict[str, int]] = {model_id: {} for model_id in model_ids}
    statement = select(Label.model_id, Label.label, Label.number).where(Label.model_id.in_(model_ids))
    for model_id, label, number in session.execute(statement.order_by(Label.label)):
        found[model_id][label] = number
    return found


def variants_of_labels(session: Session, model_ids: Collection[str]) -> dict[str, dict[str, str]]:
    """The labels of several models that point to variants: by model id and label, the type of the variant."""
    found: dict[str, dict[str, str]] = {model_id: {} for model_id in model_ids}
    statement = select(Label.model_id, Label.label, Label.variant).where(Label.model_id.in_(model_ids))
    for model_id, label, variant in session.execute(statement.order_by(Label.label)):
        if variant is not None:
            found[model_id][label] = variant
    return found


def labels_page(session: Session, model: Model, query: PageQuery) -> Page[Label]:
    statement = select(Label).where(Label.model_id == model.id)
    return fetch_page(session, statement, LABEL_ORDERS[query.sort or "name"], query)


def labels_of_version(session: Session, version: Version, variant: str | None = None) -> Sequence[str]:
    """The labels that point to the version or to one of its variants; with `variant`, those that point to that one."""
    statement = select(Label.label).where(Label.model_id == version.model_id, Label.number == version.number)
    return session.scalars(statement if variant is None else statement.where(Label.variant == variant)).all()


def folders(session: Session) -> frozenset[str]:
    """The artifact keys of all versions, and of the weights that models reuse from other models' versions. Raises
    BadKey for one that isn't the model's own."""
    found = [
        *session.execute(select(Version.model_id, Version.folder)),
        *session.execute(select(Model.id, Model.folder)),
    ]
    return frozenset(check_published(key, MODELS, owner) for owner, key in found if key is not None)


def unlabelled_versions(session: Session, newest: int) -> Sequence[tuple[str, int]]:
    """The versions, as model id and number, without a label and not among the `newest` of their model."""
    age = func.row_number().over(partition_by=Version.model_id, order_by=Version.number.desc())
    aged = select(Version.model_id, Version.number, age.label("age")).subquery()
    labelled = exists().where(Label.model_id == aged.c.model_id, Label.number == aged.c.number)
    statement = select(aged.c.model_id, aged.c.number).where(aged.c.age > newest, ~labelled)
    return [(model_id, number) for model_id, number in session.execute(statement)]
