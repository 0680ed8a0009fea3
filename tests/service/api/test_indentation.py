"""JSON is indented for people: when `pretty` says so, and for curl."""

from typing import Any

import orjson
import pytest

from tests.service.api.api_client import ApiClient

CURL = {"User-Agent": "curl/8.5.0"}
PREDICTIONS = "/v1/models/line/predictions"
INSTANCES = {"instances": [[1], [2]]}


def is_indented(text: str) -> bool:
    document = orjson.loads(text)
    option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    indented = text.encode() == orjson.dumps(document, option=option)
    assert indented or text.encode() == orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)
    return indented


@pytest.mark.parametrize("path", ["/v1/models/line", "/v1/models", "/v1/layer-types", "/v1/models/line/versions/1"])
def test_the_parameter_decides_and_else_curl_gets_indented_answers(trained: ApiClient, path: str) -> None:
    def get(query: str, headers: dict[str, str]) -> bool:
        return is_indented(trained.send("GET", path + query, 200, headers=headers).text)

    assert [get("", {}), get("?pretty=true", {}), get("?pretty=false", {})] == [False, True, False]
    assert [get("", CURL), get("?pretty=true", CURL), get("?pretty=false", CURL)] == [True, True, False]
    assert not get("", {"User-Agent": "python-requests/2.32 (like curl/8.5.0)"})


def test_errors_of_the_front_are_indented_as_all_others(trained: ApiClient) -> None:
    def fail(path: str, **headers: str) -> bool:
        return is_indented(trained.send("POST", path, 422, json={"rows": []}, headers=headers).text)

    assert [fail(PREDICTIONS), fail(f"{PREDICTIONS}?pretty=true"), fail(f"{PREDICTIONS}?pretty=false")] == [
        False,
        True,
        False,
    ]
    assert not fail(PREDICTIONS, **CURL)
    elsewhere = {"Host": "example.org"}
    assert not is_indented(trained.send("GET", "/v1/models", 421, headers=elsewhere).text)
    assert is_indented(trained.send("GET", "/v1/models", 421, headers=elsewhere | CURL).text)
    assert not is_indented(trained.send("GET", "/v1/models?pretty=", 421, headers=elsewhere | CURL).text)
    assert is_indented(trained.send("GET", "/v1/models?pretty=true", 421, headers=elsewhere).text)


def test_a_wrong_value_is_an_error_only_where_there_is_a_route(api: ApiClient) -> None:
    assert api.get("/v1/models?pretty=maybe", 400)["errors"][0]["parameter"] == "pretty"
    api.get("/v1/modles?pretty=maybe", 404)
    api.delete("/v1/models?pretty=maybe", 405)


def test_errors_and_what_was_created_are_indented_too(api: ApiClient) -> None:
    assert is_indented(api.send("GET", "/v1/models/nothing?pretty=true", 404).text)
    document = {"name": "a", "source": "circles"}
    headers = {**CURL, "Prefer": "wait=0", "Idempotency-Key": "once"}
    first = api.send("POST", "/v1/datasets", 202, json=document, headers=headers)
    again = api.send("POST", "/v1/datasets", 202, json=document, headers=headers)
    assert is_indented(first.text)
    assert first.text == again.text
    compact = api.send("POST", "/v1/datasets", 202, json=document, headers={**headers, "User-Agent": "other"})
    assert (compact.json, is_indented(compact.text)) == (first.json, False)


def test_predictions_are_compact_unless_the_parameter_says_otherwise(trained: ApiClient) -> None:
    def post(path: str) -> bool:
        return is_indented(trained.send("POST", path, 200, json=INSTANCES, headers=CURL).text)

    assert [post(PREDICTIONS), post(f"{PREDICTIONS}?pretty=true")] == [False, True]
    assert post("/v1/models/line/versions/1/predictions?pretty=true&scores=false")
    assert not post(f"{PREDICTIONS}?pretty=false")


def test_an_indented_prediction_is_the_same_document(trained: ApiClient) -> None:
    compact, indented = (
        trained.send("POST", f"{PREDICTIONS}{query}", 200, json=INSTANCES) for query in ("", "?pretty=true")
    )
    assert compact.json == indented.json
    assert int(indented.headers["Content-Length"]) == len(indented.data) > len(compact.data)


def test_other_servers_routes_answer_as_those_servers_do(trained: ApiClient) -> None:
    response = trained.http.post("/v1/models/line:predict?pretty=true", json=INSTANCES, headers=CURL)
    plain = trained.http.post("/v1/models/line:predict", json=INSTANCES)
    assert response.data == plain.data
    assert trained.http.get("/v2", headers=CURL).data == trained.http.get("/v2").data


def test_an_indented_answer_has_a_tag_of_its_own_that_is_taken_like_the_others(trained: ApiClient) -> None:
    path = "/v1/models/line"
    compact = trained.send("GET", path, 200)
    indented = trained.send("GET", path, 200, headers=CURL)
    zipped = trained.send("GET", path, 200, headers={**CURL, "Accept-Encoding": "gzip"})
    tags = [response.headers["ETag"] for response in (compact, indented, zipped)]
    tag = tags[0].strip('"')
    assert tags == [f'"{tag}"', f'"{tag}-pretty"', f'"{tag}-pretty-gzip"']
    assert "User-Agent" in compact.headers["Vary"]
    for known in tags:
        for asked, own in (({}, tags[0]), (CURL, tags[1]), ({**CURL, "Accept-Encoding": "gzip"}, tags[2])):
            same = trained.send("GET", path, 304, headers={**asked, "If-None-Match": known})
            assert same.headers["ETag"] == own
            assert "User-Agent" in same.headers["Vary"]
        trained.send("PATCH", path, 200, json={}, headers={"If-Match": known})


def test_a_parameter_that_is_neither_true_nor_false_is_a_fault(trained: ApiClient) -> None:
    for path in ("/v1/models", "/v1/models/line", "/v1/models/line/versions", "/v1/layer-types"):
        (fault,) = trained.get(f"{path}?pretty=yes", 400)["errors"]
        assert fault["parameter"] == "pretty"
    for query in ("pretty=1", "pretty=", "pretty=true&pretty=true"):
        problem: Any = trained.send("POST", f"{PREDICTIONS}?{query}", 400, json=INSTANCES).json
        assert problem["errors"][0]["parameter"] == "pretty"
    api_wide = trained.get("/healthz?pretty=true", 400)["errors"]
    assert api_wide[0]["parameter"] == "pretty"


def test_a_list_goes_on_as_it_began(api: ApiClient) -> None:
    for name in "ab":
        api.post("/v1/datasets", {"name": name, "source": "circles"}, 202, Prefer="wait=0")
    page = api.get("/v1/datasets?limit=1&pretty=true")
    assert is_indented(api.send("GET", page["next"], 200).text)
