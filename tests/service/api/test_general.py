"""What all routes have in common, asked of each of them over real HTTP."""

import gzip
import json
import socket
from collections.abc import Iterator
from http.client import HTTPResponse
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from werkzeug.routing import Rule

from service.api.app import create_app
from service.api.inference.errors import speaks_dialect
from tests.journeys.specs import LINE, LINE_DATASET
from tests.running_service import wait_for
from tests.service.api.api_client import TRAINING
from tests.service.api.api_server import running_api
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.heartbeats import HERE, beat_ahead

ANSWERED_ANEW = {"date", "x-request-id", "transfer-encoding", "content-length"}
"""Headers that differ between two answers; HEAD may leave out the length that a compressed answer would have."""
OWN_FORMATS = ("/", "/docs", "/openapi.json", "/openapi.yaml", "/problems/not-found")
"""Pages and documents that have one form, whatever the client accepts."""
MEASURED = ("/metrics", "/readyz")
"""What is never the same twice."""
ELSEWHERE = ("/static", "/docs/assets", "/ui")
"""Files, and pages that a browser's cookie opens; their tests are in tests/ui."""
OF_CLASSES = ("/confusion", "/roc")
"""Pictures of evaluations of classes; `line` is a regression."""
ONNX = "/v1/models/line/versions/1/artifacts/onnx"


class Service(SimpleNamespace):
    """An api in a process of its own, with one of each resource."""

    url: str
    rules: list[Rule]
    arguments: dict[str, Any]
    key: str
    log: list[str]

    def send(self, method: str, path: str, expect: int | None = None, **headers: str) -> requests.Response:
        named = (
            {"Accept-Encoding": "identity"}
            | self.authorization
            | {name.replace("_", "-"): value for name, value in headers.items()}
        )
        response = requests.request(method, self.url + path, headers=named, timeout=30)
        assert expect is None or response.status_code == expect, f"{method} {path}: {response.text}"
        return response

    @property
    def authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def paths(self, method: str) -> list[str]:
        """The path of every route of Fitserve's own that takes the method, leading to something that is there."""
        rules = [rule for rule in self.rules if method in (rule.methods or ())]
        return [
            path for path in map(self._path, rules) if not path.startswith(ELSEWHERE) and not path.endswith(OF_CLASSES)
        ]

    def _path(self, rule: Rule) -> str:
        built = rule.build({name: self.arguments[name] for name in rule.arguments})
        assert built is not None
        return built[1]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_api(tmp_path_factory.mktemp("service")) as server, FakeWorker(server.context) as worker:
        worker.takes_snapshots = True
        assert server.post("/v1/datasets", LINE_DATASET).status_code == 201
        assert server.post("/v1/models", LINE, "wait=20").status_code == 201
        works = {"model": "line", "dataset": "line", "split": "train"}
        ids = {
            kind: server.post(f"/v1/{kind}", body, "wait=30").json()["id"]
            for kind, body in (("training-jobs", TRAINING), ("evaluations", works), ("batch-predictions", works))
        }
        variant = server.post("/v1/models/line/versions/1/variants", {"type": "int8"}, "wait=30").json()
        requests.put(f"{server.url}/v1/models/line/labels/best", json={"version": 1}, timeout=30).raise_for_status()
        assert server.post("/v1/projects", {"name": "line"}).status_code == 201
        beat_ahead(server.context)
        key = server.post("/v1/api-keys", {"name": "test", "scopes": ["admin"]}).json()
        rules = [rule for rule in create_app(server.context).url_map.iter_rules() if not _is_dialect(rule)]
        arguments = {
            "name": "line", "version": 1, "label": "best", "format": "onnx", "code": "not-found",
            "activation": "relu",
            "job_id": ids["training-jobs"], "evaluation_id": ids["evaluations"],
            "batch_prediction_id": ids["batch-predictions"], "variant": "int8", "variant_job_id": variant["id"],
            "key_id": key["id"], "worker_id": HERE, "filename": "docs.js",
        }  # fmt: skip
        yield Service(url=server.url, rules=rules, arguments=arguments, key=key["key"], log=server.log)


def _is_dialect(rule: Rule) -> bool:
    return rule.rule.startswith("/v2") or ":" in rule.rule.replace("<number:", "<") or speaks_dialect(rule.rule)


def find_line(log: list[str], request_id: str) -> str | None:
    """The line of the log about a request."""
    return next((line for line in log if f"request_id={request_id}" in line), None)


def allowed(response: requests.Response) -> set[str]:
    return {method.strip() for method in response.headers["Allow"].split(",")}


def test_options_and_405_say_what_is_possible_everywhere(service: Service) -> None:
    methods: dict[str, set[str]] = {}
    for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"):
        for path in service.paths(method):
            methods.setdefault(path, set()).add(method)
    assert len(methods) > 30
    for path, possible in methods.items():
        options = service.send("OPTIONS", path, 200)
        assert allowed(options) == possible, path
        assert (options.content, options.headers.get("Content-Type")) == (b"", None), path
        for method in {"POST", "PUT", "PATCH", "DELETE"} - possible:
            refused = service.send(method, path, 405)
            assert allowed(refused) == possible, path
            assert refused.json()["type"] == "/problems/method-not-allowed"


def test_head_is_get_without_the_body_everywhere(service: Service) -> None:
    for path in service.paths("GET"):
        for coding in ("identity", "gzip"):
            found, head = (service.send(method, path, 200, Accept_Encoding=coding) for method in ("GET", "HEAD"))
            assert head.content == b""
            anew = {*ANSWERED_ANEW, "etag"} if path in MEASURED else ANSWERED_ANEW
            for name in {name.lower() for name in (*found.headers, *head.headers)} - anew:
                assert found.headers.get(name) == head.headers.get(name), f"{name} of {path}"


def test_every_answer_says_how_it_may_be_kept_and_whose_it_is(service: Service) -> None:
    for path in service.paths("GET"):
        found = service.send("GET", path, 200, X_Request_ID="mine")
        # Browsers load pictures with the cookie of the dashboard, which caches between them don't know as credentials.
        assert found.headers["Cache-Control"] in ("no-cache", "no-store", "private, no-cache"), path
        assert found.headers["X-Request-ID"] == "mine"
        assert found.headers["X-Content-Type-Options"] == "nosniff"


def test_every_get_has_a_strong_etag_that_saves_sending_it_again_compressed_or_not(service: Service) -> None:
    for path in set(service.paths("GET")) - set(MEASURED):
        whole = service.send("GET", path, 200)
        compressed = service.send("GET", path, 200, Accept_Encoding="gzip")
        assert compressed.content == whole.content, path
        assert {"Accept", "Accept-Encoding"} <= set(whole.headers["Vary"].split(", ")), path
        tag, other = whole.headers["ETag"], compressed.headers["ETag"]
        assert tag.startswith('"')
        is_small_or_no_text = len(whole.content) <= 500 or "Content-Disposition" in whole.headers
        if is_small_or_no_text or "Transfer-Encoding" in whole.headers:
            assert "Content-Encoding" not in compressed.headers, path
            assert other == tag
        else:
            assert compressed.headers["Content-Encoding"] == "gzip", path
            assert int(compressed.headers["Content-Length"]) < len(whole.content)
            assert other == f'{tag[:-1]}-gzip"'
        for known in (tag, f'{tag[:-1]}-gzip"', f"W/{tag}", f'"x", {tag}', "*"):
            for coding, expected in (("identity", tag), ("gzip", other)):
                unsent = service.send("GET", path, 304, If_None_Match=known, Accept_Encoding=coding)
                assert unsent.headers["ETag"] == expected, path
                assert unsent.headers["Vary"] == whole.headers["Vary"]
                assert "Cache-Control" in unsent.headers
                assert not {"Content-Encoding", "Content-Length", "Content-Type"} & set(unsent.headers)


def test_a_client_that_takes_none_of_the_types_gets_a_406_everywhere(service: Service) -> None:
    for path in service.paths("GET"):
        if path not in OWN_FORMATS:
            assert service.send("GET", path, 406, Accept="audio/flac").json()["type"] == "/problems/not-acceptable"
    for method in ("POST", "PATCH", "PUT"):
        for path in service.paths(method):
            service.send(method, path, 406, Accept="audio/flac", Content_Type="application/json")


def test_bodies_of_another_type_or_too_large_are_refused_everywhere(service: Service) -> None:
    for method in ("POST", "PATCH", "PUT"):
        for path in service.paths(method):
            assert service.send(method, path, 415, Content_Type="audio/flac").json()["type"].endswith("media-type")
            headers = service.authorization | {"Content-Type": "application/json"}
            response = requests.request(method, service.url + path, data=b" " * 1_000_001, headers=headers)
            assert response.status_code == 413, path
            assert response.headers["Content-Type"] == "application/problem+json"


def test_a_connection_goes_on_unless_the_answer_says_that_it_ends(service: Service) -> None:
    headers = service.authorization | {"Content-Type": "application/json"}
    with requests.Session() as session:
        for size, status in ((1_000_001, 413), (17_000_000, 413), (10, 400), (50_000, 400)):
            for body in (b" " * size, iter([b" " * size])):
                refused = session.post(f"{service.url}/v1/models", data=body, headers=headers, timeout=30)
                assert refused.status_code == status
                if "Content-Length" in refused.request.headers:
                    assert refused.headers.get("Connection") == ("close" if size > 16 * 2**20 else None)
                assert session.get(f"{service.url}/healthz", timeout=30).status_code == 200
        missing = session.post(f"{service.url}/v1/nothing", data=b" " * 50_000, headers=headers, timeout=30)
        assert "Connection" not in missing.headers
        assert session.get(f"{service.url}/healthz", timeout=30).status_code == 200


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"),
        ("deflate, GZIP;q=0.5", "gzip"),
        ("*", "gzip"),
        ("identity;q=0.5, gzip", "gzip"),
        ("gzip;q=0.5, identity", None),
        ("gzip;q=0", None),
        ("br, zstd", None),
        ("identity", None),
        ("", None),
    ],
)
def test_the_client_says_whether_an_answer_is_compressed(service: Service, accepted: str, encoding: str | None) -> None:
    compressed = service.send("GET", "/v1/layer-types", 200, Accept_Encoding=accepted)
    assert compressed.headers.get("Content-Encoding") == encoding
    assert "Accept-Encoding" in compressed.headers["Vary"]


def test_predictions_and_problems_are_compressed_from_500_bytes_on(service: Service) -> None:
    def post(body: Any, **options: Any) -> requests.Response:
        url = f"{service.url}/v1/models/line/predictions"
        return requests.post(url, json=body, headers=service.authorization, timeout=30, **options)

    for rows, encoding in ((1, None), (100, "gzip")):
        found = post({"instances": [[1.0]] * rows})
        assert len(found.json()["predictions"]) == rows
        assert found.headers.get("Content-Encoding") == encoding
    problem = post({"instances": [["x"]] * 100})
    assert problem.status_code == 422
    assert problem.headers["Content-Encoding"] == "gzip"
    assert problem.headers["Vary"] == "Accept-Encoding"
    assert len(problem.json()["errors"]) > 1
    raw = post({"instances": [[1.0]] * 100}, stream=True).raw
    assert len(gzip.decompress(raw.read(decode_content=False))) > 500


def test_the_next_page_of_a_compressed_list_is_linked(service: Service) -> None:
    found = service.send("GET", "/v1/dataset-sources", 200, Accept_Encoding="gzip")
    assert found.headers["Content-Encoding"] == "gzip"
    page = service.send("GET", f"/v1/training-jobs/{service.arguments['job_id']}/events?limit=5", 200)
    assert page.headers["Link"] == f'<{page.json()["next"]}>; rel="next"'


@pytest.mark.parametrize(
    ("asked", "first", "length"),
    [("bytes=0-9", 0, 10), ("bytes=-5", -5, 5), ("bytes=130-", 130, None), ("bytes=0-99999", 0, None)],
)
def test_a_range_of_a_file_is_sent_alone(service: Service, asked: str, first: int, length: int | None) -> None:
    whole = service.send("GET", ONNX, 200)
    for conditions in ({}, {"If_Range": whole.headers["ETag"]}, {"If_None_Match": '"other"'}):
        part = service.send("GET", ONNX, 206, Range=asked, Accept_Encoding="gzip", **conditions)
        assert part.content == whole.content[first:][:length]
        assert part.headers["Content-Range"].endswith(f"/{len(whole.content)}")
        assert part.headers["ETag"] == whole.headers["ETag"]
        assert part.headers["Vary"] == whole.headers["Vary"]
        assert "Content-Encoding" not in part.headers


@pytest.mark.parametrize("asked", ["lines=0-1", "bytes=0-1,4-5", "bytes=abc", "bytes=9-3", "bytes", "0-5"])
def test_a_range_that_makes_no_sense_is_ignored(service: Service, asked: str) -> None:
    whole = service.send("GET", ONNX, 200)
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert service.send("GET", ONNX, 200, Range=asked).content == whole.content


def test_a_range_is_of_the_file_that_the_client_knows(service: Service) -> None:
    tag = service.send("GET", ONNX, 200).headers["ETag"]
    for other in ('"other"', f"W/{tag}", "Sat, 01 Jan 2050 00:00:00 GMT"):
        service.send("GET", ONNX, 200, Range="bytes=0-9", If_Range=other)
    service.send("GET", ONNX, 304, Range="bytes=0-9", If_None_Match=tag)
    service.send("HEAD", ONNX, 200, Range="bytes=0-9")
    beyond = service.send("GET", ONNX, 416, Range="bytes=99999-")
    assert beyond.headers["Content-Range"].startswith("bytes */")
    assert beyond.json()["type"] == "/problems/range-not-satisfiable"
    assert service.send("GET", ONNX, 200, If_Modified_Since="Sat, 01 Jan 2050 00:00:00 GMT").content


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (b"GET /v1/models?cursor=" + b"x" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414, "uri-too-long"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 9000 + b"\r\n\r\n", 431, "headers-too-large"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: x\r\n" * 101 + b"\r\n", 431, "headers-too-large"),
        (b"nonsense\r\n\r\n", 400, "bad-request"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nbad header: x\r\n\r\n", 400, "bad-request"),
    ],
)
def test_what_is_no_request_yet_is_answered_with_a_problem_too(
    service: Service, request_: bytes, status: int, code: str
) -> None:
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(request_)
        answer = HTTPResponse(connection)
        answer.begin()
        assert answer.status == status
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers.get("Connection") == ("close" if status == 400 else None)
        assert answer.headers["Cache-Control"] == "no-store"
        problem = json.loads(answer.read())
    assert problem["type"] == f"/problems/{code}"
    assert problem["status"] == status
    assert problem["error"] == problem["detail"]
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    # A request without a method or path that could be read has a line, too.
    line = wait_for(lambda: find_line(service.log, problem["request_id"]), what="the line of the request in the log")
    assert f"status={status}" in line
    assert service.send("GET", problem["type"], 200).headers["Content-Type"].startswith("text/html")


def test_a_url_of_eight_thousand_characters_is_read(service: Service) -> None:
    fault = service.send("GET", f"/v1/models?{'x' * 8000}=1", 400).json()
    assert fault["type"] == "/problems/invalid-query"
