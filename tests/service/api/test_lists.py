"""Lists come in pages that stay stable while things are added."""

from tests.service.api.api_client import LINE_DATASET, ApiClient, named


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
