"""The fault suite, and figures of queues, orders and jobs, over HTTP against services of their own.

    python -m benchmarks.survival faults [--only FAULT...] [--on NAME] [--draws N] [--seconds N] [--seed N]
    python -m benchmarks.survival queue orders cost replacing [--jobs N] [--rows N] [--rounds N] [--seed N]

`faults` has clients upload, train and predict while a fault disturbs the service: nothing that was accepted may be lost
or doubled, all results must equal undisturbed ones, and after the cleanup no file may be left over. While the database,
S3, the broker or another host is away, a loaded version must go on predicting. Each fault runs on SQLite with a folder,
on PostgreSQL with a folder and on PostgreSQL with S3 and Redis: on servers that the tests bring, or on the PostgreSQL
that FITSERVE_TEST_POSTGRESQL_URL names. `--draws N` tries N faults at random instead. The exit code is 1 if something
was not met. Disks are mounted and `partition` makes network namespaces, which need root; `clock` needs a C compiler.
What isn't possible is reported as skipped.

`queue` fills the queue; `orders` sends orders during a long epoch; `cost` compares a job with the bare training;
`replacing` adds, drains and restarts hosts behind nginx. MNIST and CIFAR-10 are read from `mnist.npz` and
`cifar10-images.zip` in FITSERVE_TEST_DATA, or in `../shared/data`.
"""

import argparse
import random
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks.serving.report import Row, Rows, describe_rows
from benchmarks.survival.backing import KINDS, Kind, Skipped
from benchmarks.survival.cost import cost
from benchmarks.survival.faults import FAULTS
from benchmarks.survival.orders import orders
from benchmarks.survival.queueing import queue
from benchmarks.survival.replacing import replacing
from benchmarks.survival.scenario import try_fault
from tests import postgresql_server

FIGURES: dict[str, Callable[[Path, argparse.Namespace], Rows]] = {
    part.__name__: part for part in (queue, orders, cost, replacing)
}
PARTS = ("faults", *FIGURES)


def main() -> None:
    arguments = _parse()
    # Services and disks are removed on the way out, which SIGTERM alone would not allow.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print(f"{psutil.cpu_count()} cores, seed {arguments.seed}", flush=True)
    met = True
    postgresql_server.begin_run()
    try:
        for name in arguments.parts or PARTS:
            if name == "faults":
                met = _faults(arguments)
                continue
            with tempfile.TemporaryDirectory() as folder:
                print(f"\n## {name}")
                _print(FIGURES[name](Path(folder), arguments))
    finally:
        postgresql_server.end_run()
    sys.exit(0 if met else 1)


def _faults(arguments: argparse.Namespace) -> bool:
    """Try faults; returns whether everything was met."""
    kinds = [KINDS[arguments.on]] if arguments.on else list(KINDS.values())
    everything = [(name, kind) for kind in kinds for name in arguments.only or FAULTS]
    if not arguments.draws:
        tried = [_try(name, kind, arguments.seconds, arguments.seed) for name, kind in everything]
        return False not in tried
    draw = random.Random(arguments.seed)
    results: list[bool] = []
    while len(results) < arguments.draws:
        met = _try(*draw.choice(everything), arguments.seconds, draw.randrange(1_000_000))
        if met is not None:
            results.append(met)
    return False not in results


def _try(name: str, kind: Kind, seconds: float, seed: int) -> bool | None:
    """Try a fault on something on which services stand; whether everything was met, and None if it was skipped."""
    print(f"\n## {name} on {kind.name}, seed {seed}", flush=True)
    try:
        with tempfile.TemporaryDirectory() as folder:
            return _print(try_fault(FAULTS[name], kind, Path(folder), seconds, seed))
    except Skipped as reason:
        print(f"\nskipped: {reason}", flush=True)
        return None
    except Exception:  # the other faults are tried all the same
        print("\nfailed:\n" + traceback.format_exc(), flush=True)
        return False


def _print(rows: Rows) -> bool:
    """Print the table, or as much of it as there is before an error; returns whether every bar in it was met."""
    found: list[Row] = []
    try:
        found.extend(rows)
    finally:
        for line in describe_rows(iter(found)):
            print(line, flush=True)
    return all(row.met is not False for row in found)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all by default")
    parser.add_argument("--only", nargs="+", choices=FAULTS, metavar="FAULT", help=", ".join(FAULTS))
    parser.add_argument("--on", choices=KINDS, help=f"only on one of {', '.join(KINDS)}")
    parser.add_argument(
        "--draws", type=int, default=0, help="how many faults are drawn at random; 0 tries each once (0)"
    )
    parser.add_argument("--seconds", type=float, default=20, help="how long each fault lasts (20)")
    parser.add_argument("--seed", type=int, default=7, help="draws moments, victims and priorities (7)")
    parser.add_argument("--jobs", type=int, help="jobs of `queue` (200)")
    parser.add_argument("--rows", type=int, default=50_000, help="rows of the long epoch of `orders` (50,000)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of `cost`; the median counts (3)")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return arguments


if __name__ == "__main__":
    main()
