"""The lines of the api's log: one for each request, or one for many alike."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from service.api.front.access_log import MOST_GROUPS, AccessLog
from service.api.front.app import Front
from service.api.front.request import Request
from service.callers import Caller, Scope
from service.config import Settings
from service.context import Context
from service.operations.memory import Memory
from service.origins import Origin, find_trace_id
from service.storage import jobs
from tests.journeys.specs import LINE
from tests.running_service import wait_for
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.front_client import FrontClient
from tests.service.api.shared_routes import make_front

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
PREDICTIONS = "/v1/models/line/predictions"
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def logged(trained: ApiClient, context: Context, capsys: pytest.CaptureFixture[str]) -> tuple[ApiClient, Lines]:
    """A client of an app that logs JSON, and what reads everything that it has logged when it ends."""
    settings = replace(context.settings, log_format="json")
    front = make_front(Context(settings, context.database, context.artifacts))

    def lines() -> list[dict[str, Any]]:
        front.close()
        # The front that made the prepared data may still write lines of its own, as text.
        return [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]

    return ApiClient(FrontClient(front)), lines


def test_the_line_and_the_job_of_a_request_name_it_its_trace_and_its_size(
    logged: tuple[ApiClient, Lines], context: Context
) -> None:
    api, lines = logged
    headers = {"X-Request-ID": "r-1", "traceparent": TRACEPARENT, "tracestate": "vendor=1"}
    created = api.send("POST", "/v1/training-jobs", 202, json=TRAINING, headers=headers)
    assert created.json is not None
    job_id = created.json["id"]
    shown = api.send("GET", f"/v1/training-jobs/{job_id}/metrics", 200)
    first, second = lines()
    assert first.items() >= {
        "event": "request", "level": "info", "part": "api", "method": "POST", "path": "/v1/training-jobs",
        "status": 202, "bytes": len(created.data), "job_id": job_id, "request_id": "r-1", "trace_id": TRACE,
    }.items()  # fmt: skip
    assert not {"key_id", "project"} & set(first)
    assert second.items() >= {"job_id": job_id, "bytes": len(shown.data), "status": 200}.items()
    with context.database.read() as session:
        job = jobs.get(session, job_id)
    assert job is not None
    assert job.origin == Origin("r-1", TRACEPARENT, "vendor=1")


def test_a_repeated_request_names_the_job_that_the_first_one_queued(logged: tuple[ApiClient, Lines]) -> None:
    api, lines = logged
    job_id = api.post("/v1/training-jobs", TRAINING, 202, Idempotency_Key="once")["id"]
    api.post("/v1/training-jobs", TRAINING, 202, Idempotency_Key="once")
    assert [line["job_id"] for line in lines()] == [job_id, job_id]


def test_predictions_and_probes_are_counted_in_one_line_each_unless_they_fail(logged: tuple[ApiClient, Lines]) -> None:
    api, lines = logged
    sizes = [len(api.send("POST", PREDICTIONS, 200, json={"instances": [[x]]}).data) for x in (1, 2, 3)]
    api.send("GET", "/healthz", 200)
    api.send("POST", PREDICTIONS, 422, json={"instances": [["a"]]})
    failed, predicted, probed = lines()
    assert failed.items() >= {"event": "request", "path": PREDICTIONS, "status": 422}.items()
    assert predicted.items() >= {
        "event": "requests", "method": "POST", "path": PREDICTIONS, "count": 3, "bytes": sum(sizes), "part": "api",
    }.items()  # fmt: skip
    assert 0 <= predicted["milliseconds_p50"] <= predicted["milliseconds_p99"]
    assert (probed["path"], probed["count"]) == ("/healthz", 1)


def test_a_summary_is_written_while_the_service_runs(
    logged: tuple[ApiClient, Lines], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.api.front.answers.SUMMARY_SECONDS", 0.01)
    logged[0].send("GET", "/healthz", 200)
    written: list[str] = []

    def is_written() -> bool:
        written.append(capsys.readouterr().err)
        return "requests" in "".join(written)

    wait_for(is_written, 10)


def test_a_stream_is_logged_with_its_size_when_it_has_ended(logged: tuple[ApiClient, Lines]) -> None:
    api, lines = logged
    (job,) = api.get("/v1/training-jobs")["items"]
    stream = api.send("GET", job["links"]["events"], 200, headers={"Accept": "text/event-stream"})
    assert lines()[-1].items() >= {"job_id": job["id"], "bytes": len(stream.data)}.items()


def read(log: AccessLog, capsys: pytest.CaptureFixture[str]) -> list[str]:
    log.summarize()
    log.flush()
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("mode", "counted"),
    [("all", []), ("summary", ["frequent"]), ("errors", ["frequent", "other"])],
)
def test_the_setting_says_which_requests_are_counted(mode: str, counted: list[str]) -> None:
    log = AccessLog(Settings(access_log=mode), "api")
    kinds = {"frequent": True, "other": False}
    assert [name for name, frequent in kinds.items() if log.summarizes(200, is_frequent=frequent)] == counted
    assert not any(log.summarizes(status, is_frequent=True) for status in (400, 404, 499, 503))


def test_text_says_the_same_and_a_fault_of_the_service_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    log = AccessLog(Settings(log_level="warning"), "api")
    log.write("GET", "/v1/models", 200, 0.1, 7, "10.0.0.1", request_id="r-1")
    log.write("GET", "/v1/modèles", 503, 0.1, 7, "10.0.0.1", request_id="r-2", key_id="k", project="school")
    (line,) = read(log, capsys)
    assert "[warning  ] request " in line
    expected = (
        "address=10.0.0.1 bytes=7 method=GET milliseconds=0.1 part=api path=/v1/mod%C3%A8les status=503 "
        "request_id=r-2 key_id=k project=school"
    )
    assert line.endswith(expected)


def test_a_path_can_not_write_other_members_of_its_line_nor_show_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    log = AccessLog(Settings(), "api")
    log.write("GET", "/x status=200 key_id=k", 404, 0.1, 7, "")
    log.write("DELETE", f"/v1/api-keys/fsk_{'a' * 24}_{'5' * 48}", 404, 0.1, 7, "")
    forged, key = read(log, capsys)
    assert forged.endswith("path=/x%20status%3D200%20key_id%3Dk status=404")
    assert key.endswith(f"path=/v1/api-keys/fsk_{'a' * 24}_*** status=404")


def test_however_many_paths_there_are_every_request_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    log = AccessLog(Settings(log_format="json"), "api")
    for number in range(MOST_GROUPS + 1):
        log.count("POST", f"/v1/models/m{number}/predictions", None, None, 0.0001, 10)
    assert len(log._groups) == 1
    written = [json.loads(line) for line in read(log, capsys)]
    assert sum(line["count"] for line in written) == MOST_GROUPS + 1


def test_percentiles_are_those_of_the_requests(capsys: pytest.CaptureFixture[str]) -> None:
    log = AccessLog(Settings(log_format="json"), "api")
    for number in range(1, 101):
        log.count("POST", PREDICTIONS, "k", "school", number / 10_000, 1)
    (line,) = map(json.loads, read(log, capsys))
    assert (line["key_id"], line["project"]) == ("k", "school")
    assert (line["milliseconds_p50"], line["milliseconds_p99"]) == (5.0, 9.9)


def test_a_request_with_a_key_names_key_and_project() -> None:
    scope = {"method": "GET", "path": "/", "headers": [(b"x-request-id", b"r-1"), (b"traceparent", b"nonsense")]}
    request = Request(scope, None, Memory(0))  # type: ignore[arg-type]
    assert request.origin.describe() == {"request_id": "r-1"}
    request.caller = Caller("school", frozenset({Scope.READ}), "k1")
    assert request.origin.describe() == {"request_id": "r-1", "key_id": "k1", "project": "school"}


@pytest.mark.parametrize(
    ("traceparent", "trace"),
    [
        (TRACEPARENT, TRACE),
        (f"cc-{TRACE}-00f067aa0ba902b7-01-later", TRACE),
        (f"{TRACEPARENT}-more", None),
        (f"ff-{TRACE}-00f067aa0ba902b7-01", None),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (TRACEPARENT.upper(), None),
        (None, None),
    ],
)
def test_only_a_valid_traceparent_names_a_trace(traceparent: str | None, trace: str | None) -> None:
    assert find_trace_id(traceparent) == trace


def test_a_request_that_creates_a_model_names_the_job_that_builds_it(
    api: ApiClient, app: Front, capsys: pytest.CaptureFixture[str]
) -> None:
    api.post("/v1/models", LINE, 202, Prefer="wait=0")
    app.close()
    assert "job_id=bj_" in capsys.readouterr().err
