"""All servers on the same networks and rows, taking turns in one run, and the tables that come of it."""

import statistics
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from math import isnan, nan
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.serving.alone import measure_alone
from benchmarks.serving.dialects import FITSERVE, Dialect
from benchmarks.serving.load import Load, drive, driving_process
from benchmarks.serving.networks import Network, prepare, prepare_elsewhere
from benchmarks.serving.programs import (
    BARE_ASGI,
    RIVALS,
    Size,
    baseline,
    elsewhere,
    fitserve,
    floors,
    tutorials,
)
from benchmarks.serving.report import count, line, table
from benchmarks.serving.servers import Program, Server


class Case(NamedTuple):
    """What is asked, on how many connections."""

    network: Network
    rows: int
    clients: int

    def __str__(self) -> str:
        return f"{self.network.name}, {count(self.rows, 'row')}, {self.clients}"


@dataclass(frozen=True)
class Figures:
    """What a side made of a case in one round: answers a second, milliseconds, answers that were none or wrong."""

    rate: float
    p50: float
    p99: float
    failures: str


Turn = Callable[[Case], Figures]
"""Has a side busy with a case for some seconds. A side is a server, spoken to in one of its dialects."""
Round = dict[str, Figures]
Results = dict[Case, list[Round]]
Outputs = dict[Network, np.ndarray]


def compare(folder: Path, arguments: Namespace) -> Iterator[str]:
    """The lines of all tables."""
    size = Size(arguments.processes, arguments.threads)
    networks, expected = prepare_all(folder, arguments)
    chosen = [
        *own(folder, size, arguments),
        *floors(folder, size),
        *tutorials(folder, size),
        *elsewhere(arguments.peers or [], folder, size, arguments.environments),
    ]
    chosen = [program for program in chosen if not arguments.only or program.name in arguments.only]
    with ExitStack() as stack:
        servers, starts = start(chosen, networks, folder, stack)
        yield from describe_starts(servers, starts)
        driver = stack.enter_context(driving_process())
        sides = turns_of(servers, expected, arguments.seconds, driver)
        cases = [Case(*case) for case in product(networks, arguments.rows, arguments.clients)]
        results = measure(dict.fromkeys(cases, sides), arguments.rounds)
        yield from describe_cases(results)
        yield from describe_ratios(results)
        yield from describe_memory(servers)


def prepare_all(folder: Path, arguments: Namespace) -> tuple[list[Network], Outputs]:
    """The networks, and what Keras makes of their rows; of the baseline's too, which it trains for itself."""
    networks = prepare(folder, arguments.networks, arguments.fractions)
    others = []
    if arguments.baseline:
        others = prepare_elsewhere(arguments.baseline, baseline_folder(folder), arguments.networks, arguments.fractions)
    return networks, {network: network.ask_keras() for network in (*networks, *others)}


def own(folder: Path, size: Size, arguments: Namespace) -> Iterator[Program]:
    """This Fitserve, and the baseline if one is given."""
    yield fitserve(folder, size)
    if arguments.baseline:
        yield baseline(baseline_folder(folder), size, arguments.baseline)


def baseline_folder(folder: Path) -> Path:
    return folder / "baseline"


def product(networks: list[Network], rows: list[int], clients: list[int]) -> Iterator[tuple[Network, int, int]]:
    return ((network, count, several) for network in networks for count in rows for several in clients)


def start(
    chosen: Sequence[Program], networks: list[Network], folder: Path, stack: ExitStack
) -> tuple[list[Server], dict[str, float]]:
    """Start one after the other; with the seconds until the first prediction of each. One that can't is left out."""
    servers, starts = [], {}
    for number, program in enumerate(chosen):
        server = stack.enter_context(Server(program, folder / f"server-{number}.log"))
        dialect = program.dialects[0]
        requests = [dialect.request(network.name, network.pixels[0, :1]) for network in networks]
        try:
            starts[program.name] = server.wait_for(requests[0])[1]
            for request in requests[1:]:
                server.wait_for(request)
        except RuntimeError as error:
            print(f"{program.name} is left out: {error}", file=sys.stderr)
            server.stop()
            continue
        servers.append(server)
    return servers, starts


def measure(cases: dict[Case, dict[str, Turn]], rounds: int) -> Results:
    """Each case by its sides in turn, as often as there are rounds."""
    results: Results = {case: [] for case in cases}
    for number in range(rounds):
        for case, sides in cases.items():
            print(f"round {number + 1}: {case}", file=sys.stderr, flush=True)
            turns = list(sides) if number % 2 == 0 else list(sides)[::-1]
            found = {side: sides[side](case) for side in turns}
            results[case].append({side: found[side] for side in sides})
    return results


def turns_of(servers: list[Server], expected: Outputs, seconds: float, driver: ProcessPoolExecutor) -> dict[str, Turn]:
    """The turns of all servers in all their dialects, by the dialects' names."""
    return {
        dialect.name: partial(ask, server, dialect, expected, seconds, driver)
        for server in servers
        for dialect in server.program.dialects
    }


def ask(
    server: Server, dialect: Dialect, expected: Outputs, seconds: float, driver: ProcessPoolExecutor, case: Case
) -> Figures:
    """What a server makes of a case for some seconds."""
    requests = [dialect.request(case.network.name, rows) for rows in case.network.pixels[:, : case.rows]]
    load: Load = driver.submit(drive, server.address, requests, case.clients, seconds).result()
    served = replace(case.network, folder=server.program.networks)
    if wrong := dialect.count_wrong(load, expected[served][:, : case.rows]):
        load.failures["wrong numbers"] = wrong
    return Figures(load.rate, load.milliseconds(50), load.milliseconds(99), load.describe_failures())


def ask_alone(expected: Outputs, processes: int, seconds: float, case: Case) -> Figures:
    """What ONNX Runtime makes of it without HTTP; it has processes rather than connections."""
    outputs = expected[case.network][:, : case.rows]
    rate, wrong = measure_alone(case.network, case.rows, processes, seconds, outputs)
    return Figures(rate, nan, nan, f"{wrong} × wrong numbers" if wrong else "")


def describe_starts(servers: list[Server], starts: dict[str, float]) -> Iterator[str]:
    yield from table("server", "start to first prediction", "memory then (PSS)")
    names = [server.program.name for server in servers]
    for name, server in zip(names, servers, strict=True):
        yield line([name, f"{starts[name]:.1f} s", f"{server.memory():.0f} MB"])
    spoken = {dialect for server in servers for dialect in server.program.dialects}
    if absent := [rival.name for rival in RIVALS if rival not in spoken]:
        yield f"\nLeft out: {', '.join(absent)}."


def describe_memory(servers: list[Server]) -> Iterator[str]:
    yield from table("server", "memory afterwards (PSS)", "its largest process")
    for server in servers:
        yield line([server.program.name, f"{server.memory():.0f} MB", f"{server.largest_process():.0f} MB"])


def describe_cases(results: Results) -> Iterator[str]:
    """A table for each network and number of rows: the sides, and what they made of each number of connections."""
    for network, rows in dict.fromkeys((case.network, case.rows) for case in results):
        cases = [case for case in results if (case.network, case.rows) == (network, rows)]
        connections = [count(case.clients, "connection") for case in cases]
        yield from table(f"{network.name}, {count(rows, 'row')}: requests/s, p50 / p99 ms", *connections)
        for name in results[cases[0]][0]:
            yield line([name, *(describe_figures([found[name] for found in results[case]]) for case in cases)])


def describe_figures(rounds: list[Figures]) -> str:
    of_rounds = zip(*((figures.rate, figures.p50, figures.p99) for figures in rounds), strict=True)
    rate, p50, p99 = map(statistics.median, of_rounds)
    failures = "; ".join(figures.failures for figures in rounds if figures.failures)
    told = f"{rate:,.0f}" if rate else "–"
    if not isnan(p50):
        told += f", {p50:.1f} / {p99:.1f}"
    return told + (f" ({failures})" if failures else "")


def describe_ratios(results: Results) -> Iterator[str]:
    """Fitserve's dialects as ratios of the bare ASGI function and of the best peer, the medians of the rounds' own."""
    ours = [dialect.name for dialect in FITSERVE]
    yield from table("network, rows, connections", "measure", *(name.removeprefix("Fitserve, ") for name in ours))
    for case, rounds in results.items():
        first = rounds[0]
        if any(name not in first for name in ours):
            continue
        if BARE_ASGI.name in first:
            yield line([str(case), f"of the {BARE_ASGI.name}", *ratios(rounds, ours, BARE_ASGI.name, "rate")])
        peers = [peer.name for peer in RIVALS if peer.name in first]
        if peers:
            best = max(peers, key=lambda name: median_of(rounds, name, "rate"))
            yield line([str(case), f"times {best}", *ratios(rounds, ours, best, "rate")])
            least = min(peers, key=lambda name: median_of(rounds, name, "p99"))
            yield line([str(case), f"p99, of {least}'s", *ratios(rounds, ours, least, "p99")])


def median_of(rounds: list[Round], side: str, figure: str) -> float:
    return statistics.median(getattr(found[side], figure) for found in rounds)


def ratios(rounds: list[Round], sides: list[str], other: str, figure: str) -> Iterator[str]:
    """The figure of each side as a ratio of another one's, of sides that answered."""
    for side in sides:
        yield f"{ratio(rounds, side, other, figure):.2f}" if median_of(rounds, side, "rate") else "–"


def ratio(rounds: list[Round], side: str, other: str, figure: str = "rate") -> float:
    """The median of a side's figure by another one's in the same round."""
    return statistics.median(getattr(found[side], figure) / (getattr(found[other], figure) or nan) for found in rounds)
