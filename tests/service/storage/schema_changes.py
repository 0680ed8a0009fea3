"""What a newer schema may not do to the code of the previous release, which still runs on it during an upgrade."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    insert,
    select,
    update,
)

VERSION_TABLE = "alembic_version"
QUOTED = re.compile(r"'([^']*)'")


def reflect(connection: Connection) -> MetaData:
    """The tables that the database has, without Alembic's."""
    metadata = MetaData()
    metadata.reflect(connection)
    metadata.remove(metadata.tables[VERSION_TABLE])
    return metadata


def find_breaks(before: MetaData, after: MetaData) -> list[str]:
    """What may break code that was written for the tables of `before` and runs on those of `after`; a line for each.

    Safe are: new tables; new columns that are nullable or have a default of the server; uniqueness over more columns.
    """
    breaks = [f"{name} is gone" for name in before.tables if name not in after.tables]
    for name in before.tables.keys() & after.tables.keys():
        breaks += (f"{name}: {why}" for why in _find_breaks_of_table(before.tables[name], after.tables[name]))
    for table in after.tables.values():
        breaks += (f"{table.name}: {why}" for why in _find_blocked_deletions(table, before))
    return sorted(breaks)


def _find_breaks_of_table(old: Table, new: Table) -> Iterator[str]:
    for column in old.columns:
        if column.name not in new.columns:
            yield f"{column.name} is gone"
            continue
        now = new.columns[column.name]
        if str(now.type) != str(column.type):
            yield f"{column.name} was {column.type} and is {now.type}"
        if now.nullable != column.nullable:
            yield f"{column.name} is {'nullable' if now.nullable else 'not nullable'} now"
    for column in new.columns:
        if column.name not in old.columns and not column.nullable and column.server_default is None:
            yield f"{column.name} is new, not nullable, and has no default of the server"
    uniques = _uniques(old)
    free = {column.name for column in new.columns if column.name not in old.columns and column.server_default is None}
    for unique in _uniques(new):
        # The previous release leaves these columns null, and nulls differ from each other.
        if not unique & free and not any(earlier <= unique for earlier in uniques):
            yield f"{', '.join(sorted(unique))} must be unique now"
    allowed = {check.name: _allowed(check) for check in _checks(old)}
    for check in _checks(new):
        if check.name not in allowed or not allowed[check.name] <= _allowed(check):
            yield f"the check {check.name} is new or stricter"


def _find_blocked_deletions(table: Table, before: MetaData) -> Iterator[str]:
    """New foreign keys that keep rows from being deleted or inserted."""
    old = before.tables.get(table.name)
    known = set() if old is None else {(key.parent.name, key.target_fullname) for key in old.foreign_keys}
    for key in table.foreign_keys:
        if (key.parent.name, key.target_fullname) in known or key.column.table.name not in before.tables:
            continue
        if key.ondelete not in ("CASCADE", "SET NULL"):
            yield f"{key.parent.name} keeps rows of {key.column.table.name} from being deleted"


def _uniques(table: Table) -> list[frozenset[str]]:
    found = [[*constraint.columns] for constraint in table.constraints
             if isinstance(constraint, UniqueConstraint | PrimaryKeyConstraint)]  # fmt: skip
    found += [[*index.columns] for index in table.indexes if index.unique]
    return [frozenset(column.name for column in columns) for columns in found]


def _checks(table: Table) -> list[CheckConstraint]:
    return [constraint for constraint in table.constraints if isinstance(constraint, CheckConstraint)]


def _allowed(check: CheckConstraint) -> set[str]:
    """The values that a check lists."""
    return set(QUOTED.findall(str(check.sqltext)))


def use(connection: Connection, before: MetaData) -> None:
    """Insert, read, update and delete a row of each table, naming just the columns that `before` has."""
    rows: dict[str, dict[str, Any]] = {}
    for table in before.sorted_tables:
        row = rows[table.name] = {column.name: _invent(column, rows) for column in table.columns}
        connection.execute(insert(table), row)
        connection.execute(update(table).where(_is(table, row)).values(row))
        assert connection.execute(select(table).where(_is(table, row))).one()._mapping.keys() == row.keys()
    for table in reversed(before.sorted_tables):
        # A row may be gone with the one that it belonged to.
        connection.execute(table.delete().where(_is(table, rows[table.name])))
        assert connection.execute(select(table)).first() is None


def _is(table: Table, row: dict[str, Any]) -> Any:
    condition: Any = True
    for column in table.primary_key.columns:
        condition = (column == row[column.name]) & condition
    return condition


def _invent(column: Column[Any], rows: dict[str, dict[str, Any]]) -> Any:
    """A value that the column takes."""
    for key in column.foreign_keys:
        return rows[key.column.table.name][key.column.name]
    for check in _checks(column.table):
        if str(check.sqltext).strip("(").startswith((column.name, f'"{column.name}"')):
            return QUOTED.findall(str(check.sqltext))[0]
    values: dict[type, Any] = {JSON: {}, Boolean: True, DateTime: datetime.now(UTC), Integer: 1, LargeBinary: b"x"}
    return next((value for type_, value in values.items() if isinstance(column.type, type_)), "x")
