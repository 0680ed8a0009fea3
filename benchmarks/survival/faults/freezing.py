"""A worker stands still for longer than its lease, as on a suspended host, while another worker takes its jobs."""

import contextlib

import psutil

from benchmarks.survival.scenario import Fault, Tools
from benchmarks.survival.site import LEASE_SECONDS

FREEZE_SECONDS = 2.5 * LEASE_SECONDS
BETWEEN_SECONDS = 1.0, 3.0


def _freeze_workers(tools: Tools) -> None:
    """Freeze one of two workers at a time: its supervisor alone, or with its children."""
    with tools.site.another_worker() as other:
        while not tools.wait(tools.random.uniform(*BETWEEN_SECONDS)):
            supervisor = tools.random.choice([tools.site.service.part("worker"), other])
            with_children = tools.random.random() < 0.5
            frozen = [supervisor, *(supervisor.children(recursive=True) if with_children else ())]
            try:
                for process in frozen:
                    process.suspend()
                tools.count("worker with its children" if with_children else "supervisor")
                tools.wait(FREEZE_SECONDS)
            finally:
                for process in frozen:
                    with contextlib.suppress(psutil.Error):
                        process.resume()


stopped = Fault(_freeze_workers)
