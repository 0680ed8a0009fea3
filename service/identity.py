"""What identifies a process on its host, so that another can tell later whether it is gone."""

import os
from pathlib import Path
from typing import Any

PROC = Path("/proc")


def identify(pid: int) -> dict[str, Any]:
    """A running process: its id and start (clock ticks since boot), the boot and the pid namespace they belong to.

    Raises ProcessLookupError when there is none, or only a zombie.
    """
    try:
        # proc(5): the name in parentheses may hold anything; after it come the state and, 20th, the start time.
        state, *rest = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        raise ProcessLookupError(f"There is no process {pid}.") from None
    if state in "ZX":
        raise ProcessLookupError(f"The process {pid} has ended.")
    return {"pid": pid, "started": int(rest[18]), **_surroundings()}


def may_live(process: dict[str, Any]) -> bool:
    """False when the process that `identify` described is gone for certain.

    Another boot or pid namespace can't be judged from here: it may be another machine, or container, of that name.
    """
    if any(process[name] != value for name, value in _surroundings().items()):
        return True
    try:
        return identify(process["pid"]) == process
    except ProcessLookupError:
        return False


def _surroundings() -> dict[str, Any]:
    boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
    return {"boot": boot, "namespace": os.stat(PROC / "self/ns/pid").st_ino}
