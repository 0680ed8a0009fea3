"""During an upgrade the previous release still runs on the newer schema: "expand, then contract" in CONTRIBUTING.md."""

from collections.abc import Callable, Iterator

import pytest
from alembic import command
from sqlalchemy import (
    CheckConstraint,
    Column,
    Engine,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    create_engine,
)

from service.storage.database import make_engine
from tests.service.storage.schema_changes import find_breaks, reflect, use
from tests.service.storage.test_migrations import move

PREVIOUS = "0017"
"""The newest migration of the previous release. A release sets it to the newest one of its own."""


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = make_engine(url)
    yield engine
    engine.dispose()


def test_the_previous_release_reads_and_writes_the_tables_of_this_one(engine: Engine) -> None:
    move(engine, command.upgrade, PREVIOUS)
    with engine.connect() as connection:
        before = reflect(connection)
    move(engine, command.upgrade, "head")
    with engine.execution_options(writes=True).begin() as connection:
        assert find_breaks(before, reflect(connection)) == []
        use(connection, before)


def tables(*columns: Column[int] | Column[str] | UniqueConstraint | CheckConstraint) -> MetaData:
    """A table `t`, and one that it may refer to."""
    metadata = MetaData()
    Table("other", metadata, Column("id", Integer, primary_key=True))
    Table("t", metadata, Column("id", Integer, primary_key=True), *columns)
    return metadata


def name() -> Column[str]:
    return Column("name", String, nullable=False)


def old() -> MetaData:
    return tables(name(), UniqueConstraint("name"), CheckConstraint("name IN ('a', 'b')", name="names"))


def unchanged() -> list[Column[str] | UniqueConstraint | CheckConstraint]:
    return [name(), UniqueConstraint("name"), CheckConstraint("name IN ('a', 'b')", name="names")]


@pytest.mark.parametrize(
    "newer",
    [
        lambda: tables(*unchanged(), Column("note", String)),
        lambda: tables(*unchanged(), Column("project", String, nullable=False, server_default="default")),
        lambda: tables(
            name(),
            Column("project", String, nullable=False, server_default="default"),
            UniqueConstraint("project", "name"),
        ),
        lambda: tables(name(), CheckConstraint("name IN ('a', 'b', 'c')", name="names")),
        lambda: tables(*unchanged(), Column("other", ForeignKey("other.id", ondelete="SET NULL"))),
    ],
    ids=["nullable", "default", "unique with more", "check with more", "foreign key that lets go"],
)
def test_expanding_is_safe(newer: Callable[[], MetaData]) -> None:
    engine = create_engine("sqlite://")
    newer().create_all(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num TEXT)")
        assert find_breaks(old(), reflect(connection)) == []
        use(connection, old())


@pytest.mark.parametrize(
    ("newer", "why"),
    [
        (lambda: tables(UniqueConstraint("id")), "t: name is gone"),
        (lambda: tables(Column("name", Integer, nullable=False)), "t: name was VARCHAR and is INTEGER"),
        (lambda: tables(Column("name", String)), "t: name is nullable now"),
        (
            lambda: tables(*unchanged(), Column("note", String, nullable=False)),
            "t: note is new, not nullable, and has no default of the server",
        ),
        (
            lambda: tables(*unchanged(), Column("note", String, server_default="", unique=True)),
            "t: note must be unique now",
        ),
        (
            lambda: tables(name(), CheckConstraint("name IN ('a', 'c')", name="names")),
            "t: the check names is new or stricter",
        ),
        (
            lambda: tables(*unchanged(), Column("other", ForeignKey("other.id"))),
            "t: other keeps rows of other from being deleted",
        ),
    ],
)
def test_contracting_is_not(newer: Callable[[], MetaData], why: str) -> None:
    assert find_breaks(old(), newer()) == [why]


def test_a_table_that_is_gone_breaks_the_previous_release() -> None:
    assert find_breaks(old(), MetaData()) == ["other is gone", "t is gone"]
