"""The filters of lists."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

METADATA = "metadata"


def conditions(
    session: Session,
    filters: Mapping[str, Any],
    columns: Mapping[str, InstrumentedAttribute[Any]],
    metadata: InstrumentedAttribute[dict[str, Any]],
) -> list[ColumnElement[bool]]:
    """The conditions that columns equal the filters of their names and `metadata` has all entries of its filter.

    A tuple as a filter stands for any of its values.
    """
    entries: dict[str, str] = filters.get(METADATA) or {}
    own = [_condition(columns[name], value) for name, value in filters.items() if name != METADATA]
    return own + [_has_entry(session, metadata, key, value) for key, value in entries.items()]


def _has_entry(
    session: Session, metadata: InstrumentedAttribute[dict[str, Any]], key: str, value: str
) -> ColumnElement[bool]:
    # SQLite's JSON paths don't support every key, so the entries are read as a table.
    each = func.json_each if session.get_bind().dialect.name == "sqlite" else func.json_each_text
    entry = each(metadata).table_valued("key", "value")
    return select(entry.c.key).where(entry.c.key == key, entry.c.value == value).exists()


def _condition(column: InstrumentedAttribute[Any], value: Any) -> ColumnElement[bool]:
    return column.in_(value) if isinstance(value, tuple) else column == value
