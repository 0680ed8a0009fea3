"""What a flood of predictions does to another caller: its p99 beside 64 connections of one caller, against alone.

    python -m benchmarks.fairness [--rounds 3] [--seconds 10] [--processes 2] [--pin]

Callers are told apart by their addresses, 127.0.0.1 and 127.0.0.2. In each round, the other caller predicts alone, then
beside the flood from the flood's own address, which is the order of arrival, then beside it from its own address, in
fair turns. Each caller is a process of its own, and takes processor time: with `--pin`, the service gets the first half
of the cores and the callers the rest, without which the kernel's scheduler is measured as well.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from benchmarks.serving.load import Load, drive, driving_process
from service.api.front.turns import ACTIVE_SECONDS
from tests.journeys.specs import LINE, LINE_DATASET
from tests.service.api.api_client import TRAINING
from tests.service.api.api_server import Server, running_api
from tests.service.api.fake_worker import FakeWorker

FLOOD, OTHER = "127.0.0.1", "127.0.0.2"
CONNECTIONS = 64
MORE_SECONDS = 1.0
"""How much longer the flood lasts than the other caller, before and after it."""
MOST = 1.5
"""The other caller's p99 beside the flood, in fair turns, as a multiple of its p99 alone: at most this."""
BODY = b'{"instances": [[1.5]]}'
REQUEST = (
    b"POST /v1/models/line/predictions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
)


class Callers:
    """The flood and the other caller, in processes of their own."""

    def __init__(self, server: Server, flood: ProcessPoolExecutor, other: ProcessPoolExecutor, seconds: float) -> None:
        self._server, self._flood, self._other, self._seconds = server, flood, other, seconds

    def alone(self) -> Load:
        """The other caller alone."""
        return self._other.submit(drive, self._server.address, [REQUEST], 1, self._seconds, OTHER).result()

    def beside(self, source: str) -> tuple[Load, Load]:
        """The flood, and the other caller beside it from this address."""
        seconds = self._seconds + 2 * MORE_SECONDS
        pending = self._flood.submit(drive, self._server.address, [REQUEST], CONNECTIONS, seconds, FLOOD)
        time.sleep(MORE_SECONDS)
        other = self._other.submit(drive, self._server.address, [REQUEST], 1, self._seconds, source).result()
        return pending.result(), other


@contextmanager
def serving(folder: Path, processes: int) -> Iterator[Server]:
    """A running api with a version of `line`."""
    with running_api(folder, api_processes=processes, log_level="warning") as server:
        with FakeWorker(server.context):
            server.post("/v1/datasets", LINE_DATASET, "wait=30").raise_for_status()
            server.post("/v1/models", LINE, "wait=30").raise_for_status()
            server.post("/v1/training-jobs", TRAINING, "wait=30").raise_for_status()
        yield server


def pin(server: Server, callers: list[ProcessPoolExecutor]) -> None:
    """Give the service half of the cores, and the callers the others."""
    cores = sorted(os.sched_getaffinity(0))
    half = max(1, len(cores) // 2)
    parent = psutil.Process(server.process.pid)
    for process in (parent, *parent.children(recursive=True)):
        process.cpu_affinity(cores[:half])
    for pool in callers:
        pool.submit(os.sched_setaffinity, 0, cores[half:] or cores).result()


def describe(name: str, load: Load, flood: Load | None = None) -> str:
    beside = "" if flood is None else f"; flood {flood.rate:7,.0f}/s, {flood.describe_failures() or 'no failures'}"
    times = ", ".join(f"p{percentile} {load.milliseconds(percentile):6.2f}" for percentile in (50, 90, 99))
    return f"{name:<18} {times} ms, {load.rate:6,.0f}/s, {load.describe_failures() or 'no failures'}{beside}"


def main() -> int:
    """Measure. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--processes", type=int, default=2, help="of the api")
    parser.add_argument("--pin", action="store_true", help="separate the cores of service and callers")
    arguments = parser.parse_args()
    ratios: dict[str, list[float]] = {"arrival order": [], "fair turns": []}
    rates: dict[str, list[float]] = {"arrival order": [], "fair turns": []}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(serving(folder, arguments.processes))
        pools = [stack.enter_context(driving_process()) for _ in range(2)]
        callers = Callers(server, pools[0], pools[1], arguments.seconds)
        if arguments.pin:
            pin(server, pools)
        callers.beside(FLOOD)  # warms up
        for number in range(1, arguments.rounds + 1):
            alone = callers.alone()
            print(f"round {number}", describe("alone", alone), sep="\n", flush=True)
            # Until the processes know one caller only.
            time.sleep(ACTIVE_SECONDS)
            for name, source in (("arrival order", FLOOD), ("fair turns", OTHER)):
                flood, other = callers.beside(source)
                ratios[name].append(other.milliseconds(99) / alone.milliseconds(99))
                rates[name].append(flood.rate + other.rate)
                print(describe(name, other, flood), flush=True)
    for name, found in ratios.items():
        rate = statistics.mean(rates[name])
        print(f"{name}: p99 {statistics.median(found):.2f} times that alone, {rate:,.0f}/s in all")
    return 0 if statistics.median(ratios["fair turns"]) <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
