"""Audit events in the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from service.storage.paging import Order, Page, PageQuery, fetch_page
from service.storage.records import AuditEvent

ORDERS = {"-at": Order((AuditEvent.id,), descending=True), "at": Order((AuditEvent.id,))}
EQUAL = ("key_id", "project", "method", "status")
"""The columns that a filter of the same name must equal."""


def add(session: Session, events: Sequence[dict[str, Any]]) -> None:
    """Insert events, given by their columns. Those that are there already stay: their outcome was unknown."""
    known = set(session.scalars(select(AuditEvent.id).where(AuditEvent.id.in_([event["id"] for event in events]))))
    new = [event for event in events if event["id"] not in known]
    if new:
        session.execute(insert(AuditEvent), new)


def page(session: Session, query: PageQuery) -> Page[AuditEvent]:
    """A page of events, filtered by the columns of EQUAL, `since` and `until`."""
    filters = query.filters
    matching = (getattr(AuditEvent, name) == filters[name] for name in EQUAL if name in filters)
    statement = select(AuditEvent).where(*matching)
    if "since" in filters:
        statement = statement.where(AuditEvent.at >= filters["since"])
    if "until" in filters:
        statement = statement.where(AuditEvent.at < filters["until"])
    return fetch_page(session, statement, ORDERS[query.sort or "-at"], query)


def delete_before(session: Session, moment: datetime, limit: int) -> int:
    """Delete at most `limit` events from before `moment`, oldest first; returns how many."""
    oldest = select(AuditEvent.id).where(AuditEvent.at < moment).order_by(AuditEvent.at).limit(limit)
    ids = session.scalars(oldest).all()
    if ids:
        session.execute(delete(AuditEvent).where(AuditEvent.id.in_(ids)))
    return len(ids)
