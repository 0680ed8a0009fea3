"""Checks that the database has what the service needs."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.storage.records import Record


def check_tables(session: Session) -> None:
    """Read a row of every table. Raises DatabaseUnusable, or what the driver raises for a missing table or column."""
    for table in Record.metadata.sorted_tables:
        session.execute(select(table).limit(1)).first()
