"""Committing, also if the answer to the COMMIT is lost.

A client whose connection breaks during COMMIT can't know whether PostgreSQL committed. The server can: it has the
status of every recent transaction by its id. On SQLite there is no connection to lose.
"""

import time
from functools import partial

from sqlalchemy import Engine, Transaction, text
from sqlalchemy.exc import DBAPIError

from service.errors import OutcomeUnknown

LOOKUP_SECONDS = 5.0
"""How long a writer waits for the outcome. A server that only lost the connection says it at once."""
PAUSE_SECONDS = 0.1
RETRY_AFTER_SECONDS = 5
IN_THE_FUTURE = "22023"
"""The SQLSTATE of `pg_xact_status` for an id that the server hasn't assigned: after a failover, the server that answers
never received the transaction."""


def commit(engine: Engine, transaction: Transaction, transaction_id: str | None) -> None:
    """Commit a transaction. `transaction_id` is the server's id of it; None on SQLite.

    Raises DBAPIError if it was not committed, and OutcomeUnknown.
    """
    try:
        transaction.commit()
    except DBAPIError as error:
        if transaction_id is None or not error.connection_invalidated:
            raise
        if not _wait_for_outcome(engine, transaction_id):
            raise


def _wait_for_outcome(engine: Engine, transaction_id: str) -> bool:
    """Whether the transaction was committed. Raises OutcomeUnknown after LOOKUP_SECONDS."""
    deadline = time.monotonic() + LOOKUP_SECONDS
    while True:
        try:
            return was_committed(engine, transaction_id)
        except OutcomeUnknown:
            if time.monotonic() > deadline:
                raise
        time.sleep(PAUSE_SECONDS)


def was_committed(engine: Engine, transaction_id: str) -> bool:
    """Whether the transaction was committed, as far as the server that answers knows.

    Raises OutcomeUnknown if none answers, or it hasn't noticed yet that the connection is lost.
    """
    try:
        with engine.connect() as connection:
            status = connection.execute(text("SELECT pg_xact_status(CAST(:id AS xid8))"), {"id": transaction_id})
            outcome = status.scalar_one()
    except DBAPIError as error:
        outcome = "aborted" if getattr(error.orig, "sqlstate", None) == IN_THE_FUTURE else None
    if outcome not in ("committed", "aborted"):
        raise OutcomeUnknown(
            "The database doesn't answer, and it is unknown whether the request took effect.",
            partial(was_committed, engine, transaction_id),
            retry_after=RETRY_AFTER_SECONDS,
        )
    return bool(outcome == "committed")
