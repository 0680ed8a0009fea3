"""Transactions of PostgreSQL that wait for each other: the one that the server aborts is repeated."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from service.errors import TransactionAborted
from service.storage.database import Database
from tests.postgresql_server import empty_database


@pytest.fixture
def database() -> Iterator[Database]:
    """With a table of two numbers."""
    with empty_database() as url:
        found = Database(url)
        with found.write() as session:
            session.execute(text("CREATE TABLE numbers (id INTEGER PRIMARY KEY, number INTEGER)"))
            session.execute(text("INSERT INTO numbers VALUES (1, 0), (2, 0)"))
        yield found
        found.close()


class Crossing:
    """Adds 1 to both numbers. Two of them meet after the first number, which is another one for each."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._meeting = threading.Barrier(2)
        self._met = threading.local()

    def add(self, *ids: int) -> None:
        with self._database.write() as session:
            for id_ in ids:
                session.execute(text("UPDATE numbers SET number = number + 1 WHERE id = :id"), {"id": id_})
                if not hasattr(self._met, "once"):
                    self._met.once = True
                    self._meeting.wait(timeout=20)

    def add_repeatedly(self, *ids: int) -> None:
        self._database.repeat_if_aborted(lambda: self.add(*ids))


def numbers(database: Database) -> list[int]:
    with database.read() as session:
        return list(session.scalars(text("SELECT number FROM numbers ORDER BY id")))


def test_one_of_two_transactions_in_a_deadlock_is_aborted(database: Database) -> None:
    crossing = Crossing(database)
    with ThreadPoolExecutor(2) as threads:
        ends = [threads.submit(crossing.add, *ids).exception for ids in ((1, 2), (2, 1))]
        errors = [error for error in (end() for end in ends) if error is not None]
    assert [type(error) for error in errors] == [TransactionAborted]
    assert numbers(database) == [1, 1]


def test_a_write_that_is_repeated_after_a_deadlock_takes_effect_once(database: Database) -> None:
    crossing = Crossing(database)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda ids: crossing.add_repeatedly(*ids), ((1, 2), (2, 1))))
    assert numbers(database) == [2, 2]


def test_work_that_has_written_something_is_not_repeated(database: Database) -> None:
    attempts = []

    def work() -> None:
        attempts.append(1)
        with database.write() as session:
            session.execute(text("UPDATE numbers SET number = number + 1 WHERE id = 1"))
        raise TransactionAborted("It was aborted.")

    with pytest.raises(TransactionAborted):
        database.repeat_if_aborted(work)
    assert (len(attempts), numbers(database)) == (1, [1, 0])


def test_work_that_is_aborted_again_and_again_ends(database: Database) -> None:
    attempts = []

    def work() -> None:
        attempts.append(1)
        raise TransactionAborted("It was aborted.")

    with pytest.raises(TransactionAborted):
        database.repeat_if_aborted(work)
    assert len(attempts) == 4
