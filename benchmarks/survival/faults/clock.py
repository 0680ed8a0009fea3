"""The clock of the host is moved, forwards and backwards, by Debian's libfaketime. The monotonic clock stays."""

from pathlib import Path

from benchmarks.survival.databases import Kind
from benchmarks.survival.scenario import Fault, Tools
from benchmarks.survival.site import Skipped

LIBRARIES = "/usr/lib/*/faketime/libfaketime.so.1"
FILE = "clock"
BETWEEN_SECONDS = 0.5, 3.0
MOVES = ("+0", "-1d", "+1d", "-40s", "+40s", "+3d", "-2h")


def _library() -> Path | None:
    return next(Path("/").glob(LIBRARIES.lstrip("/")), None)


def _move(tools: Tools) -> None:
    file = tools.site.signals / FILE
    try:
        while not tools.wait(tools.random.uniform(*BETWEEN_SECONDS)):
            move = tools.random.choice(MOVES)
            _write(file, move)
            tools.count(move)
    finally:
        _write(file, MOVES[0])


def _write(file: Path, move: str) -> None:
    """Replace the file, which processes read at any time, in one step."""
    new = file.with_suffix(".new")
    new.write_text(move)
    new.rename(file)


def _check(_kind: Kind) -> None:
    if _library() is None:
        raise Skipped("Debian's package `faketime` isn't installed")


clock = Fault(
    _move,
    environment={
        "LD_PRELOAD": str(_library()),
        "FAKETIME_TIMESTAMP_FILE": f"SIGNALS/{FILE}",
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    if _library()
    else {},
    check=_check,
)
