"""The spans of requests, as a collector receives them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from service import tracing
from service.context import Context
from service.storage import jobs
from tests.collector import ENDPOINT, Collector, running_collector
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.front_client import FrontClient
from tests.service.api.shared_routes import make_front

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
Traced = Callable[[], Collector]


@pytest.fixture
def traced(trained: ApiClient, context: Context, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ApiClient, Traced]]:
    """A client of an app that traces, and what ends the app and returns the collector with all spans."""
    with running_collector() as collector:
        monkeypatch.setenv(ENDPOINT, collector.url)
        front = make_front(context, tracing.start("api"))

        def end() -> Collector:
            front.close()
            return collector

        yield ApiClient(FrontClient(front)), end


def test_a_request_that_queues_a_job_hands_its_trace_on(traced: tuple[ApiClient, Traced], context: Context) -> None:
    api, end = traced
    headers = {"X-Request-ID": "r-1", "traceparent": TRACEPARENT, "User-Agent": "curl/8"}
    job_id = api.send("POST", "/v1/training-jobs", 202, json=TRAINING, headers=headers).json["id"]  # type: ignore[index]
    found = end()
    span = found.find("POST /v1/training-jobs")
    assert (span.trace_id, span.parent_id, span.failed) == (TRACE, PARENT, False)
    expected: dict[str, Any] = {
        "http.request.method": "POST", "http.route": "/v1/training-jobs", "http.response.status_code": 202,
        "url.path": "/v1/training-jobs", "url.scheme": "http", "user_agent.original": "curl/8",
        "fitserve.request.id": "r-1", "fitserve.job.id": job_id,
    }  # fmt: skip
    assert span.attributes.items() >= expected.items()
    assert found.within(span) == ["validate"]
    validated = found.find("validate")
    assert span.began_at <= validated.began_at <= validated.ended_at <= span.ended_at
    with context.database.read() as session:
        job = jobs.get(session, job_id)
    assert job is not None
    assert job.origin is not None
    assert job.origin.traceparent == f"00-{TRACE}-{span.span_id}-01"


def test_spans_are_named_by_the_template_of_the_path_and_probes_have_none(traced: tuple[ApiClient, Traced]) -> None:
    api, end = traced
    predicting = {"json": {"instances": [[1.0]]}}
    api.send("POST", "/v1/models/line/versions/1/predictions", 200, **predicting)
    api.send("POST", "/v1/models/nobody/predictions", 404, **predicting)
    api.send("GET", "/v1/models/line/versions/1", 200)
    api.send("GET", "/nowhere", 404)
    api.send("GET", "/healthz", 200)
    spans = end().spans
    assert [span.name for span in spans] == [
        "POST /v1/models/{name}/versions/{version}/predictions",
        "POST /v1/models/{name}/predictions",
        "GET /v1/models/{name}/versions/{version}",
        "GET",
    ]
    assert [span.failed for span in spans] == [False] * 4
    assert len({span.trace_id for span in spans}) == 4
    assert {span.parent_id for span in spans} == {""}


def test_a_request_that_isnt_sampled_has_a_trace_in_the_log_alone(
    traced: tuple[ApiClient, Traced], capsys: pytest.CaptureFixture[str]
) -> None:
    api, end = traced
    api.send("GET", "/v1/models", 200, headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
    assert end().spans == []
    assert f"trace_id={TRACE}" in capsys.readouterr().err
