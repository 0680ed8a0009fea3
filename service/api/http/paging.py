"""Lists over HTTP: the query that asks for a page, and the page with the way to the next."""

import hashlib
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from flask import request
from marshmallow import post_load, pre_load

from service.api.contract.fields import Choice, Object, QueryWhole, Text, entries_of_metadata
from service.api.contract.schemas.base import Schema
from service.operations.metadata import LONGEST_KEY
from service.storage.paging import InvalidCursor, Page, PageQuery

DEFAULT_LIMIT = 20
LARGEST_LIMIT = 100
METADATA = "metadata."
"""What parameters begin with that filter by a key of the metadata."""
NEWEST_FIRST = "-created_at"
SORT = f"The order; `-` is descending. Left out: `{NEWEST_FIRST}`, the newest first."


class ListQuery(Schema):
    """Which page of a list; a subclass adds its sort orders and filters."""

    limit = QueryWhole(
        1,
        cap=LARGEST_LIMIT,
        load_default=DEFAULT_LIMIT,
        metadata={"description": f"At most so many items; more than {LARGEST_LIMIT} counts as {LARGEST_LIMIT}."},
    )
    cursor = Text(
        1000,
        load_default=None,
        metadata={"description": "Where the page before ended; opaque. Follow `next` rather than make one."},
    )

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> PageQuery:
        limit, cursor, sort = data.pop("limit"), data.pop("cursor"), data.pop("sort", None)
        return PageQuery(limit, None if cursor is None else _unbind(cursor), sort, filters=data)


class ByTime(ListQuery):
    """A list in the order of creation."""

    sort = Choice(NEWEST_FIRST, "created_at", metadata={"description": SORT})


class ByTimeOrName(ListQuery):
    """A list of things with names."""

    sort = Choice(NEWEST_FIRST, "created_at", "name", "-name", metadata={"description": SORT})


class ByMetadata(Schema):
    """A list that can be filtered by metadata: `metadata.KEY=VALUE`, as often as there are keys to compare."""

    metadata = Object(
        **entries_of_metadata(removable=False),
        metadata={
            "description": "Only those with all of these entries in their `metadata`, each as `metadata.KEY=VALUE`.",
            "propertyNames": {"pattern": rf"^{re.escape(METADATA)}[^\x00]{{1,{LONGEST_KEY}}}$"},
            "example": {f"{METADATA}team": "vision"},
        },
    )

    @pre_load
    def _collect(self, query: dict[str, str], **_: Any) -> dict[str, Any]:
        entries = {name.removeprefix(METADATA): query[name] for name in query if name.startswith(METADATA)}
        others = {name: value for name, value in query.items() if not name.startswith(METADATA)}
        return {**others, "metadata": entries} if entries else others


def map_page(make: Callable[[Any], Any], page: Page[Any]) -> Page[Any]:
    """The page with each of its items made into something else."""
    return Page([make(item) for item in page.items], page.next_cursor)


def next_url(page: Page[Any]) -> str | None:
    """The URL of the page after this one, with the rest of the query unchanged."""
    if page.next_cursor is None:
        return None
    query = request.args.to_dict() | {"cursor": _mark() + page.next_cursor}
    return f"{request.path}?{urlencode(query)}"


def link_to_next(url: str | None) -> dict[str, str]:
    """The header (RFC 8288) that leads to the next page, if there is one."""
    return {"Link": f'<{url}>; rel="next"'} if url else {}


def _unbind(cursor: str) -> str:
    """The position within the list that is asked for. Raises InvalidCursor for a cursor of another list or order."""
    mark = _mark()
    if not cursor.startswith(mark):
        raise InvalidCursor(cursor)
    return cursor.removeprefix(mark)


def _mark() -> str:
    """What cursors begin with that belong to the list that is asked for, in its order."""
    listed = f"{request.path}?sort={request.args.get('sort', '')}"
    return hashlib.blake2b(listed.encode(), digest_size=6).hexdigest()
