"""Committing, also if the answer to the COMMIT is lost.

A client whose connection breaks during COMMIT can't know whether PostgreSQL committed. The server can: it has the
status of every recent transaction by its id. On SQLite there is no connection to lose.
"""

import time
from dataclasses import asdict, dataclass
from functools import partial

from sqlalchemy import Connection, Engine, Transaction, text
from sqlalchemy.exc import DBAPIError

from service.errors import DatabaseUnavailable, OutcomeUnknown

LOOKUP_SECONDS = 5.0
"""How long a writer waits for the outcome. A server that only lost the connection says it at once."""
PAUSE_SECONDS = 0.1
RETRY_AFTER_SECONDS = 5
IN_THE_FUTURE = "22023"
"""The SQLSTATE of `pg_xact_status` for an id that the server hasn't assigned: after a failover, the server that answers
never received the transaction."""
SESSION_ENDED = ("08", "57P")
"""The classes of SQLSTATEs of a connection that failed, and of a server that is shut down or has crashed."""
BEGUN = """
SELECT pg_current_xact_id()::text, pg_logical_emit_message(true, 'fitserve', '')::text, pg_last_wal_replay_lsn()::text
WHERE NOT pg_is_in_recovery()
"""
OUTCOME = """
SELECT CASE
    WHEN pg_is_in_recovery() THEN NULL
    WHEN pg_last_wal_replay_lsn() IS DISTINCT FROM CAST(:recovered_to AS pg_lsn)
        AND pg_last_wal_replay_lsn() < CAST(:position AS pg_lsn) THEN 'aborted'
    ELSE pg_xact_status(CAST(:id AS xid8))
END
"""


@dataclass(frozen=True)
class Begun:
    """A transaction of PostgreSQL, as any server can find it later, also one that has replaced the server of then.

    A server that was promoted assigns again the ids that it hasn't heard of. So each transaction begins with an empty
    record in the write-ahead log, which carries its id. A server whose recovery ended before that record has never
    received the transaction, whatever it says about the id.
    """

    id: str
    position: str
    """Where the record ends in the write-ahead log."""
    recovered_to: str | None
    """Where the recovery ended with which the server once started; None if it needed none."""


def identify(connection: Connection) -> Begun | None:
    """The transaction that has begun; None on SQLite. Raises DatabaseUnavailable on a standby."""
    if connection.dialect.name != "postgresql":
        return None
    found = connection.execute(text(BEGUN)).one_or_none()
    if found is None:
        detail = "The database can't be written now: its server is a standby that hasn't been promoted."
        raise DatabaseUnavailable(detail, retry_after=RETRY_AFTER_SECONDS)
    return Begun(*found)


def commit(engine: Engine, transaction: Transaction, begun: Begun | None) -> None:
    """Commit a transaction, which `identify` has described.

    Raises DBAPIError if it was not committed, and OutcomeUnknown.
    """
    try:
        transaction.commit()
    except DBAPIError as error:
        if begun is None or not _may_be_committed(error):
            raise
        if not _wait_for_outcome(engine, begun):
            raise


def _may_be_committed(error: DBAPIError) -> bool:
    """Whether a COMMIT that failed may have taken effect. So it is if the connection broke, or if the server ended the
    session: it may have done so while the committed transaction waited for a standby."""
    state = getattr(error.orig, "sqlstate", None)
    return error.connection_invalidated or state is None or state.startswith(SESSION_ENDED)


def _wait_for_outcome(engine: Engine, begun: Begun) -> bool:
    """Whether the transaction was committed. Raises OutcomeUnknown after LOOKUP_SECONDS."""
    deadline = time.monotonic() + LOOKUP_SECONDS
    while True:
        try:
            return was_committed(engine, begun)
        except OutcomeUnknown:
            if time.monotonic() > deadline:
                raise
        time.sleep(PAUSE_SECONDS)


def was_committed(engine: Engine, begun: Begun) -> bool:
    """Whether the transaction was committed, as far as the server that answers knows.

    Raises OutcomeUnknown if none answers, or one that hasn't noticed yet that the connection is lost, or a standby.
    """
    try:
        with engine.connect() as connection:
            outcome = connection.execute(text(OUTCOME), asdict(begun)).scalar_one()
    except DBAPIError as error:
        outcome = "aborted" if getattr(error.orig, "sqlstate", None) == IN_THE_FUTURE else None
    if outcome not in ("committed", "aborted"):
        raise OutcomeUnknown(
            "The database doesn't answer, and it is unknown whether the request took effect.",
            partial(was_committed, engine, begun),
            retry_after=RETRY_AFTER_SECONDS,
        )
    return bool(outcome == "committed")
