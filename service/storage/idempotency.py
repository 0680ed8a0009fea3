"""Idempotency keys in the database."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.errors import StillRunning
from service.storage.records import IdempotencyKey


def get(session: Session, key_id: str) -> IdempotencyKey | None:
    """Get the key and lock its row."""
    return session.get(IdempotencyKey, key_id, with_for_update=True)


def add(session: Session, key: IdempotencyKey) -> None:
    """Insert a key. Raises StillRunning if a concurrent request inserted it first."""
    session.add(key)
    try:
        session.flush()
    except IntegrityError as error:
        raise StillRunning from error


def remove(session: Session, key: IdempotencyKey) -> None:
    session.delete(key)
    session.flush()


def forget_before(session: Session, moment: datetime) -> int:
    """Remove the keys from before `moment`; returns how many."""
    result: Any = session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < moment))
    return int(result.rowcount)
