"""Lists over HTTP: the query that asks for a page, and the page with the way to the next."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from flask import request
from marshmallow import post_load

from service.api.fields import Choice, QueryWhole, Text
from service.api.schemas.base import Schema
from service.storage.paging import Page, PageQuery

DEFAULT_LIMIT = 20
LARGEST_LIMIT = 100
NEWEST_FIRST = "-created_at"


class ListQuery(Schema):
    """Which page of a list; a subclass adds its sort orders and filters."""

    limit = QueryWhole(1, cap=LARGEST_LIMIT, load_default=DEFAULT_LIMIT)
    cursor = Text(1000, load_default=None, metadata={"description": "Where the page before ended; opaque."})

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> PageQuery:
        limit, cursor, sort = data.pop("limit"), data.pop("cursor"), data.pop("sort", None)
        return PageQuery(limit, cursor, sort, filters=data)


class ByTime(ListQuery):
    """A list in the order of creation."""

    sort = Choice(NEWEST_FIRST, "created_at")


class ByTimeOrName(ListQuery):
    """A list of things with names."""

    sort = Choice(NEWEST_FIRST, "created_at", "name", "-name")


def map_page(make: Callable[[Any], Any], page: Page[Any]) -> Page[Any]:
    """The page with each of its items made into something else."""
    return Page([make(item) for item in page.items], page.next_cursor)


def next_url(page: Page[Any]) -> str | None:
    """The URL of the page after this one, with the rest of the query unchanged."""
    if page.next_cursor is None:
        return None
    query = request.args.to_dict() | {"cursor": page.next_cursor}
    return f"{request.path}?{urlencode(query)}"
