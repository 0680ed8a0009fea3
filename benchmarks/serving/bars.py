"""The figures that Fitserve's serving is held to, all in one run, with the peers and an earlier Fitserve beside."""

from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from benchmarks.serving.alone import ALONE
from benchmarks.serving.comparison import (
    Case,
    Results,
    Turn,
    ask_alone,
    describe_cases,
    describe_memory,
    describe_starts,
    measure,
    own,
    prepare_all,
    ratio,
    start,
    turns_of,
)
from benchmarks.serving.dialects import FITSERVE, NATIVE, TENSORFLOW_SERVING, V2_BINARY, V2_JSON
from benchmarks.serving.endurance import soak, ten
from benchmarks.serving.load import driving_process
from benchmarks.serving.many_connections import slow_clients, watchers
from benchmarks.serving.programs import (
    BARE_ASGI,
    BASELINE,
    FASTAPI,
    GRANIAN,
    PYTRITON,
    TRITON_BINARY,
    TRITON_JSON,
    Size,
    elsewhere,
    floors,
)
from benchmarks.serving.report import Row, Rows, at_least, at_most, describe_rows

CLIENTS = 8
PEERS = ("fastapi", "granian", "pytriton", "triton")
NETWORKS = ("dense", "convolutional")
BASELINE_NATIVE = BASELINE[FITSERVE.index(NATIVE)]
JSON_PEERS = (BASELINE_NATIVE, BARE_ASGI, FASTAPI, GRANIAN)
SIDES = {
    ("dense", 1): (*FITSERVE, *JSON_PEERS, PYTRITON, TRITON_JSON, TRITON_BINARY),
    ("dense", 32): (NATIVE, *JSON_PEERS),
    ("convolutional", 32): (NATIVE, V2_BINARY, *JSON_PEERS, TRITON_BINARY),
}


def hold_to_bars(folder: Path, arguments: Namespace) -> Iterator[str]:
    """The lines of all tables: speeds, then what many connections, minutes and models do."""
    arguments.networks, arguments.peers = list(NETWORKS), list(arguments.peers or PEERS)
    yield from compare_speeds(folder, arguments)
    for part in (watchers, slow_clients, soak, ten):
        yield from describe_rows(part(folder, arguments))


def compare_speeds(folder: Path, arguments: Namespace) -> Iterator[str]:
    size = Size(arguments.processes, arguments.threads)
    networks, expected = prepare_all(folder, arguments)
    asgi_floor = next(program for program in floors(folder, size) if BARE_ASGI in program.dialects)
    peers = elsewhere(arguments.peers, folder, size, arguments.environments)
    chosen = [*own(folder, size, arguments), asgi_floor, *peers]
    with ExitStack() as stack:
        servers, starts = start(chosen, networks, folder, stack)
        yield from describe_starts(servers, starts)
        driver = stack.enter_context(driving_process())
        turns = turns_of(servers, expected, arguments.seconds, driver)
        alone = partial(ask_alone, expected, arguments.processes, arguments.seconds)
        cases: dict[Case, dict[str, Turn]] = {}
        for network in networks:
            for (name, rows), dialects in SIDES.items():
                if name == network.name:
                    sides = {dialect.name: turns[dialect.name] for dialect in dialects if dialect.name in turns}
                    cases[Case(network, rows, CLIENTS)] = sides
        cases[next(case for case in cases if case.network.name == "convolutional")][ALONE] = alone
        results = measure(cases, arguments.rounds)
        yield from describe_cases(results)
        yield from describe_memory(servers)
    yield from describe_rows(speeds(results))


def speeds(results: Results) -> Rows:
    """The ratios of a comparison beside their bars; of peers that are there."""
    found = {(case.network.name, case.rows): rounds for case, rounds in results.items()}
    bars = (
        ("dense", 1, NATIVE, BASELINE_NATIVE.name, 1.8),
        ("dense", 1, NATIVE, FASTAPI.name, 1.0),
        ("dense", 1, NATIVE, PYTRITON.name, 4),
        ("dense", 1, NATIVE, TRITON_JSON.name, None),
        ("dense", 1, NATIVE, TRITON_BINARY.name, None),
        ("dense", 1, NATIVE, GRANIAN.name, None),
        ("dense", 1, NATIVE, BARE_ASGI.name, None),
        ("dense", 1, TENSORFLOW_SERVING, NATIVE.name, 0.9),
        ("dense", 1, V2_JSON, NATIVE.name, 0.9),
        ("dense", 1, V2_BINARY, NATIVE.name, 0.9),
        ("dense", 32, NATIVE, FASTAPI.name, 1.2),
        ("convolutional", 32, NATIVE, FASTAPI.name, 2.2),
        ("convolutional", 32, V2_BINARY, ALONE, 0.85),
    )
    for network, rows, dialect, other, bar in bars:
        rounds = found[network, rows]
        if other in rounds[0]:
            what = f"{network}, {rows}: {dialect.name}, times {other}"
            figure = ratio(rounds, dialect.name, other)
            yield at_least(what, figure, bar) if bar else Row(what, f"{figure:.2f} ×")
    dense = found["dense", 1]
    if BASELINE_NATIVE.name in dense[0]:
        figure = ratio(dense, NATIVE.name, BASELINE_NATIVE.name, "p99")
        yield at_most(f"dense, 1: p99 of {NATIVE.name}, of the baseline's", figure, 0.5, "×")
