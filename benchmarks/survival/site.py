"""A service that can be disturbed: its processes, its disk, its database and its clock."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.survival.databases import Kind, OpenDatabase
from tests.running_service import ROOT, RunningService, wait_for
from tests.small_disks import mounted_disk

LEASE_SECONDS = 3
END_SECONDS = 10
NO_LIMIT = 0


class Skipped(Exception):
    """A fault that isn't possible here. The text is the reason."""


@dataclass(frozen=True)
class Disk:
    """The size of a disk of its own for the service's files."""

    megabytes: int
    inodes: int = NO_LIMIT


@dataclass(frozen=True)
class Site:
    """A running service and what it stands on. `signals` is a folder through which faults reach its processes."""

    service: RunningService
    database: OpenDatabase
    data_dir: Path
    signals: Path

    @property
    def artifacts(self) -> Path:
        return self.data_dir / "artifacts"

    def crash(self) -> None:
        """Kill the launcher, which ends everything, and start the service again as an operator's supervisor does."""
        processes = self.service.processes()
        self.service.process.kill()
        self.service.process.wait()
        psutil.wait_procs(processes, END_SECONDS)
        self.service.start()
        self.service.wait_until_ready()

    @contextmanager
    def another_worker(self) -> Iterator[psutil.Process]:
        """A second worker of the same service during the block."""
        command = [sys.executable, "-m", "service", "worker"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, env=self.service.environment, cwd=ROOT, **quiet) as process:  # type: ignore[call-overload]
            try:
                wait_for(lambda: len(self.service.client.get("/v1/workers")["items"]) > 1, what="two workers")
                yield psutil.Process(process.pid)
            finally:
                process.send_signal(signal.SIGCONT)
                process.terminate()


@contextmanager
def open_site(
    kind: Kind, folder: Path, disk: Disk | None, environment: Mapping[str, str], files: Mapping[str, bytes]
) -> Iterator[Site]:
    """A ready service. With a disk, its data folder is on it. Raises Skipped if mounting isn't allowed."""
    signals = folder / "signals"
    signals.mkdir()
    for name, content in files.items():
        (signals / name).write_bytes(content)
    with ExitStack() as stack:
        data_dir = folder / "var"
        if disk is not None:
            try:
                stack.enter_context(mounted_disk(data_dir, disk.megabytes, disk.inodes))
            except OSError as error:
                raise Skipped(f"a disk can't be mounted here: {error}") from None
        data_dir.mkdir(exist_ok=True)
        database = stack.enter_context(kind.open(data_dir))
        service = RunningService(
            data_dir,
            environment={name: value.replace("SIGNALS", str(signals)) for name, value in environment.items()},
            database_url=database.url,
            worker_slots="2",
            lease_seconds=str(LEASE_SECONDS),
            max_attempts="100",
            min_free_bytes="0",
        )
        stack.callback(_stop, service)
        yield Site(service.wait_until_ready(), database, data_dir, signals)


def _stop(service: RunningService) -> None:
    if service.process.poll() is None:
        service.stop()


def prefixed(variable: str, folder: Path) -> str:
    """The value of a path variable of the environment with a folder before the others."""
    return os.pathsep.join(filter(None, (str(folder), os.environ.get(variable))))
