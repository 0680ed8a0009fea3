"""Lists come in pages that stay stable while things are added."""

from datetime import datetime
from typing import Any

import pytest

from service.storage.paging import InvalidCursor, decode_cursor, encode_cursor
from tests.journeys.specs import LINE_DATASET, named
from tests.service.api.api_client import ApiClient


def add(api: ApiClient, *names: str) -> None:
    for name in names:
        api.post("/v1/datasets", named(LINE_DATASET, name), 202, Prefer="wait=0")


def names_of(page: dict[str, list[dict[str, str]]]) -> list[str]:
    return [item["name"] for item in page["items"]]


def test_pages_follow_one_another_without_gaps_or_repeats_while_more_is_added(api: ApiClient) -> None:
    add(api, "a", "b", "c", "d", "e")
    first = api.get("/v1/datasets?limit=2")
    assert names_of(first) == ["e", "d"]
    add(api, "f")
    second = api.get(first["next"])
    assert names_of(second) == ["c", "b"]
    api.delete("/v1/datasets/c")
    last = api.get(second["next"])
    assert names_of(last) == ["a"]
    assert last["next"] is None


def test_the_next_page_is_also_a_link_and_keeps_the_query(api: ApiClient) -> None:
    add(api, "b", "a", "c")
    response = api.send("GET", "/v1/datasets?limit=2&sort=name&status=processing", 200)
    assert response.json is not None
    assert names_of(response.json) == ["a", "b"]
    assert response.headers["Link"] == f'<{response.json["next"]}>; rel="next"'
    rest = api.send("GET", response.json["next"], 200)
    assert rest.json is not None
    assert names_of(rest.json) == ["c"]
    assert "Link" not in rest.headers


def test_a_cursor_belongs_to_its_list_and_order(api: ApiClient) -> None:
    add(api, "a", "b", "c")
    following = api.get("/v1/datasets?limit=1&sort=name")["next"]
    assert names_of(api.get(following)) == ["b"]
    for other in (
        following.replace("sort=name", "sort=-name"),
        following.replace("sort=name", "sort=created_at"),
        following.replace("/v1/datasets", "/v1/models"),
    ):
        (fault,) = api.get(other, 400)["errors"]
        assert fault["parameter"] == "cursor"


@pytest.mark.usefixtures("worker")
def test_labels_are_sorted_by_name_or_time(api: ApiClient) -> None:
    api.make_line()
    api.train_line()
    for name in ("b", "a", "c"):
        api.put(f"/v1/models/line/labels/{name}", {"version": 1}, 201)
    for sort, expected in (("name", "abc"), ("-name", "cba"), ("created_at", "bac"), ("-created_at", "cab")):
        found, url = "", f"/v1/models/line/labels?limit=1&sort={sort}"
        while url:
            page = api.get(url)
            found += "".join(item["label"] for item in page["items"])
            url = page["next"]
        assert found == expected


@pytest.mark.parametrize(
    "position", [["0001-01-01T00:00:00+23:00", "a"], ["soon", "a"], [5, "a"], ["2025-01-01T00:00:00Z"], [None, None]]
)
def test_a_position_that_no_list_gave_out_is_refused(position: list[Any]) -> None:
    with pytest.raises(InvalidCursor):
        decode_cursor(encode_cursor(position), (datetime, str))


def test_twenty_is_the_default_and_a_hundred_the_most(api: ApiClient) -> None:
    add(api, *(f"n{number:03}" for number in range(103)))
    assert len(api.get("/v1/datasets")["items"]) == 20
    assert len(api.get("/v1/datasets?limit=100")["items"]) == 100
    assert len(api.get("/v1/datasets?limit=1000")["items"]) == 100


def test_filters_narrow_the_list(api: ApiClient) -> None:
    add(api, "a")
    assert names_of(api.get("/v1/datasets?status=processing")) == ["a"]
    assert names_of(api.get("/v1/datasets?status=ready")) == []
    assert names_of(api.get("/v1/datasets?kind=image")) == []
