"""Datasets in the database."""

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service import statuses
from service.errors import NameTaken
from service.storage.artifact_keys import DATASETS, check_published
from service.storage.filters import conditions
from service.storage.paging import Order, Page, PageQuery, fetch_page
from service.storage.records import Dataset, DatasetVersion

ORDERS = {
    "-created_at": Order((Dataset.id,), descending=True),
    "created_at": Order((Dataset.id,)),
    "name": Order((Dataset.name,)),
    "-name": Order((Dataset.name,), descending=True),
}

VERSION_ORDERS = {
    "-created_at": Order((DatasetVersion.number,), descending=True),
    "created_at": Order((DatasetVersion.number,)),
}


def add(session: Session, dataset: Dataset) -> None:
    """Insert a dataset. Raises NameTaken."""
    session.add(dataset)
    try:
        session.flush()
    except IntegrityError as error:
        raise NameTaken(f'The dataset "{dataset.name}" already exists. Choose another name, or delete it.') from error


def by_name(session: Session, name: str, *, lock: bool = False) -> Dataset | None:
    statement = select(Dataset).where(Dataset.name == name)
    return session.scalar(statement.with_for_update() if lock else statement)


def by_id(session: Session, dataset_id: str | None, *, lock: bool = False) -> Dataset | None:
    return None if dataset_id is None else session.get(Dataset, dataset_id, with_for_update=lock or None)


def existing(session: Session, ids: Collection[str | None]) -> frozenset[str]:
    """The ids among `ids` that still exist."""
    return frozenset(session.scalars(select(Dataset.id).where(Dataset.id.in_(ids))))


def version(session: Session, dataset_id: str | None, number: int | None) -> DatasetVersion | None:
    matching = (DatasetVersion.dataset_id == dataset_id, DatasetVersion.number == number)
    return session.scalar(select(DatasetVersion).where(*matching))


def version_by_id(session: Session, version_id: str) -> DatasetVersion | None:
    return session.get(DatasetVersion, version_id)


def versions(session: Session, dataset_id: str) -> Sequence[DatasetVersion]:
    """All versions, newest first."""
    statement = select(DatasetVersion).where(DatasetVersion.dataset_id == dataset_id)
    return session.scalars(statement.order_by(DatasetVersion.number.desc())).all()


def versions_page(session: Session, dataset: Dataset, query: PageQuery) -> Page[DatasetVersion]:
    statement = select(DatasetVersion).where(DatasetVersion.dataset_id == dataset.id)
    return fetch_page(session, statement, VERSION_ORDERS[query.sort or "-created_at"], query)


def ready_version_before(session: Session, later: DatasetVersion) -> DatasetVersion | None:
    """The newest ready version before another one."""
    older = (DatasetVersion.dataset_id == later.dataset_id, DatasetVersion.number < later.number)
    statement = select(DatasetVersion).where(*older, DatasetVersion.status == statuses.READY)
    return session.scalar(statement.order_by(DatasetVersion.number.desc()).limit(1))


def being_imported(session: Session) -> Sequence[str]:
    """The ids of all versions with the status `processing`."""
    return session.scalars(select(DatasetVersion.id).where(DatasetVersion.status == statuses.PROCESSING)).all()


def folders(session: Session) -> frozenset[str]:
    """The artifact keys of all versions. Raises BadKey for one that isn't its dataset's own."""
    found = session.execute(select(DatasetVersion.dataset_id, DatasetVersion.folder))
    return frozenset(check_published(key, DATASETS, owner) for owner, key in found if key is not None)


def newest_folder(session: Session) -> str | None:
    """The artifact key of the version that was created last of those that are ready; None if there is none."""
    ready = select(DatasetVersion.folder).where(DatasetVersion.status == statuses.READY)
    return session.scalar(ready.order_by(DatasetVersion.created_at.desc()).limit(1))


def page(session: Session, query: PageQuery) -> Page[Dataset]:
    """A page of datasets, filtered by `status`, `kind` and `metadata`."""
    columns = {"status": Dataset.status, "kind": Dataset.kind}
    matching = conditions(session, query.filters, columns, Dataset.metadata_)
    return fetch_page(session, select(Dataset).where(*matching), ORDERS[query.sort or "-created_at"], query)
