"""All servers on the same networks and rows, taking turns in one run, and the tables that come of it."""

import statistics
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.serving.dialects import FITSERVE, Dialect
from benchmarks.serving.load import Load, drive, driving_process
from benchmarks.serving.networks import Network, prepare
from benchmarks.serving.servers import BARE_FLASK, RIVALS, Program, Server, Size, programs


class Case(NamedTuple):
    """What is asked, on how many connections."""

    network: Network
    rows: int
    clients: int

    def __str__(self) -> str:
        return f"{self.network.name}, {count(self.rows, 'row')}, {self.clients}"


class Side(NamedTuple):
    """A server, spoken to in one of its dialects."""

    server: Server
    dialect: Dialect


@dataclass(frozen=True)
class Figures:
    """What a side made of a case in one round: answers a second, milliseconds, answers that were none or wrong."""

    rate: float
    p50: float
    p99: float
    failures: str


Round = dict[str, Figures]
Results = dict[Case, list[Round]]
Outputs = dict[Network, np.ndarray]


def compare(folder: Path, arguments: Namespace) -> Iterator[str]:
    """The lines of all tables."""
    networks = prepare(folder, arguments.networks, arguments.fractions)
    expected = {network: network.ask_keras() for network in networks}
    size = Size(arguments.processes, arguments.threads)
    chosen = programs(folder, size, arguments.litserve, arguments.mlserver)
    chosen = [program for program in chosen if not arguments.only or program.name in arguments.only]
    with ExitStack() as stack:
        servers, starts = start(chosen, networks, folder, stack)
        yield from describe_starts(servers, starts)
        driver = stack.enter_context(driving_process())
        sides = [Side(server, dialect) for server in servers for dialect in server.program.dialects]
        cases = [Case(*case) for case in product(networks, arguments.rows, arguments.clients)]
        results = measure(cases, sides, expected, arguments, driver)
        yield from describe_cases(results)
        yield from describe_ratios(results)
        yield from describe_memory(servers)


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


def measure(
    cases: list[Case], sides: list[Side], expected: Outputs, arguments: Namespace, driver: ProcessPoolExecutor
) -> Results:
    """Each case by all sides in turn, as often as there are rounds."""
    results: Results = {case: [] for case in cases}
    for number in range(arguments.rounds):
        turns = sides if number % 2 == 0 else sides[::-1]
        for case in cases:
            print(f"round {number + 1}: {case}", file=sys.stderr, flush=True)
            outputs = expected[case.network][:, : case.rows]
            found = {side.dialect.name: ask(side, case, outputs, arguments.seconds, driver) for side in turns}
            results[case].append({side.dialect.name: found[side.dialect.name] for side in sides})
    return results


def ask(side: Side, case: Case, expected: np.ndarray, seconds: float, driver: ProcessPoolExecutor) -> Figures:
    """What a side makes of a case for some seconds; `expected` are the outputs (different requests, rows, …)."""
    pixels = case.network.pixels[:, : case.rows]
    requests = [side.dialect.request(case.network.name, rows) for rows in pixels]
    load: Load = driver.submit(drive, side.server.address, requests, case.clients, seconds).result()
    if wrong := side.dialect.count_wrong(load, expected):
        load.failures["wrong numbers"] = wrong
    return Figures(load.rate, load.milliseconds(50), load.milliseconds(99), load.describe_failures())


def count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def table(*head: str) -> Iterator[str]:
    yield ""
    yield line(head)
    yield line(["---"] * len(head))


def line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def describe_starts(servers: list[Server], starts: dict[str, float]) -> Iterator[str]:
    yield from table("server", "start to first prediction", "memory then (PSS)")
    names = [server.program.name for server in servers]
    for name, server in zip(names, servers, strict=True):
        yield line([name, f"{starts[name]:.1f} s", f"{server.memory():.0f} MB"])
    if absent := [rival.name for rival in RIVALS if rival.name not in names]:
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
    told = f"{rate:,.0f}, {p50:.1f} / {p99:.1f}" if rate else "–"
    return told + (f" ({failures})" if failures else "")


def describe_ratios(results: Results) -> Iterator[str]:
    """Fitserve's dialects as ratios of the bare Flask route and of the best peer, the medians of the rounds' own."""
    ours = [dialect.name for dialect in FITSERVE]
    yield from table("network, rows, connections", "measure", *(name.removeprefix("Fitserve, ") for name in ours))
    for case, rounds in results.items():
        first = rounds[0]
        if any(name not in first for name in ours):
            continue
        if BARE_FLASK.name in first:
            yield line([str(case), f"of the {BARE_FLASK.name}", *ratios(rounds, ours, BARE_FLASK.name, "rate")])
        peers = [peer.name for peer in RIVALS if peer.name in first]
        if peers:
            best = max(peers, key=lambda name: median_of(rounds, name, "rate"))
            yield line([str(case), f"times {best}", *ratios(rounds, ours, best, "rate")])
            least = min(peers, key=lambda name: median_of(rounds, name, "p99"))
            yield line([str(case), f"p99, of {least}'s", *ratios(rounds, ours, least, "p99")])


def median_of(rounds: list[Round], side: str, figure: str) -> float:
    return statistics.median(getattr(found[side], figure) for found in rounds)


def ratios(rounds: list[Round], sides: list[str], other: str, figure: str) -> Iterator[str]:
    """A figure of each side by that of another one in the same round, of sides that answered."""
    for side in sides:
        of_rounds = [getattr(found[side], figure) / (getattr(found[other], figure) or nan) for found in rounds]
        yield f"{statistics.median(of_rounds):.2f}" if median_of(rounds, side, "rate") else "–"
