"""A bench for each test, and workers in processes of their own."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.collector import ENDPOINT, Collector, running_collector
from tests.service.worker.bench import Bench
from tests.service.worker.worker_process import WorkerProcess


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """Makes a bench, with settings that differ from the defaults."""
    benches: list[Bench] = []

    def make(**settings: Any) -> Bench:
        benches.append(Bench(tmp_path, **settings))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    """A bench whose worker has started."""
    bench = make_bench()
    bench.start_worker()
    return bench


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector of traces, to which workers that start from now on export."""
    with running_collector() as collector:
        monkeypatch.setenv(ENDPOINT, collector.url)
        yield collector


@pytest.fixture
def start_worker_process() -> Iterator[Callable[..., WorkerProcess]]:
    """Starts a worker in a process of its own; killed when the test is over."""
    started: list[WorkerProcess] = []

    def start(bench: Bench, *arguments: str, **settings: object) -> WorkerProcess:
        started.append(WorkerProcess(bench, *arguments, **settings))
        return started[-1]

    yield start
    for worker in started:
        worker.end(signal.SIGKILL)
