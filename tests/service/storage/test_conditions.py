"""What a write is conditional on still holds when it is written."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from service.errors import Conflict
from service.storage.database import Database

CHANGES = 20


class Stale(Exception):
    """The number is another one than was read."""


class Counter:
    """A number in a database, which clients add to by what they have read, or whatever it is."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self) -> int:
        with self._database.read() as session:
            return int(session.execute(text("SELECT number FROM counter")).scalar_one())

    def write(self, number: str) -> None:
        with self._database.write() as session:
            session.execute(text(f"UPDATE counter SET number = {number}"))

    def add_to_what_was_read(self) -> None:
        seen = self.read()

        def is_unchanged() -> None:
            if self.read() != seen:
                raise Stale

        with self._database.only_if(is_unchanged):
            self.write(str(seen + 1))

    def add_blindly(self) -> None:
        self.write("number + 1")


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    found = Database(url)
    with found.write() as session:
        session.execute(text("CREATE TABLE counter (number INTEGER)"))
        session.execute(text("INSERT INTO counter VALUES (0)"))
    yield found
    with found.write() as session:
        session.execute(text("DROP TABLE counter"))
    found.close()


def test_nobody_writes_between_a_condition_and_its_write(database: Database) -> None:
    counter = Counter(database)

    def change(add: Callable[[], None]) -> None:
        changed = 0
        while changed < CHANGES:
            try:
                add()
            except Stale:
                continue
            changed += 1

    clients = [counter.add_to_what_was_read, counter.add_blindly] * 2
    with ThreadPoolExecutor(len(clients)) as threads:
        list(threads.map(change, clients))
    assert counter.read() == 4 * CHANGES


def test_a_condition_is_of_one_write_and_of_its_block(database: Database) -> None:
    counter, asked = Counter(database), []
    with database.only_if(lambda: asked.append("once")):
        counter.write("1")
        counter.write("2")
    counter.write("3")
    assert asked == ["once"]
    with pytest.raises(Stale), database.only_if(_refuse):
        counter.write("4")
    counter.write("5")
    assert counter.read() == 5


def test_an_error_that_a_refused_write_causes_gives_way_to_the_reason_of_the_refusal(database: Database) -> None:
    with pytest.raises(Stale), database.only_if(_refuse), database.write():
        raise Conflict("The job has ended.")
    with pytest.raises(Conflict), database.only_if(lambda: None), database.write():
        raise Conflict("The job has ended.")


def test_other_rows_are_written_while_a_condition_is_checked(database: Database) -> None:
    if database.engine.dialect.name == "sqlite":
        return  # one at a time

    def write_other_row() -> None:
        with database.write_aside() as session:
            session.execute(text("INSERT INTO counter VALUES (100)"))

    def another_client_writes() -> None:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(write_other_row).result(timeout=20)

    with database.only_if(another_client_writes):
        Counter(database).write("1 WHERE number = 0")
    with database.read() as session:
        assert list(session.scalars(text("SELECT number FROM counter ORDER BY number"))) == [1, 100]


def _refuse() -> None:
    raise Stale
