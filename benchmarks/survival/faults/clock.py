"""The wall clock of the service's processes is moved, forwards and backwards. The monotonic clock stays."""

import shutil
import struct
import subprocess
from pathlib import Path

from benchmarks.survival.backing import Kind, Skipped
from benchmarks.survival.scenario import Fault, Tools

SOURCE = Path(__file__).with_name("moved_clock.c")
LIBRARY = Path(__file__).parents[3] / "build" / "moved_clock.so"
FILE = "clock"
BETWEEN_SECONDS = 0.5, 3.0
HOUR = 3600
MOVES = (0, -24 * HOUR, 24 * HOUR, -40, 40, 72 * HOUR, -2 * HOUR)


def _move(tools: Tools) -> None:
    file = tools.site.signals / FILE
    try:
        while not tools.wait(tools.random.uniform(*BETWEEN_SECONDS)):
            seconds = tools.random.choice(MOVES)
            _write(file, seconds)
            tools.count(f"{seconds:+d} s")
    finally:
        _write(file, 0)


def _write(file: Path, seconds: int) -> None:
    """Overwrite the file in place, because processes keep it open."""
    with file.open("r+b", buffering=0) as stream:
        stream.write(struct.pack("=q", seconds))


def _compile(_kind: Kind) -> None:
    if shutil.which("cc") is None:
        raise Skipped("no C compiler is installed")
    LIBRARY.parent.mkdir(exist_ok=True)
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", str(LIBRARY), str(SOURCE)], check=True)


clock = Fault(
    _move,
    environment={"LD_PRELOAD": str(LIBRARY), "BENCHMARK_CLOCK": f"SIGNALS/{FILE}"},
    files={FILE: struct.pack("=q", 0)},
    check=_compile,
)
