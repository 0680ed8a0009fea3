"""Keyset pagination with opaque cursors: pages don't shift while rows are inserted."""

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import orjson
from sqlalchemy import Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

Item = TypeVar("Item")

LARGEST_INTEGER = 2**63 - 1
"""The largest integer that the databases support."""


class InvalidCursor(ValueError):
    """A cursor that no list returned."""


@dataclass(frozen=True)
class PageQuery:
    """The requested page of a list. `sort` is a key of the list's orders; None selects the default."""

    limit: int = 20
    cursor: str | None = None
    sort: str | None = None
    filters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Items in order, and the cursor of the next page."""

    items: Sequence[Item]
    next_cursor: str | None


@dataclass(frozen=True)
class Order:
    """A sort order: all `keys` ascending or all descending. The last key is unique."""

    keys: tuple[InstrumentedAttribute[Any], ...]
    descending: bool = False


def read_all(fetch: Callable[[PageQuery], Page[Item]]) -> Iterator[Item]:
    """The items of all pages."""
    query = PageQuery(limit=1000)
    while True:
        page = fetch(query)
        yield from page.items
        if page.next_cursor is None:
            return
        query = replace(query, cursor=page.next_cursor)


def fetch_page(session: Session, statement: Select[Item], order: Order, query: PageQuery) -> Page[Item]:
    """Fetch the rows of `statement` after the query's cursor."""
    if query.cursor is not None:
        after = decode_cursor(query.cursor, tuple(key.type.python_type for key in order.keys))
        position = tuple_(*order.keys)
        statement = statement.where(position < after if order.descending else position > after)
    columns = (key.desc() if order.descending else key.asc() for key in order.keys)
    rows = session.scalars(statement.order_by(*columns).limit(query.limit + 1)).all()
    items = rows[: query.limit]
    more = len(rows) > query.limit
    return Page(items, encode_cursor([getattr(items[-1], key.key) for key in order.keys]) if more else None)


def encode_cursor(values: list[str | int | datetime]) -> str:
    """Encode values as a cursor."""
    return base64.urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")


def decode_cursor(cursor: str, types: tuple[type, ...]) -> tuple[Any, ...]:
    """Decode a cursor. Raises InvalidCursor if its values don't have these types."""
    try:
        values = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except ValueError as error:
        raise InvalidCursor(cursor) from error
    if not isinstance(values, list) or len(values) != len(types):
        raise InvalidCursor(cursor)
    try:
        return tuple(_read(value, type_) for value, type_ in zip(values, types, strict=True))
    except (ValueError, OverflowError) as error:
        raise InvalidCursor(cursor) from error


def _read(value: Any, type_: type[Any]) -> Any:
    """Convert a cursor's value to the type of its column. Raises ValueError."""
    if type_ is datetime and type(value) is str:
        return datetime.fromisoformat(value).astimezone(UTC)
    if type(value) is not type_ or (isinstance(value, int) and not 0 <= value <= LARGEST_INTEGER):
        raise ValueError(value)
    return value
