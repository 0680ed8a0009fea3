"""What the service asks of the operating system about processes: their parent's death, cores and memory."""

import ctypes
import os
import signal
from pathlib import Path

PR_SET_PDEATHSIG = 1
"""From <linux/prctl.h>: the signal that the kernel sends when the thread that started this process ends."""

CGROUP = Path("/sys/fs/cgroup")


def die_with_parent(parent: int, signal_number: int = signal.SIGKILL) -> None:
    """Have this process receive `signal_number` when `parent`, which started it, ends however it ends.

    `parent` is the parent's process id as the parent itself knew it: were it already gone, the kernel would never
    send the signal, so it is raised here. Linux only (prctl(2), PR_SET_PDEATHSIG). Raises OSError.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        os.kill(os.getpid(), signal_number)


def usable_cores() -> int:
    """Cores that this process may use: its affinity, and a container's quota where one is set."""
    cores = len(os.sched_getaffinity(0))
    quota, _, period = _read_cgroup("cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit():
        cores = min(cores, max(1, int(quota) // int(period)))
    return cores


def usable_memory() -> int:
    """Bytes of memory that this process may use: the machine's, or a container's limit where one is set."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _read_cgroup("memory.max")
    return min(machine, int(limit)) if limit.isdigit() else machine


def _read_cgroup(name: str) -> str:
    try:
        return (CGROUP / name).read_text().strip()
    except OSError:
        return ""
