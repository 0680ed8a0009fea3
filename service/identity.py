"""Identifies processes on their host, to detect later whether they have ended."""

import os
from pathlib import Path
from typing import Any

PROC = Path("/proc")


def identify(pid: int) -> dict[str, Any]:
    """Describe a running process: its id, start time (clock ticks since boot), boot id and pid namespace.

    Raises ProcessLookupError if it doesn't exist or is a zombie.
    """
    try:
        # proc(5): after the name in parentheses, which can contain anything, come the state and, 20th, the start time.
        state, *rest = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        raise ProcessLookupError(f"There is no process {pid}.") from None
    if state in "ZX":
        raise ProcessLookupError(f"The process {pid} has ended.")
    return {"pid": pid, "started": int(rest[18]), **_surroundings()}


def may_live(process: dict[str, Any]) -> bool:
    """Return False if the process that `identify` described has certainly ended.

    A process with another boot id or pid namespace may run on another machine or in another container of the same name.
    """
    return not _is_here(process) or lives_here(process)


def lives_here(process: dict[str, Any]) -> bool:
    """Return True if the process that `identify` described certainly runs, on this machine and in this container."""
    try:
        return _is_here(process) and identify(process["pid"]) == process
    except ProcessLookupError:
        return False


def _is_here(process: dict[str, Any]) -> bool:
    return all(process[name] == value for name, value in _surroundings().items())


def _surroundings() -> dict[str, Any]:
    boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
    return {"boot": boot, "namespace": os.stat(PROC / "self/ns/pid").st_ino}
