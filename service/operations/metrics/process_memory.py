"""The resident memory of the service's processes on this host (proc(5))."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from service.identity import PROC, identify

API, API_MASTER, WORKER, JOB = KINDS = ("api", "api_master", "worker", "job")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def resident_bytes(api: Collection[int], master: int | None, workers: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """The sum for each kind of process. Pages that processes share count for each of them.

    `api` has the ids of the api processes, and `master` is the one that started them. `workers` are those that
    service.identity described, on any host; the processes of their jobs are found here.
    """
    here = [worker["pid"] for worker in workers if _is_here(worker)]
    found = {
        API: api,
        API_MASTER: () if master is None else (master,),
        WORKER: here,
        JOB: [descendant for pid in here for descendant in _descendants(pid)],
    }
    return {kind: sum(map(_resident_bytes, pids)) for kind, pids in found.items() if pids}


def _is_here(process: Mapping[str, Any]) -> bool:
    try:
        return identify(process["pid"]) == process
    except (ProcessLookupError, PermissionError):
        return False


def _descendants(pid: int) -> Iterator[int]:
    for listing in (PROC / str(pid) / "task").glob("*/children"):
        try:
            children = listing.read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        for child in map(int, children):
            yield child
            yield from _descendants(child)


def _resident_bytes(pid: int) -> int:
    """0 for a process that has ended."""
    try:
        return int((PROC / str(pid) / "statm").read_text().split()[1]) * PAGE_BYTES
    except (FileNotFoundError, ProcessLookupError):
        return 0
