"""Process features of the operating system: a signal when the parent ends, usable cores and usable memory."""

import ctypes
import os
import signal
from pathlib import Path

PR_SET_PDEATHSIG = 1
"""From <linux/prctl.h>: sets the signal that the kernel sends when the thread that started this process ends."""

CGROUP = Path("/sys/fs/cgroup")


def die_with_parent(parent: int, signal_number: int = signal.SIGKILL) -> None:
    """Make the kernel send `signal_number` to this process when its parent ends for any reason.

    `parent` is the process id that the parent reported before it started this process. If the parent has already ended,
    the kernel doesn't send the signal, so this function does. Linux only (prctl(2), PR_SET_PDEATHSIG). Raises OSError.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        os.kill(os.getpid(), signal_number)


def usable_cores() -> int:
    """The number of cores that this process may use, by its affinity and its container's quota, if any."""
    cores = len(os.sched_getaffinity(0))
    quota, _, period = _read_cgroup("cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit():
        cores = min(cores, max(1, int(quota) // int(period)))
    return cores


def usable_memory() -> int:
    """The bytes of memory that this process may use: the machine's, or its container's limit, if any."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _read_cgroup("memory.max")
    return min(machine, int(limit)) if limit.isdigit() else machine


def _read_cgroup(name: str) -> str:
    try:
        return (CGROUP / name).read_text().strip()
    except OSError:
        return ""
