"""Plain predictions are answered in front of Flask, byte for byte as Flask would answer them."""

import socket
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask import Flask, request
from werkzeug.test import TestResponse

from service.api import direct_predictions
from tests.journeys.specs import LINE, LINE_DATASET
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.api_server import Server, running_api
from tests.service.api.fake_worker import FakeWorker

NATIVE, SERVING, V2 = "/v1/models/line/predictions", "/v1/models/line:predict", "/v2/models/line/infer"
TENSOR = {"name": "input", "datatype": "FP32", "shape": [2, 1], "data": [10, -2.5]}
BINARY = {**{name: TENSOR[name] for name in ("name", "datatype", "shape")}, "parameters": {"binary_data_size": 8}}
HEADER = orjson.dumps(
    {"id": "7", "inputs": [BINARY], "outputs": [{"name": "output", "parameters": {"binary_data": True}}]}
)
LENGTH = {"Inference-Header-Content-Length": str(len(HEADER))}
SINGULAR = ("X-Request-ID", "Date")

Send = Callable[..., TestResponse]


@pytest.fixture
def send(trained: ApiClient) -> Send:
    """Posts a body, JSON unless it says otherwise."""

    def post(path: str, body: Any, **headers: str) -> TestResponse:
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        given = {"Content-Type": "application/json", **{name.replace("_", "-"): headers[name] for name in headers}}
        return trained.http.post(path, data=content, headers=given, buffered=True)

    return post


@pytest.fixture
def passed_on(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the requests that came to Flask."""
    paths: list[str] = []
    original = app.full_dispatch_request

    def note() -> Any:
        paths.append(request.path)
        return original()

    monkeypatch.setattr(app, "full_dispatch_request", note)
    return paths


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        (NATIVE, {"instances": [[10], [-2.5]]}, {}, 200),
        ("/v1/models/line/versions/1/predictions", {"instances": [[10]]}, {"Accept": "*/*"}, 200),
        (NATIVE, {"instances": [[10]] * 50}, {"Accept-Encoding": "gzip, deflate"}, 200),
        (NATIVE, {"instances": [[10]] * 50}, {"Accept-Encoding": "identity"}, 200),
        (NATIVE, {"instances": [[10]]}, {"Accept-Encoding": "gzip"}, 200),
        (NATIVE, {"instances": [[10], ["x"]]}, {}, 422),
        (NATIVE, b'{"instances": [[1', {}, 400),
        (NATIVE, b" ", {}, 400),
        ("/v1/models/nobody/predictions", {"instances": [[1]]}, {}, 404),
        ("/v1/models/line/versions/9/predictions", {"instances": [[1]]}, {}, 404),
        ("/v1/models/line/labels/none/predictions", {"instances": [[1]]}, {}, 404),
        (SERVING, {"instances": [[10], [-2.5]]}, {}, 200),
        ("/v1/models/line/versions/1:predict", {"inputs": [[10]]}, {"Content-Type": "text/plain"}, 200),
        (SERVING, {"instances": [["x"]]}, {}, 400),
        ("/v1/models/line/versions/9:predict", {"instances": [[10]]}, {}, 404),
        (V2, {"inputs": [TENSOR]}, {}, 200),
        (V2, HEADER + b"\0\0\x80\x3f\0\0\0\x40", LENGTH, 200),
        (V2, {"inputs": [{**TENSOR, "shape": [3, 1]}]}, {}, 400),
        (V2, HEADER + b"\0\0\x80\x3f", LENGTH, 400),
    ],
)
def test_the_answer_is_the_one_that_flask_gives(
    send: Send, passed_on: list[str], path: str, body: Any, headers: dict[str, str], status: int
) -> None:
    direct = send(path, body, **headers)
    assert passed_on == ([] if status == HTTPStatus.OK else [path])
    usual = send(f"{path}?scores=true" if path.endswith("predictions") else f"{path}?any=thing", body, **headers)
    assert passed_on[-1] == path
    assert (direct.status_code, usual.status_code) == (status, status)
    for response in (direct, usual):
        for name in SINGULAR:
            response.headers.pop(name, None)
    assert sorted(direct.headers.items()) == sorted(usual.headers.items())
    if direct.mimetype == "application/problem+json":
        documents = [response.json for response in (direct, usual)]
        assert all(document is not None and document.pop("request_id") for document in documents)
        assert documents[0] == documents[1]
    else:
        assert direct.get_data() == usual.get_data()


@pytest.mark.parametrize(
    "options",
    [
        {"query_string": "top=1"},
        {"content_type": "application/json; charset=utf-8"},
        {"content_type": "text/csv"},
        {"headers": {"Accept": "text/html"}},
        {"headers": {"Content-Encoding": "gzip"}},
        {"headers": {"Transfer-Encoding": "chunked"}},
        {"environ_overrides": {"CONTENT_LENGTH": "100001"}},
        {"environ_overrides": {"CONTENT_LENGTH": "+23"}},
        {"method": "PUT"},
        {"method": "OPTIONS"},
        {"path": "/v1/models/line/predictions/"},
        {"path": "/V1/models/line/predictions"},
    ],
)
def test_whatever_asks_for_more_is_left_to_flask(
    trained: ApiClient, passed_on: list[str], options: dict[str, Any]
) -> None:
    given = {"path": NATIVE, "method": "POST", "data": b'{"instances": [[1]]}', "content_type": "application/json"}
    trained.http.open(**{**given, **options})
    assert len(passed_on) == 1


def test_a_body_that_was_cut_off_is_a_400(trained: ApiClient) -> None:
    cut_off = {"data": b'{"instances": [[1]]}', "environ_overrides": {"CONTENT_LENGTH": "50"}}
    trained.send("POST", NATIVE, 400, content_type="application/json", **cut_off)


def test_an_error_nobody_foresaw_is_a_500_with_its_request_id(
    trained: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr(direct_predictions, "answer", fail)
    problem = trained.post(NATIVE, {"instances": [[1]]}, expect=500)
    assert "out of order" not in orjson.dumps(problem).decode()


def test_one_connection_goes_on_after_errors_and_other_routes(tmp_path: Path) -> None:
    with running_api(tmp_path) as server, FakeWorker(server.context):
        train_line(server)
        address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        with socket.create_connection(address, timeout=20) as connection, connection.makefile("rb") as answers:
            for path, body, status in (
                (NATIVE, b'{"instances": [[1]]}', 200),
                (NATIVE, b'{"instances": [["x"]]}', 422),
                (f"{NATIVE}?top=1", b'{"instances": [[1]]}', 400),
                ("/v1/models/line/prediction", b"{}", 404),
                (V2, orjson.dumps({"inputs": [TENSOR]}), 200),
                (NATIVE, b'{"instances": [%b]}' % b",".join([b"[1.25]"] * 12_000), 200),
                (NATIVE, b'{"instances": [[1]]}', 200),
            ):
                assert ask(connection, answers, path, body) == status


def train_line(server: Server) -> None:
    assert server.post("/v1/datasets", LINE_DATASET).status_code == 201
    assert server.post("/v1/models", LINE, "wait=20").status_code == 201
    assert server.post("/v1/training-jobs", TRAINING, "wait=30").status_code == 201


def ask(connection: socket.socket, answers: Any, path: str, body: bytes) -> int:
    """Post on a connection, read the whole answer; its status."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    status = int(answers.readline().split()[1])
    length = 0
    while line := answers.readline().strip():
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    assert len(answers.read(length)) == length
    return status
