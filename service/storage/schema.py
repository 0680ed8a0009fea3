"""Checks that the database has what the service needs."""

from functools import cache

from sqlalchemy import CompoundSelect, func, select, union_all
from sqlalchemy.orm import Session

from service.storage.records import Record


def check_tables(session: Session) -> None:
    """Read a row of every table. Raises DatabaseUnusable, or what the driver raises for a missing table or column."""
    session.execute(_read_all()).all()


@cache
def _read_all() -> CompoundSelect[tuple[int]]:
    """One statement, since `/readyz` and the overview ask often."""
    rows = [select(table).limit(1).subquery() for table in Record.metadata.sorted_tables]
    return union_all(*(select(func.count()).select_from(row) for row in rows))
