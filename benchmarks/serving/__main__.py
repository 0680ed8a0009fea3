"""How fast Fitserve predicts, in every dialect, beside what else could serve the same networks.

    python -m benchmarks.serving [compare table watchers slow_clients soak many ten]
        [--networks dense convolutional] [--rows 1 32] [--fractions] [--clients 1 8 64] [--seconds 5] [--rounds 3]
        [--peers fastapi granian litserve mlserver pytriton triton] [--baseline CHECKOUT] [--folder FOLDER]

`compare` starts `fitserve api` on the folder of a service that has trained the networks; beside it the floors, a bare
Flask route, a bare WSGI and a bare ASGI function with orjson and ONNX Runtime, and Flask with Keras, under the same
gunicorn; and the peers that are named, in environments of their own (benchmarks/serving_peers/requirements-*.txt),
which are made where they are missing. All are started once and take turns; every answer is compared with Keras.
`watchers` has 1,000 event streams and 1,000 waits open, `slow_clients` 1,000 connections that hardly send anything,
while others predict. `soak` keeps 64 connections busy for five minutes while a training job runs; `many` asks for 200
models at random with a cache of 20; `ten` weighs an api process with ten models loaded.
`table` is all of it that Fitserve is held to, with each figure beside its bar. With `--baseline`, another checkout of
Fitserve takes part, which trains its own networks with the libraries of this one.

The clients share the machine with the servers, so figures are for comparing sides of one run. With `--folder` the
trained networks are kept for the next run.
"""

import argparse
import contextlib
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from benchmarks.environments import DEFAULT_FOLDER
from benchmarks.serving.bars import hold_to_bars
from benchmarks.serving.comparison import compare
from benchmarks.serving.endurance import many, soak, ten
from benchmarks.serving.many_connections import slow_clients, watchers
from benchmarks.serving.networks import NETWORKS
from benchmarks.serving.programs import ELSEWHERE
from benchmarks.serving.report import Rows, describe_rows

SCENARIOS: dict[str, Callable[[Path, argparse.Namespace], Rows]] = {
    part.__name__: part for part in (watchers, slow_clients, soak, many, ten)
}
TABLES = {"compare": compare, "table": hold_to_bars}
PARTS = (*TABLES, *SCENARIOS)


def main() -> None:
    arguments = parse()
    # The servers are ended on the way out, which SIGTERM alone would not take.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print(f"{psutil.cpu_count()} cores, {arguments.processes} processes with {arguments.threads} threads each")
    with folder_of(arguments) as folder:
        for part in arguments.parts or PARTS[:1]:
            lines = TABLES[part] if part in TABLES else scenario(part)
            for line in lines(folder, arguments):
                print(line, flush=True)


def scenario(part: str) -> Callable[[Path, argparse.Namespace], Iterator[str]]:
    return lambda folder, arguments: describe_rows(SCENARIOS[part](folder, arguments))


@contextlib.contextmanager
def folder_of(arguments: argparse.Namespace) -> Iterator[Path]:
    """The folder that is kept, or one for this run."""
    if arguments.folder:
        arguments.folder.mkdir(parents=True, exist_ok=True)
        yield arguments.folder.resolve()
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (compare)")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS), help="those of `compare`")
    parser.add_argument("--rows", nargs="+", type=int, choices=range(1, 33), metavar="N", default=[1, 32])
    parser.add_argument("--fractions", action="store_true", help="ask with pixels that aren't whole numbers")
    parser.add_argument("--clients", nargs="+", type=int, default=[1, 8, 64], help="connections at once")
    parser.add_argument("--seconds", type=float, default=5, help="how long each side is asked at a time")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side; the median counts")
    parser.add_argument("--processes", type=int, default=2, help="of each server")
    parser.add_argument("--threads", type=int, default=16, help="of each gthread process")
    parser.add_argument("--peers", nargs="+", choices=ELSEWHERE, help="those in environments of their own")
    parser.add_argument("--environments", type=Path, default=DEFAULT_FOLDER, help="where these environments are kept")
    parser.add_argument("--baseline", type=Path, metavar="CHECKOUT", help="another checkout of Fitserve")
    parser.add_argument("--only", nargs="+", metavar="SERVER", help="names as the table of starts has them")
    parser.add_argument("--soak-seconds", type=float, default=300, help="how long `soak` lasts")
    parser.add_argument("--soak-clients", type=int, default=64, help="its connections")
    parser.add_argument("--models", type=int, default=200, help="those of `many`")
    parser.add_argument("--many-seconds", type=float, default=60, help="how long it lasts")
    parser.add_argument("--folder", type=Path, help="where the trained networks and logs are kept")
    arguments = parser.parse_args()
    if arguments.baseline:
        arguments.baseline = arguments.baseline.resolve()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return arguments


if __name__ == "__main__":
    main()
