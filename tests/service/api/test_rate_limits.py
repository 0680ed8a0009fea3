"""Rate limits: what a caller may send per window, what responses say about it, and what happens beyond it."""

import asyncio
import os
import re
import socket
import time
from dataclasses import replace
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from werkzeug.test import TestResponse

from service.api.contract.openapi import PATH
from service.api.front import rate_windows
from service.api.front.rate_limits import QUERY_SECONDS, RedisCounter
from service.api.front.rate_windows import SharedWindows
from service.context import Context
from tests.journeys.specs import LINE_DATASET
from tests.redis_server import RedisServer
from tests.running_service import wait_for
from tests.service.api.api_client import ApiClient
from tests.service.api.api_server import Server, running_api
from tests.service.api.front_client import FrontClient
from tests.service.api.shared_routes import make_front

FIELD = re.compile(r'"(predict|read|write)";r=(\d+);t=(\d+)')
ROW = {"instances": [[1.0]]}
PREDICTIONS = (
    "/v1/models/line/predictions", "/v1/models/line/versions/1/predictions", "/v1/models/line:predict",
    "/v1/training-jobs/tj_1/snapshots/latest/predictions",
)  # fmt: skip


def client(context: Context, limits: str, **settings: Any) -> ApiClient:
    """A client of an api with these rate limits."""
    changed = replace(context.settings, rate_limits=limits, **settings)
    return ApiClient(FrontClient(make_front(replace(context, settings=changed))))


def read_limit(response: TestResponse | requests.Response) -> tuple[str, int, int]:
    """The class, the remaining requests and the seconds of the header."""
    match = FIELD.fullmatch(response.headers["RateLimit"])
    assert match is not None, response.headers["RateLimit"]
    return match[1], int(match[2]), int(match[3])


def test_responses_tell_the_limit_and_what_is_left_of_it(context: Context) -> None:
    api = client(context, "read=2/minute")
    for left in (1, 0):
        response = api.send("GET", "/v1/models", 200)
        assert response.headers["RateLimit-Policy"] == '"read";q=2;w=60'
        assert read_limit(response) == ("read", left, 60)


def test_a_request_beyond_the_limit_is_refused_and_told_when_to_retry(context: Context) -> None:
    api = client(context, "write=1/hour")
    api.post("/v1/datasets", LINE_DATASET, 202, Prefer="wait=0")
    response = api.send("POST", "/v1/models", 429, json={"name": "never-read"})
    assert response.json is not None
    assert response.json["type"] == "/problems/rate-limited"
    assert 'At most 1 requests of the class "write" are allowed per 3,600 seconds.' in response.json["detail"]
    assert int(response.headers["Retry-After"]) == read_limit(response)[2] > 3590
    api.get("/v1/models")


def test_a_new_window_begins_when_one_has_ended(context: Context) -> None:
    api = client(context, "read=1/second")
    api.get("/v1/models")
    api.get("/v1/models", 429)

    def is_answered() -> bool:
        return api.http.get("/v1/models").status_code == 200

    wait_for(is_answered, what="the next window")


def test_predictions_of_every_protocol_count_as_one_class(trained: ApiClient, context: Context) -> None:
    api = client(context, "predict=3/minute")
    for path in PREDICTIONS[:3]:
        api.post(path, ROW, 200)
    for path in PREDICTIONS:
        response = api.http.post(path, json=ROW)
        assert (response.status_code, read_limit(response)[:2]) == (429, ("predict", 0))
    api.get("/v1/models/line")


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/models/line:predict"), ("POST", "/v2/models/line/infer")])
def test_other_protocols_get_a_refusal_in_their_own_form(context: Context, method: str, path: str) -> None:
    api = client(context, "predict=1/minute")
    api.http.open(path, method=method, json=ROW)
    response = api.http.open(path, method=method, json=ROW)
    assert (response.status_code, response.mimetype) == (429, "application/json")
    assert response.json is not None
    assert list(response.json) == ["error"]
    assert int(response.headers["Retry-After"]) > 0


def test_pages_and_probes_have_no_limit(context: Context) -> None:
    api = client(context, "predict=1/hour,read=1/hour,write=1/hour")
    for path in ("/", "/docs", "/openapi.json", "/problems/rate-limited", "/healthz", "/readyz", "/v2/health/live"):
        for _ in range(2):
            response = api.http.get(path)
            assert response.status_code in (200, 503), path
            assert "RateLimit" not in response.headers


def test_without_limits_responses_dont_mention_them(api: ApiClient) -> None:
    response = api.send("GET", "/v1/models", 200)
    assert not {"RateLimit", "RateLimit-Policy"} & set(response.headers)


def test_each_key_has_a_limit_of_its_own(context: Context) -> None:
    api = client(context, "read=1/hour")
    first = api.post("/v1/api-keys", {"name": "first", "scopes": ["admin"]})["key"]
    second = api.post("/v1/api-keys", {"name": "second", "scopes": ["read"]}, Authorization=f"Bearer {first}")["key"]
    for key in (first, second):
        for status in (200, 429):
            api.get("/v1/models", status, Authorization=f"Bearer {key}")


def test_every_limited_operation_documents_the_refusal_and_the_headers() -> None:
    document = yaml.load(PATH.read_text(encoding="utf-8"), yaml.CSafeLoader)
    for path, item in document["paths"].items():
        for method in set(item) & {"get", "post", "put", "patch", "delete"}:
            responses = item[method]["responses"]
            is_limited = path not in ("/healthz", "/readyz", "/metrics") and not path.startswith("/v2/health/")
            assert ("429" in responses) == is_limited, (method, path)
            for status, response in responses.items():
                if status.startswith("2"):
                    assert ({"RateLimit", "RateLimit-Policy"} <= set(response["headers"])) == is_limited, (method, path)


def get_from(address: str, server: Server) -> int:
    """The status of a response to a client with this address."""
    with socket.create_connection(server.address, timeout=20, source_address=(address, 0)) as connection:
        connection.sendall(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = HTTPResponse(connection)
        answer.begin()
        return answer.status


def test_all_processes_count_together_what_a_client_address_sends(tmp_path: Path) -> None:
    limit = 20
    with running_api(tmp_path, api_processes=2, rate_limits=f"read={limit}/hour") as server:
        # Each request has a connection of its own, so that the processes share them.
        responses = [server.get("/v1/models") for _ in range(limit + 6)]
        assert get_from("127.0.0.2", server) == 200
    assert [response.status_code for response in responses] == [200] * limit + [429] * 6
    assert [read_limit(response)[1] for response in responses[:limit]] == list(reversed(range(limit)))


def test_forked_processes_count_in_one_window() -> None:
    windows = SharedWindows(2)
    child = os.fork()
    if not child:
        windows.join()
        os._exit(windows.incr("key", 60, 3) != 3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    windows.join()
    assert windows.get("key") == 3
    assert windows.incr("key", 60) == 4
    assert 59 < windows.get_expiry("key") - time.time() <= 60
    windows.clear("key")
    assert windows.incr("key", 60) == 1


def test_a_process_beyond_the_expected_ones_counts_alone() -> None:
    windows = SharedWindows(1)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        windows.join()
        windows.incr("key", 60)
        os.read(reader, 1)
        os._exit(0)
    try:
        wait_for(lambda: windows.get("key") == 1, what="the other process to count")
        windows.join()
        assert windows.incr("key", 60) == 1
    finally:
        os.write(writer, b"x")
        os.waitpid(child, 0)
        os.close(reader)
        os.close(writer)


def test_the_window_that_ends_first_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_windows, "ROWS", rate_windows.PROBES + 1)  # every key has the same rows
    windows = SharedWindows(1)
    windows.join()
    for number in range(rate_windows.PROBES):
        windows.incr(f"key {number}", 60 + number)
    windows.incr("another", 60)
    assert [windows.get(f"key {number}") for number in range(rate_windows.PROBES)] == [0] + [1] * 7
    assert windows.get("another") == 1


def test_hosts_count_together_in_redis(tmp_path: Path) -> None:
    async def count() -> None:
        hosts = [RedisCounter(url), RedisCounter(url)]
        found = [await host.count("key", 60, 10) for host in hosts]
        assert [counted[0] for counted in found if counted is not None] == [1, 2]
        assert all(59 <= counted[1] <= 60 for counted in found if counted is not None)
        for host in hosts:
            await host.close()

    with RedisServer(tmp_path) as server:
        url = server.url
        asyncio.run(count())


def test_requests_pass_while_redis_is_away_and_count_again_once_it_is_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def count_until_it_is_back() -> None:
        counter = RedisCounter(server.url)
        began = time.monotonic()
        assert [await counter.count("key", 60, 10) for _ in range(3)] == [None] * 3
        assert time.monotonic() < began + 2 * QUERY_SECONDS
        assert capsys.readouterr().out.count("rate limits don't apply") == 1
        with server:
            while (counted := await counter.count("key", 60, 10)) is None:
                assert time.monotonic() < began + 30
                await asyncio.sleep(0.05)
            assert counted[0] == 1
            await counter.close()
        assert "rate limits apply again" in capsys.readouterr().out

    server = RedisServer(tmp_path)
    asyncio.run(count_until_it_is_back())
