"""What key, rate limit, metrics and log cost a small prediction: one row of the dense network, in JSON.

    python -m benchmarks.guards [--rounds 7] [--seconds 3] [--connections 8] [--processes 2]
        [--baseline CHECKOUT] [--folder FOLDER]

`guarded` has a key, a rate limit that nothing reaches, and the log; `open` has none of them. Both count metrics, which
can't be switched off: `--baseline` is a checkout of Fitserve from before, whose log is off. All are started once and
take turns. The clients share the processors with the servers, so besides the requests per second, the CPU time of a
server per request is given: other programs on the machine change it less.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.serving.dialects import NATIVE
from benchmarks.serving.load import Load, drive, driving_process
from benchmarks.serving.networks import Network, prepare, prepare_elsewhere
from benchmarks.serving.programs import Size, baseline, fitserve
from benchmarks.serving.servers import Program, Server
from tests.running_service import run_command

NETWORK = "dense"
UNREACHED = "predict=10000000/minute"
QUIET = {"log_level": "warning"}
MOST = 0.08
"""The share of the requests per second that they may cost."""


@dataclass
class Side:
    """A server, what it is sent, and what was measured in each round."""

    name: str
    server: Server
    requests: list[bytes]
    rates: list[float] = field(default_factory=list)
    """Requests per second."""
    costs: list[float] = field(default_factory=list)
    """The server's CPU time per request, in microseconds."""

    def measure(self, driver: ProcessPoolExecutor, connections: int, seconds: float) -> None:
        """One more round. Raises RuntimeError if a request failed."""
        before = self.server.cpu_seconds()
        load: Load = driver.submit(drive, self.server.address, self.requests, connections, seconds).result()
        if load.failures:
            raise RuntimeError(f"{self.name}: {load.describe_failures()}")
        self.rates.append(load.rate)
        self.costs.append(1e6 * (self.server.cpu_seconds() - before) / len(load.ended))


def requests_for(network: Network, key: str | None = None) -> list[bytes]:
    """Requests for one row each."""
    found = [NATIVE.request(network.name, rows) for rows in network.pixels[:, :1]]
    if key is None:
        return found
    header = f"\r\nAuthorization: Bearer {key}\r\n".encode()
    return [request.replace(b"\r\n", header, 1) for request in found]


def programs(folder: Path, arguments: argparse.Namespace) -> Iterator[tuple[str, Program, list[bytes]]]:
    """The name, the server and the requests of each side."""
    size = Size(arguments.processes)
    (network,) = prepare(folder, [NETWORK])
    guarded = folder / "guarded"
    shutil.rmtree(guarded, ignore_errors=True)
    shutil.copytree(folder / "var", guarded / "var")
    key = run_command("keys", "create", "guarded", "--scope", "predict", data_dir=str(guarded / "var")).strip()
    if arguments.baseline:
        (trained,) = prepare_elsewhere(arguments.baseline.resolve(), folder / "baseline", [NETWORK])
        program = baseline(trained.folder, size, arguments.baseline.resolve())
        program.environment.update(FITSERVE_LOG_LEVEL=QUIET["log_level"])
        yield "baseline", program, requests_for(trained)
    yield "open", fitserve(folder, size, **QUIET), requests_for(network)
    yield "guarded", fitserve(guarded, size, rate_limits=UNREACHED), requests_for(network, key)


def describe(sides: Sequence[Side]) -> Iterator[str]:
    """The medians of each side, and those of the last one as shares of the others'."""
    for side in sides:
        rate, cost = statistics.median(side.rates), statistics.median(side.costs)
        yield f"{side.name:<9} {rate:7,.0f} requests/s, {cost:5.0f} µs of CPU time per request"
    last = sides[-1]
    for side in sides[:-1]:
        rate, cost = ratio(last.rates, side.rates), ratio(last.costs, side.costs)
        yield f"{last.name} / {side.name}: {rate:.3f} of the requests/s, {cost:.3f} times the CPU time"


def ratio(figures: Sequence[float], others: Sequence[float]) -> float:
    """The median of the ratios in the same round."""
    return statistics.median(figure / other for figure, other in zip(figures, others, strict=True))


def main() -> int:
    """Measure. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--processes", type=int, default=2, help="of each api")
    parser.add_argument("--baseline", type=Path, metavar="CHECKOUT", help="another checkout of Fitserve")
    parser.add_argument("--folder", type=Path, help="where the trained networks are kept")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        sides = []
        for name, program, requests in programs(folder.resolve(), arguments):
            server = stack.enter_context(Server(program, folder / f"{name}.log"))
            server.wait_for(requests[0])
            sides.append(Side(name, server, requests))
        driver = stack.enter_context(driving_process())
        for number in range(arguments.rounds):
            for side in sides if number % 2 == 0 else sides[::-1]:
                side.measure(driver, arguments.connections, arguments.seconds)
            print(f"round {number + 1}:", *(f"{side.name} {side.rates[-1]:,.0f}/s" for side in sides), flush=True)
    print(*describe(sides), sep="\n")
    return 0 if all(ratio(sides[-1].rates, side.rates) >= 1 - MOST for side in sides[:-1]) else 1


if __name__ == "__main__":
    sys.exit(main())
