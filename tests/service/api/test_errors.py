"""Every error is a problem that says what is wrong, where, and what would be right."""

import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from models.allowance import Allowance
from models.errors import AccuracyDrop, Diverged
from service.api.app import create_app
from service.api.front.app import Front
from service.api.http.errors import PROBLEM_TYPES, MalformedBody
from service.api.http.json_documents import parse_json
from service.api.http.problems import describe_failure
from service.context import Context
from service.operations.inference.predictions import PredictionService
from service.worker.failures import flatten
from tests.journeys.specs import LINE, LINE_DATASET, named
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.front_client import FrontClient

JSON = {"Content-Type": "application/json"}


def only_fault(problem: Any) -> Any:
    (fault,) = problem["errors"]
    return fault


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b"{", "line 1"),
        (b'{"a": "\xff"}', "UTF-8"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'{"a": NaN}', "line 1, column 7"),
        (b'{"a": Infinity}', "column 7"),
        (b'{"a": ' + b"9" * 5000 + b"}", "range of double precision"),
        (b'{"a": 1e999}', "range of double precision"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b"[" * 100 + b"]" * 100, "64 levels"),
        (b"[" * 50_000, "64 levels"),
        (b'{"a":' * 5000, "64 levels"),
        (b'{"name": 1, "name": 2}', '"name" twice'),
        (b'{"layers": [{"type": 1}, {"type": 1, "type": 2}]}', '"type" twice'),
    ],
)
def test_a_body_that_is_no_json_is_a_400_with_a_sentence(trained: ApiClient, body: bytes, says: str) -> None:
    for path in ("/v1/models", "/v1/models/line/predictions"):
        problem = trained.send("POST", path, 400, data=body, headers=JSON).json
        assert problem is not None
        assert problem["type"] == "/problems/malformed-body"
        assert says in problem["detail"]


def test_brackets_and_colons_within_strings_count_for_nothing() -> None:
    body = b'{"a": "[[[[{{{{::::\\"[[[[", "b": ["}}}}", "\\\\"], "[": 1}'
    assert parse_json(body, max_depth=2) == {"a": '[[[[{{{{::::"[[[[', "b": ["}}}}", "\\"], "[": 1}
    with pytest.raises(MalformedBody):
        parse_json(body, max_depth=1)


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"a": "' + rb"\"" * 500_000, "unexpected end"),
        (b'["' + rb"\\" * 500_000, "unexpected end"),
        (b'"' * 1_000_001, "unexpected content"),
        (b"[" * 999_000, "64 levels"),
        (b"{" + b",".join(b'"%d": 0' % number for number in [*range(50_000), *range(50_000)]) + b"}", '"0" twice'),
    ],
    ids=["quotes", "backslashes", "strings", "lists", "members"],
)
def test_a_hostile_body_is_refused_in_linear_time(body: bytes, says: str) -> None:
    with pytest.raises(MalformedBody, match=says):
        parse_json(body, max_depth=64)


def test_measuring_how_deep_a_body_nests_takes_a_few_times_its_memory() -> None:
    body = b"[" * 999_000
    tracemalloc.start()
    with pytest.raises(MalformedBody):
        parse_json(body, max_depth=64)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 6 * len(body)


def test_memory_is_reserved_for_the_widest_text_that_a_body_may_hold() -> None:
    flat = b'{"a": "%b"}'
    wide = ("\N{GRINNING FACE}".encode(), rb"\ud83d\ude00", "\N{LATIN SMALL LETTER E WITH ACUTE}".encode())
    for content, factor in ((b"a", 1), *((content, 4) for content in wide)):
        reserved: list[int] = []
        body = flat % (content + b"a" * 1000)
        parse_json(body, 64, Allowance(reserve=reserved.append))
        assert reserved[-1] == factor * len(body)
        # Nested objects are serialized again.
        body = b'{"b": %b}' % body
        parse_json(body, 64, Allowance(reserve=reserved.append))
        assert reserved[-2:] == [factor * len(body), len(body)]


def test_a_member_doubled_anywhere_is_found_among_others_with_its_name() -> None:
    for body in (
        b'[[[{"a": 1, "a": 2}]]]',
        b'{"instances": [[1, 2], {"x": 1, "y": 2, "x": 3}]}',
        b'{"instances": [{"x": 1}, {"x": 2}], "instances": []}',
    ):
        with pytest.raises(MalformedBody, match="twice"):
            parse_json(body, max_depth=64)
    assert parse_json(b'[[{"a": 1}], {"a": {"a": 1}}]', max_depth=64) == [[{"a": 1}], {"a": {"a": 1}}]


def test_a_body_deep_enough_but_not_too_deep_is_read() -> None:
    assert parse_json(b"[" * 64 + b"]" * 64, max_depth=64)
    assert parse_json(b'{"a": {"b": [{"c": 1}, {"c": 2}]}}', max_depth=64) == {"a": {"b": [{"c": 1}, {"c": 2}]}}


@pytest.mark.parametrize("body", [b"[]", b'[{"name": "a"}]', b'"text"', b"5", b"null", b"true"])
def test_a_body_that_is_no_object_is_refused(trained: ApiClient, body: bytes) -> None:
    for path in ("/v1/models", "/v1/datasets", "/v1/training-jobs", "/v1/models/line/predictions"):
        assert only_fault(trained.send("POST", path, 422, data=body, headers=JSON).json)["pointer"] == "#"


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/merge-patch+json"]
)
def test_another_content_type_or_none_is_a_415_that_names_the_right_one(
    api: ApiClient, content_type: str | None
) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    problem = api.send("POST", "/v1/models", 415, data=b"{}", headers=headers).json
    assert problem is not None
    assert "application/json" in problem["detail"]


def test_a_content_type_may_have_parameters(api: ApiClient) -> None:
    api.send("POST", "/v1/models", 422, data=b"{}", headers={"Content-Type": "application/json; charset=utf-8"})


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
def test_a_body_may_be_compressed(api: ApiClient, compress: Callable[[bytes], bytes]) -> None:
    headers = JSON | {"Content-Encoding": "gzip" if compress is gzip.compress else "deflate"}
    problem = api.send("POST", "/v1/models", 422, data=compress(b'{"nam": 1}'), headers=headers).json
    assert problem is not None
    assert "#/nam" in [fault["pointer"] for fault in problem["errors"]]
    whole = compress(b"{}")
    for data in (b"{}", whole[:-1], whole + b"x", b""):
        api.send("POST", "/v1/models", 400, data=data, headers=headers)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "x" * 5000])
def test_another_compression_is_a_415(api: ApiClient, encoding: str) -> None:
    for path, kind in (("/v1/models", "application/json"), ("/v1/datasets", "multipart/form-data; boundary=x")):
        headers = {"Content-Type": kind, "Content-Encoding": encoding}
        api.send("POST", path, 415, data=b"{}", headers=headers)


def test_a_compressed_body_is_a_413_when_it_unpacks_to_more_than_the_limit(api: ApiClient) -> None:
    headers = JSON | {"Content-Encoding": "gzip"}
    for path in ("/v1/models", "/v1/models/line/predictions"):
        api.send("POST", path, 413, data=gzip.compress(b" " * 100_001), headers=headers)
        api.send("POST", path, 413, data=gzip.compress(b" " * 50_000_000), headers=headers)
    api.send("POST", "/v1/models", 422, data=gzip.compress(b" " * 99_998 + b"{}"), headers=headers)


def test_a_body_over_the_limit_is_a_413(api: ApiClient) -> None:
    problem = api.send("POST", "/v1/models", 413, data=b" " * 100_001, headers=JSON).json
    assert problem is not None
    assert "100,000" in problem["detail"]


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "application/json;q=0"])
def test_a_client_that_takes_no_json_gets_a_406_and_nothing_happens(api: ApiClient, accept: str) -> None:
    api.send("POST", "/v1/datasets", 406, json=LINE_DATASET, headers={"Accept": accept})
    assert api.get("/v1/datasets")["items"] == []
    for path in ("/v1/datasets", "/v1/models/line", "/v1/layer-types"):
        api.get(path, 406, Accept=accept)


@pytest.mark.parametrize("accept", ["*/*", "application/*", "text/html, */*;q=0.1", "application/json", ""])
def test_a_client_that_takes_json_among_others_gets_it(api: ApiClient, accept: str) -> None:
    assert api.get("/v1/datasets", Accept=accept) == {"items": [], "next": None}


def test_unknown_paths_and_things_are_a_404(api: ApiClient) -> None:
    for path in (
        "/v1/nothing", "/v1/models/nobody", "/v1/datasets/nothing", "/v1/training-jobs/tj_0", "/v1/models/",
        "/v1/models/line/versions/1", "/v1/models/line/versions/0", "/v1/models/line/versions/latest",
        "/v1/models/line/versions/99999999999999999999", "/v1/models/line/labels/champion", "/problems/nothing",
        "/v1/datasets/nothing/rows", "/v1/training-jobs/tj_0/metrics", "/v1/training-jobs/tj_0/log",
        "/v1/models/line/labels/metadata", '/v1/models/a:"b', "/v1/models/a:b-c/summary",
    ):  # fmt: skip
        assert api.get(path, 404)["type"] == "/problems/not-found"


def test_a_method_that_is_not_possible_is_a_405_with_those_that_are(api: ApiClient) -> None:
    response = api.send("DELETE", "/v1/models", 405)
    assert {method.strip() for method in response.headers["Allow"].split(",")} == {"GET", "HEAD", "OPTIONS", "POST"}


def test_options_says_what_is_possible_and_head_is_get_without_a_body(api: ApiClient) -> None:
    assert "PATCH" in api.send("OPTIONS", "/v1/models/line", 200).headers["Allow"]
    response = api.send("HEAD", "/v1/models", 200)
    assert response.data == b""
    assert int(response.headers["Content-Length"]) > 0
    assert api.send("HEAD", "/v1/models/nobody", 404).data == b""


@pytest.mark.parametrize(
    ("query", "parameter", "more"),
    [
        ("limit=0", "limit", {}),
        ("limit=-1", "limit", {}),
        ("limit=ten", "limit", {}),
        ("limit=1.0", "limit", {}),
        ("limit=" + "9" * 5000, "limit", {}),
        ("limit=٥", "limit", {}),
        ("limit=1&limit=2", "limit", {}),
        ("cursor=garbage", "cursor", {}),
        ("cursor=WzVd", "cursor", {}),
        ("limt=5", "limt", {"did_you_mean": "limit"}),
        ("status=redy", "status", {"did_you_mean": "ready", "allowed": ["building", "ready", "failed"]}),
        ("sort=loss", "sort", {"allowed": ["-created_at", "created_at", "name", "-name"]}),
    ],
)
def test_faults_of_the_query_are_a_400_that_names_the_parameter(
    api: ApiClient, query: str, parameter: str, more: dict[str, Any]
) -> None:
    fault = only_fault(api.get(f"/v1/models?{query}", 400))
    assert fault["parameter"] == parameter
    assert more.items() <= fault.items()


def test_routes_without_a_query_refuse_every_parameter(api: ApiClient) -> None:
    for path in ("/v1/layer-types", "/healthz", "/v1/models/line/versions/1/weights"):
        assert only_fault(api.get(f"{path}?wait=5", 400))["parameter"] == "wait"
    api.delete("/v1/models/line?force=true", 400)
    assert only_fault(api.post("/v1/datasets?dry_run=true", LINE_DATASET, 400))["parameter"] == "dry_run"
    assert api.get("/v1/datasets")["items"] == []


def test_routes_with_a_query_refuse_parameters_that_it_does_not_have(api: ApiClient) -> None:
    assert only_fault(api.post("/v1/models?dry_run=maybe", LINE, expect=400))["parameter"] == "dry_run"
    assert only_fault(api.post("/v1/models?dryrun=true", LINE, expect=400))["did_you_mean"] == "dry_run"


@pytest.mark.parametrize(
    ("change", "pointer", "more"),
    [
        ({"epochs": None}, "#/epochs", {}),
        ({"epochs": True}, "#/epochs", {}),
        ({"epochs": 5.0}, "#/epochs", {}),
        ({"epochs": "5"}, "#/epochs", {}),
        ({"epochs": 0}, "#/epochs", {}),
        ({"epochs": 2**63}, "#/epochs", {}),
        ({"epochs": 1e30}, "#/epochs", {}),
        ({"shuffle": 1}, "#/shuffle", {}),
        ({"shuffle": "true"}, "#/shuffle", {}),
        ({"priority": 10}, "#/priority", {}),
        ({"execution": "grahp"}, "#/execution", {"did_you_mean": "graph", "allowed": ["auto", "graph", "compiled"]}),
        ({"early_stopping": True}, "#/early_stopping", {}),
        ({"early_stopping": {"patience": -1}}, "#/early_stopping/patience", {}),
        ({"early_stopping": {"patiense": 1}}, "#/early_stopping/patiense", {"did_you_mean": "patience"}),
        ({"early_stopping": {"min_delta": "0"}}, "#/early_stopping/min_delta", {}),
        ({"label": "Best one"}, "#/label", {}),
        ({"label": "stats"}, "#/label", {}),
        ({"batchsize": 8}, "#/batchsize", {"did_you_mean": "batch_size"}),
        ({"a/b~c d": 1}, "#/a~1b~0c%20d", {}),
        ({"class_wieghts": "balanced"}, "#/class_wieghts", {"did_you_mean": "class_weights"}),
    ],
)
def test_faults_of_the_content_are_a_422_with_pointers(
    api: ApiClient, change: dict[str, Any], pointer: str, more: dict[str, Any]
) -> None:
    fault = only_fault(api.post("/v1/training-jobs", TRAINING | change, expect=422))
    assert fault["pointer"] == pointer
    assert more.items() <= fault.items()


def test_every_fault_is_reported_at_once(api: ApiClient) -> None:
    problem = api.post("/v1/training-jobs", {"epochs": 0, "batch_sise": 8}, expect=422)
    assert {fault["pointer"] for fault in problem["errors"]} == {"#/model", "#/dataset", "#/epochs", "#/batch_sise"}


@pytest.mark.timeout(60)
def test_of_very_many_faults_a_hundred_are_reported(trained: ApiClient) -> None:
    many = {f"m{number}": 0 for number in range(5000)}
    for path in ("/v1/training-jobs", "/v1/models/line/predictions"):
        assert len(trained.post(path, many, expect=422)["errors"]) == 100


@pytest.mark.parametrize("name", ["", "_a", "-a", "a b", "a/b", "a:b", "a" * 129, "stats", "ä", "a\n", "a\0", 5])
def test_a_name_that_is_none_is_refused(api: ApiClient, name: Any) -> None:
    for path, document in (("/v1/models", LINE), ("/v1/datasets", LINE_DATASET)):
        pointers = {fault["pointer"] for fault in api.post(path, named(document, name), expect=422)["errors"]}
        assert pointers == {"#/name"}


def test_an_unforeseen_error_is_a_500_without_its_cause(context: Context) -> None:
    app = create_app(context)

    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("the secret cause")

    front = Front(context, PredictionService(context), app)
    response = ApiClient(FrontClient(front)).send("GET", "/broken", 500)
    assert "secret" not in response.text


def test_a_recorded_failure_keeps_the_further_members_of_its_error() -> None:
    recorded = flatten(AccuracyDrop("It predicts worse.", {"drop": 0.25}))
    problem = describe_failure(recorded)
    assert problem is not None
    assert (problem["figures"], problem["detail"]) == ({"drop": 0.25}, "It predicts worse.")
    assert "figures" not in (describe_failure(flatten(Diverged("The loss is NaN."))) or {})


def test_each_error_has_a_page(api: ApiClient) -> None:
    for problem in PROBLEM_TYPES.values():
        response = api.send("GET", problem.url, 200)
        assert response.mimetype == "text/html"
        assert str(problem.status) in response.text


def test_json_ends_with_a_line(api: ApiClient) -> None:
    for path, status in (("/v1/models", 200), ("/healthz", 200), ("/openapi.json", 200), ("/nowhere", 404)):
        response = api.send("GET", path, status)
        assert response.data.endswith(b"}\n")
        assert response.content_length == len(response.data)


def test_a_body_that_nests_too_deeply_is_not_said_to_be_no_json(api: ApiClient) -> None:
    response = api.send("POST", "/v1/models", 400, data="[" * 1000 + "]" * 1000, content_type="application/json")
    assert (response.json or {})["title"] == "The body is malformed"
