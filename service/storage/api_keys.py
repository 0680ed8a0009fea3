"""API keys in the database."""

from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from service.storage.paging import Order, Page, PageQuery, fetch_page
from service.storage.records import ApiKey

ORDERS = {"-created_at": Order((ApiKey.id,), descending=True), "created_at": Order((ApiKey.id,))}


def get(session: Session, key_id: str, *, lock: bool = False) -> ApiKey | None:
    return session.get(ApiKey, key_id, with_for_update=lock or None)


def any_exists(session: Session) -> bool:
    """Whether a key was ever made."""
    return session.scalar(select(ApiKey.id).limit(1)) is not None


def usable_of(session: Session, project: str | None, now: datetime) -> str | None:
    """The id of a key of the project, or of an administrator if None, that is neither revoked nor expired."""
    lasting = or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > now)
    return session.scalar(
        select(ApiKey.id)
        .where(ApiKey.project.is_not_distinct_from(project), ApiKey.revoked_at.is_(None), lasting)
        .limit(1)
    )


def page(session: Session, query: PageQuery) -> Page[ApiKey]:
    """A page of keys, filtered by `project`."""
    statement = select(ApiKey)
    if "project" in query.filters:
        statement = statement.where(ApiKey.project == query.filters["project"])
    return fetch_page(session, statement, ORDERS[query.sort or "-created_at"], query)
