"""Audit events: who changed what when, and what was refused."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from service.context import Context
from service.storage import audit
from service.storage.paging import Page, PageQuery
from service.storage.records import AuditEvent

BATCH = 2000
"""The events deleted in one transaction, during which nobody else can write to SQLite."""
PAUSE_SECONDS = 0.02


def record(context: Context, events: Sequence[dict[str, Any]]) -> None:
    """Store events, given by their columns."""
    with context.database.write_aside() as session:
        audit.add(session, events)


def list_page(context: Context, query: PageQuery) -> Page[AuditEvent]:
    with context.database.read() as session:
        return audit.page(session, query)


def forget_expired(context: Context, now: datetime | None = None) -> int:
    """Delete the events that are older than `audit_retention_days`, or none if that is 0; returns how many."""
    deleted, days = 0, context.settings.audit_retention_days
    before = (now or datetime.now(UTC)) - timedelta(days=days)
    batch = BATCH if days else 0
    while batch == BATCH:
        with context.database.write_aside() as session:
            batch = audit.delete_before(session, before, BATCH)
        deleted += batch
        time.sleep(PAUSE_SECONDS)
    return deleted
