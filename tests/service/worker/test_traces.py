"""A job's spans, as a collector receives them, with a worker that pretends."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service import tracing
from service.origins import Origin
from service.tracing import Tracing
from tests.collector import ENDPOINT, Collector
from tests.service.worker.bench import Bench, queued_by

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ORIGIN = Origin("r-1", f"00-{TRACE}-{PARENT}-01")


@pytest.fixture
def traces(collector: Collector) -> Tracing:
    started = tracing.start("worker")
    assert started is not None
    return started


@pytest.fixture
def silent_url() -> Iterator[str]:
    """The URL of a server that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def bench(make_bench: Callable[..., Bench], traces: Tracing) -> Bench:
    bench = make_bench()
    bench.start_worker(tracing=traces)
    return bench


def end(bench: Bench, traces: Tracing) -> None:
    """Let the worker end, so that the collector has everything."""
    assert bench.supervisor is not None
    bench.supervisor.end(5)
    traces.end()


def test_a_job_continues_the_trace_of_its_request(bench: Bench, traces: Tracing, collector: Collector) -> None:
    with queued_by(ORIGIN):
        job_id = bench.submit({"build": "build", "epochs": 1, "evaluate": "evaluate: Done."})
    job = bench.wait_for_status(job_id, "succeeded")
    end(bench, traces)
    waited, supervised = collector.find("queue wait"), collector.find("supervise")
    assert {span.trace_id for span in collector.spans} == {TRACE}
    assert [waited.parent_id, supervised.parent_id] == [PARENT, PARENT]
    assert waited.began_at == pytest.approx(job.created_at.timestamp() * 1e9, abs=1e6)
    assert waited.ended_at == supervised.began_at
    assert collector.within(supervised) == ["child process", "publish"]
    assert collector.within(collector.find("child process")) == ["build", "evaluate"]
    assert collector.find("build").ended_at == collector.find("evaluate").began_at
    named = {"fitserve.job.id": job_id, "fitserve.job.kind": "training", "fitserve.job.outcome": "succeed"}
    assert supervised.attributes.items() >= named.items()
    assert supervised.resource["fitserve.part"] == "worker"


def test_a_process_that_crashes_leaves_its_spans_and_the_next_attempt_its_own(
    bench: Bench, traces: Tracing, collector: Collector, tmp_path: Path
) -> None:
    with queued_by(ORIGIN):
        job_id = bench.submit({"build": "build", "die": f"{tmp_path / 'deaths'}:1", "crash": "ended"})
    bench.wait_for_status(job_id, "failed")
    end(bench, traces)
    first, second = (collector.find("supervise", fitserve__job__attempt=attempt) for attempt in (1, 2))
    assert [first.attributes["fitserve.job.outcome"], first.failed] == ["crashed", False]
    assert [second.attributes["fitserve.job.outcome"], second.failed] == ["fail", True]
    assert second.attributes["error.type"] == "internal"
    requeued = collector.find("queue wait", fitserve__job__attempt=2)
    assert first.began_at < requeued.began_at <= requeued.ended_at == second.began_at
    processes = [span for span in collector.spans if span.name == "child process"]
    assert [collector.within(process) for process in processes] == [["build"], ["build"]]


def test_a_job_of_an_earlier_release_has_a_trace_of_its_own(
    bench: Bench, traces: Tracing, collector: Collector
) -> None:
    bench.wait_for_status(bench.submit({"epochs": 1}), "succeeded")
    end(bench, traces)
    assert collector.find("supervise").parent_id == ""


def test_a_job_of_a_request_that_isnt_sampled_leaves_nothing(
    bench: Bench, traces: Tracing, collector: Collector
) -> None:
    with queued_by(Origin("r-1", f"00-{TRACE}-{PARENT}-00")):
        bench.wait_for_status(bench.submit({"build": "build", "epochs": 1}), "succeeded")
    end(bench, traces)
    assert collector.spans == []


def test_a_collector_that_never_answers_neither_delays_nor_fails_a_job(
    make_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch, silent_url: str
) -> None:
    monkeypatch.setenv(ENDPOINT, silent_url)
    traces = tracing.start("worker")
    bench = make_bench()
    bench.start_worker(tracing=traces)
    with queued_by(ORIGIN):
        job_id = bench.submit({"build": "build", "epochs": 1})
    assert bench.wait_for_status(job_id, "succeeded").attempt == 1
    assert traces is not None
    began = time.monotonic()
    traces.end()
    assert time.monotonic() - began < tracing.END_SECONDS + 1
