"""What a write is conditional on still holds when it is written."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

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


def _refuse() -> None:
    raise Stale
