"""Process features of the operating system: a signal when the parent ends, usable cores and usable memory."""

import ctypes
import os
import signal
from collections.abc import Iterator
from pathlib import Path

PR_SET_PDEATHSIG = 1
"""From <linux/prctl.h>: sets the signal that the kernel sends when the thread that started this process ends."""

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")
"""Names the control group of this process below CGROUPS (cgroups(7), version 2); in a container usually `/`."""


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
    """The number of cores that this process may use, by its affinity and its control groups' quotas, if any."""
    cores = len(os.sched_getaffinity(0))
    for limit in _read_limits("cpu.max"):
        quota, _, period = limit.partition(" ")
        if quota.isdigit() and period.isdigit():
            cores = min(cores, max(1, int(quota) // int(period)))
    return cores


def usable_memory() -> int:
    """The bytes of memory that this process may use: the machine's, or the limit of its control groups, if any.

    A container engine sets such a limit for a container, and systemd for a service with `MemoryMax`.
    """
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *(int(limit) for limit in _read_limits("memory.max") if limit.isdigit())])


def _read_limits(name: str) -> Iterator[str]:
    """The content of the file `name` in this process's control group and in every group that contains it."""
    try:
        lines = OWN_CGROUP.read_text().splitlines()
    except OSError:
        return
    own = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), "")
    for group in (CGROUPS / own, *(CGROUPS / own).parents):
        if group.is_relative_to(CGROUPS):
            try:
                yield (group / name).read_text().strip()
            except OSError:
                continue
