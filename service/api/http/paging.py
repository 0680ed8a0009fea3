"""Lists over HTTP: the query parameters of a page, and the URL of the next page."""

import hashlib
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from flask import request
from marshmallow import post_load, pre_load

from service.api.contract.fields import Choice, Object, QueryWhole, Text, entries_of_metadata
from service.api.contract.schemas.base import Schema
from service.api.http.links import public
from service.operations.metadata import LONGEST_KEY
from service.storage.paging import InvalidCursor, Page, PageQuery

DEFAULT_LIMIT = 20
LARGEST_LIMIT = 100
METADATA = "metadata."
"""The prefix of parameters that filter by a key of the metadata."""
NEWEST_FIRST = "-created_at"
SORT = f"The sort order; `-` means descending. Default: `{NEWEST_FIRST}`, the newest first."


class ListQuery(Schema):
    """The parameters of a page; subclasses add sort orders and filters."""

    limit = QueryWhole(
        1,
        cap=LARGEST_LIMIT,
        load_default=DEFAULT_LIMIT,
        metadata={"description": f"The most items to return; values above {LARGEST_LIMIT} count as {LARGEST_LIMIT}."},
    )
    cursor = Text(
        1000,
        load_default=None,
        metadata={"description": "An opaque position in the list. Follow `next` instead of constructing a cursor."},
    )

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> PageQuery:
        limit, cursor, sort = data.pop("limit"), data.pop("cursor"), data.pop("sort", None)
        return PageQuery(limit, None if cursor is None else _unbind(cursor), sort, filters=data)


class ByTime(ListQuery):
    """A list sorted by creation time."""

    sort = Choice(NEWEST_FIRST, "created_at", metadata={"description": SORT})


class ByTimeOrName(ListQuery):
    """A list sorted by creation time or name."""

    sort = Choice(NEWEST_FIRST, "created_at", "name", "-name", metadata={"description": SORT})


class ByMetadata(Schema):
    """A list that can be filtered by metadata, with one `metadata.KEY=VALUE` for each key."""

    metadata = Object(
        **entries_of_metadata(removable=False),
        metadata={
            "description": "Only resources whose `metadata` has all these entries, each sent as `metadata.KEY=VALUE`.",
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
    """Apply `make` to each item of a page."""
    return Page([make(item) for item in page.items], page.next_cursor)


def next_url(page: Page[Any]) -> str | None:
    """The URL of the next page, with the rest of the query unchanged; None on the last page."""
    if page.next_cursor is None:
        return None
    query = request.args.to_dict() | {"cursor": _mark() + page.next_cursor}
    return public(f"{request.path}?{urlencode(query)}")


def link_to_next(url: str | None) -> dict[str, str]:
    """The `Link` header (RFC 8288) to the next page, if there is one."""
    return {"Link": f'<{url}>; rel="next"'} if url else {}


def _unbind(cursor: str) -> str:
    """The cursor without its mark. Raises InvalidCursor if the cursor belongs to another list or order."""
    mark = _mark()
    if not cursor.startswith(mark):
        raise InvalidCursor(cursor)
    return cursor.removeprefix(mark)


def _mark() -> str:
    """The prefix that binds a cursor to the requested list and its order."""
    listed = f"{request.path}?sort={request.args.get('sort', '')}"
    return hashlib.blake2b(listed.encode(), digest_size=6).hexdigest()
