"""The api as a process of its own: light, without TensorFlow, and honest about its port and limits."""

import json
import signal
import socket
import struct
import subprocess
import sys
import threading
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import psutil
import requests

from tests.journeys.specs import LINE, LINE_DATASET, named
from tests.running_service import ROOT, wait_for
from tests.service.api.api_client import TRAINING
from tests.service.api.api_server import Server, running_api
from tests.service.api.fake_worker import FakeWorker

HEAVY = {"tensorflow", "keras", "polars", "sklearn", "PIL", "onnx_ir", "scipy"}


def test_a_job_over_real_http_in_a_process_that_stays_small(server: Server) -> None:
    with FakeWorker(server.context):
        assert server.post("/v1/datasets", LINE_DATASET).status_code == 201
        assert server.post("/v1/models", LINE).status_code == 201
        assert server.post("/v1/training-jobs", TRAINING, "wait=30").status_code == 201
    answer = server.post("/v1/models/line/predictions", {"instances": [[10.0]]})
    assert answer.json()["predictions"] == [{"value": 10.0}]
    (child,) = psutil.Process(server.process.pid).children()
    assert child.memory_full_info().pss < 130e6
    assert not [library.path for library in child.memory_maps() if "tensorflow" in library.path]


def test_a_body_over_the_limit_is_answered_with_and_without_a_length(server: Server) -> None:
    headers = {"Content-Type": "application/json"}
    for body in (b" " * 3_000_000, iter([b" " * 100_000] * 30), iter([b" " * 1_000_001])):
        response = requests.post(f"{server.url}/v1/models", data=body, headers=headers, timeout=30)
        assert response.status_code == 413
        assert response.headers["Content-Type"] == "application/problem+json"
    fitting = iter([json.dumps(named(LINE_DATASET, "fitting")).encode(), b" " * 900_000])
    response = requests.post(
        f"{server.url}/v1/datasets", data=fitting, headers=headers | {"Prefer": "wait=0"}, timeout=30
    )
    assert response.status_code == 202


def test_headers_may_be_as_long_as_the_document_says(server: Server) -> None:
    parameters = server.get("/openapi.json").json()["paths"]["/v1/models/{name}"]["get"]["parameters"]
    lengths = {each["name"]: each["schema"]["maxLength"] for each in parameters if each["in"] == "header"}
    assert set(lengths) == {"If-None-Match", "Prefer"}
    for name, longest in lengths.items():
        for length, status in ((longest, 404), (longest + 1, 431)):
            headers = {name: "x" * length}
            assert requests.get(f"{server.url}/v1/models/none", headers=headers, timeout=30).status_code == status


def test_a_moved_label_takes_effect_at_once_in_every_process(tmp_path: Path) -> None:
    path, label, body = "/v1/models/line/labels/best", {"version": 1}, {"instances": [[1.0]]}
    with running_api(tmp_path, api_processes=2) as server, FakeWorker(server.context):
        assert server.post("/v1/datasets", LINE_DATASET).status_code == 201
        assert server.post("/v1/models", LINE, "wait=20").status_code == 201
        for _ in range(2):
            assert server.post("/v1/training-jobs", TRAINING, "wait=30").status_code == 201
        for number in (1, 2, 1):
            label["version"] = number
            assert requests.put(server.url + path, json=label, timeout=30).ok
            found = {server.post(f"{path}/predictions", body).json()["version"] for _ in range(12)}
            assert found == {number}


def test_requests_follow_one_another_on_a_connection_and_each_answer_comes_whole(server: Server) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    address = server.url.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1])), timeout=30) as connection:
        for _ in range(5):
            connection.sendall(request)
            head, _, body = connection.recv(100_000).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert json.loads(body)
        connection.sendall(request * 2)
        received = b""
        while received.count(b"HTTP/1.1 200") < 2 or not received.endswith(b"}\n"):
            received += connection.recv(100_000)


def test_waiting_requests_and_clients_that_stand_still_do_not_hold_up_the_end(tmp_path: Path) -> None:
    answers: list[int] = []
    with running_api(tmp_path) as server, ExitStack() as stack:
        post = partial(server.post, "/v1/models", LINE, "wait=60")
        waiting = threading.Thread(target=lambda: answers.append(post().status_code))
        waiting.start()
        wait_for(lambda: server.get("/v1/models/line").status_code == 200, what="the model")
        for _ in range(4):
            stack.enter_context(connect(server)).sendall(b"GET /healthz HTT")
        assert server.get("/healthz").status_code == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(15) == 0
        waiting.join(15)
    assert answers == [202]


def connect(server: Server) -> socket.socket:
    return socket.create_connection(server.address, timeout=30)


HEADERS = b"POST /v1/models HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def test_clients_that_stand_still_are_given_up(tmp_path: Path) -> None:
    with running_api(tmp_path, client_timeout_seconds=1) as server:
        for beginning in (b"", b"GET /healthz HTT", HEADERS + b"Content-Length: 50\r\n\r\n{"):
            with ExitStack() as stack:
                for _ in range(20):
                    stack.enter_context(connect(server)).sendall(beginning)
                assert server.get("/healthz").status_code == 200
        assert server.post("/v1/models", LINE, "wait=0").status_code == 202


def test_broken_chunks_are_a_400_and_the_last_of_their_connection(server: Server) -> None:
    for path in (b"/v1/models", b"/v1/models/line/predictions", b"/v1/models/line:predict", b"/v2/models/line/infer"):
        for chunks in (b"zz\r\n{}\r\n0\r\n\r\n", b"-2\r\n{}\r\n0\r\n\r\n", b"2\r\n{}X0\r\n\r\n"):
            with connect(server) as connection, connection.makefile("rb") as answer:
                head = HEADERS.replace(b"/v1/models", path) + b"Transfer-Encoding: chunked\r\n\r\n"
                connection.sendall(head + chunks)
                received = answer.read()
            assert received.startswith(b"HTTP/1.1 400 ")
            assert b"chunked encoding" in received


def test_a_client_that_resets_its_connection_is_no_error_of_the_service(tmp_path: Path) -> None:
    with running_api(tmp_path) as server:
        connection = connect(server)
        connection.sendall(
            HEADERS.replace(b"/v1/models", b"/v1/models/line/predictions") + b"Content-Length: 50\r\n\r\n{"
        )
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        assert server.get("/healthz").status_code == 200
    assert not [line for line in server.log if "Traceback" in line or "unexpected error" in line]


def loaded_after(code: str) -> set[str]:
    """The modules that a fresh process has loaded after running some code."""
    code += "; import sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_an_app_loads_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from service.api.app import create_app; from service.config import Settings; "
        "from service.context import Context; "
        f"create_app(Context.from_settings(Settings(data_dir=Path({str(tmp_path)!r}))))"
    )
    assert not HEAVY & loaded_after(code)


def test_the_process_that_forks_does_not_load_onnx_runtime() -> None:
    assert "onnxruntime" not in loaded_after("import service.api.server")
