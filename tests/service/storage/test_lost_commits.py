"""The connection to PostgreSQL breaks during COMMIT: the writer finds out how it ended."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from psycopg.errors import CrashShutdown
from sqlalchemy import Transaction, text
from sqlalchemy.exc import DBAPIError

from service.errors import DatabaseUnavailable, OutcomeUnknown
from service.storage import commits
from service.storage.commits import Begun
from service.storage.database import Database
from tests.postgresql_proxy import CommitProxy, Loss
from tests.postgresql_server import empty_database


@pytest.fixture
def proxy() -> Iterator[CommitProxy]:
    with empty_database() as url, CommitProxy(url) as proxy:
        yield proxy


@pytest.fixture
def database(proxy: CommitProxy) -> Iterator[Database]:
    """A database with an empty table, through the proxy."""
    database = Database(proxy.url)
    with database.write() as session:
        session.execute(text("CREATE TABLE rows (number INTEGER)"))
    yield database
    database.close()


def write(database: Database, number: int) -> None:
    with database.write() as session:
        session.execute(text("INSERT INTO rows VALUES (:number)"), {"number": number})


def written(database: Database) -> list[int]:
    with database.read() as session:
        return list(session.scalars(text("SELECT number FROM rows ORDER BY number")))


def test_a_write_succeeds_if_only_the_answer_to_its_commit_was_lost(database: Database, proxy: CommitProxy) -> None:
    for number in range(3):
        proxy.lose(Loss.ANSWER)
        write(database, number)
    assert (written(database), proxy.lost) == ([0, 1, 2], 3)


def test_a_write_whose_commit_was_lost_has_no_effect_and_says_so(database: Database, proxy: CommitProxy) -> None:
    proxy.lose(Loss.COMMIT)
    with pytest.raises(DatabaseUnavailable) as raised:
        write(database, 1)
    assert raised.value.code == "database-unavailable"
    assert written(database) == []


@pytest.mark.parametrize("loss", Loss)
def test_the_outcome_is_unknown_while_the_server_is_away_and_known_afterwards(
    database: Database, proxy: CommitProxy, loss: Loss, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "LOOKUP_SECONDS", 0.2)
    proxy.lose(loss, then_away=True)
    with pytest.raises(OutcomeUnknown) as raised:
        write(database, 1)
    with pytest.raises(OutcomeUnknown):
        raised.value.was_committed()
    proxy.is_away = False
    assert raised.value.was_committed() == (loss is Loss.ANSWER)
    assert written(database) == [1] * (loss is Loss.ANSWER)


def test_a_transaction_that_a_replica_never_received_has_no_effect() -> None:
    with empty_database() as url, closing(Database(url)) as database:
        assert commits.was_committed(database.engine, Begun(str(2**31), "0/0", None)) is False


def test_a_write_took_effect_whose_session_the_server_ended_while_it_waited_for_a_standby(database: Database) -> None:
    with database.engine.connect() as connection:

        class Ended:
            """A transaction whose COMMIT is answered by the end of the session."""

            def __init__(self, transaction: Transaction) -> None:
                self._transaction = transaction

            def commit(self) -> None:
                self._transaction.commit()
                raise DBAPIError("COMMIT", {}, CrashShutdown())

        ended: Any = Ended(connection.begin())
        begun = commits.identify(connection)
        connection.execute(text("INSERT INTO rows VALUES (1)"))
        commits.commit(database.engine, ended, begun)
    assert written(database) == [1]


def test_a_write_that_the_server_refuses_at_its_commit_has_no_effect(database: Database) -> None:
    with database.write() as session:
        session.execute(text("ALTER TABLE rows ADD UNIQUE (number) DEFERRABLE INITIALLY DEFERRED"))
    write(database, 1)
    with pytest.raises(Exception, match="duplicate key"):
        write(database, 1)
    assert written(database) == [1]
