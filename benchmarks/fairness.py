"""What a flood of predictions with one key does to another key: its p99 beside 64 connections, against alone.

    python -m benchmarks.fairness [--rounds 3] [--seconds 10] [--processes 2] [--pin]

The keys are those of two projects with a model each. In each round, the other caller predicts alone; while the flood
goes to another service on the same machine; beside the flood with the flood's key, which is the order of arrival; and
beside it with its own key, in fair turns. A flood takes processor time from everything else on the machine, whoever
serves it: the second figure shows how much of the last one the service can't prevent. Each caller is a process of its
own, and takes processor time too: with `--pin`, the services get the first half of the cores and the callers the rest.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import psutil

from benchmarks.serving.load import Load, drive, driving_process
from fitserve_client import Client
from service.api.front.turns import ACTIVE_SECONDS
from service.context import Context
from tests.journeys.specs import LINE, LINE_DATASET
from tests.service.api.api_server import Server, running_api
from tests.service.api.fake_worker import FakeWorker

FLOOD, OTHER = "flood", "other"
"""The projects."""
ALONE, ELSEWHERE, ARRIVAL, FAIR = "alone", "flood elsewhere", "arrival order", "fair turns"
CONNECTIONS = 64
MORE_SECONDS = 1.0
"""How much longer the flood lasts than the other caller, before and after it."""
MOST = 1.5
"""The other caller's p99 beside the flood, in fair turns, as a multiple of its p99 alone: at most this."""
BODY = b'{"instances": [[1.5]]}'
PATH = "/v1/models/line/predictions"


def request_with(key: str) -> bytes:
    """A prediction with the key."""
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {key}\r\nContent-Length: {len(BODY)}\r\n\r\n"
    )
    return head.encode() + BODY


class Service:
    """A running api, and the request of each project."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.address = server.address
        # The server's context is that of one project; a worker sees the jobs of all.
        context = Context.from_settings(server.context.settings)
        with closing(context.database), FakeWorker(context), Client(server.url) as client:
            key = client.api_keys.create("operator", ["admin"])["key"]
            self.requests = {project: request_with(self._make(key, project)) for project in (FLOOD, OTHER)}

    def _make(self, admin_key: str, project: str) -> str:
        """Create a project with a version of `line`. Returns its key."""
        with Client(self.server.url, key=admin_key) as admin:
            admin.projects.create(project)
            key: str = admin.api_keys.create(project, ["train"], project=project)["key"]
        with Client(self.server.url, key=key) as client:
            client.datasets.create(LINE_DATASET)
            client.models.create(LINE)
            client.training_jobs.wait(client.training_jobs.create("line", "line", 1)["id"])
        return key


class Callers:
    """The flood and the other caller, in processes of their own."""

    def __init__(self, service: Service, pools: list[ProcessPoolExecutor], seconds: float) -> None:
        self._service, self._seconds = service, seconds
        self._flood, self._other = pools

    def alone(self, project: str = OTHER) -> Load:
        """The other caller alone, with the key of this project."""
        request = self._service.requests[project]
        return self._other.submit(drive, self._service.address, [request], 1, self._seconds).result()

    def beside(self, flooded: Service, project: str = OTHER) -> tuple[Load, Load]:
        """A flood of this service, and the other caller at the same time, with the key of this project."""
        seconds = self._seconds + 2 * MORE_SECONDS
        pending = self._flood.submit(drive, flooded.address, [flooded.requests[FLOOD]], CONNECTIONS, seconds)
        time.sleep(MORE_SECONDS)
        other = self.alone(project)
        return pending.result(), other


def pin(services: list[Service], callers: list[ProcessPoolExecutor]) -> None:
    """Give the services half of the cores, and the callers the others."""
    cores = sorted(os.sched_getaffinity(0))
    half = max(1, len(cores) // 2)
    for service in services:
        parent = psutil.Process(service.server.process.pid)
        for process in (parent, *parent.children(recursive=True)):
            process.cpu_affinity(cores[:half])
    for pool in callers:
        pool.submit(os.sched_setaffinity, 0, cores[half:] or cores).result()


def describe(name: str, load: Load, flood: Load | None = None) -> str:
    beside = "" if flood is None else f"; flood {flood.rate:7,.0f}/s, {flood.describe_failures() or 'no failures'}"
    times = ", ".join(f"p{percentile} {load.milliseconds(percentile):6.2f}" for percentile in (50, 90, 99))
    return f"{name:<15} {times} ms, {load.rate:6,.0f}/s, {load.describe_failures() or 'no failures'}{beside}"


def main() -> int:
    """Measure. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--processes", type=int, default=2, help="of the api")
    parser.add_argument("--pin", action="store_true", help="separate the cores of service and callers")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        services = []
        for name in ("service", "elsewhere"):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=name)))
            api = running_api(folder, api_processes=arguments.processes, log_level="warning")
            services.append(Service(stack.enter_context(api)))
        pools = [stack.enter_context(driving_process()) for _ in range(2)]
        callers = Callers(services[0], pools, arguments.seconds)
        if arguments.pin:
            pin(services, pools)
        callers.beside(services[0])  # warms up
        rounds = [measure(callers, *services) for _ in range(arguments.rounds)]
    p99 = {name: [found[name].milliseconds(99) for found in rounds] for name in rounds[0]}
    for name, figures in p99.items():
        ratios = [figure / alone for figure, alone in zip(figures, p99[ALONE], strict=True)]
        print(f"{name:<15} p99 {statistics.median(figures):.2f} ms, {statistics.median(ratios):.2f} times that alone")
    return 0 if statistics.median(p99[FAIR]) <= MOST * statistics.median(p99[ALONE]) else 1


def measure(callers: Callers, service: Service, elsewhere: Service) -> dict[str, Load]:
    """One round: the other caller in each situation."""
    found = {ALONE: callers.alone()}
    print(describe(ALONE, found[ALONE]), flush=True)
    # Until the processes know one caller only.
    time.sleep(ACTIVE_SECONDS)
    for name, flooded, project in ((ELSEWHERE, elsewhere, OTHER), (ARRIVAL, service, FLOOD), (FAIR, service, OTHER)):
        flood, found[name] = callers.beside(flooded, project)
        print(describe(name, found[name], flood), flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
