"""A service that can be disturbed: its hosts, its processes, its disk, and what it stands on."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil

from benchmarks.survival.backing import LOCAL, Backing, Kind, Skipped
from benchmarks.survival.networks import Host, open_network
from tests.running_service import ROOT, RunningService, wait_for
from tests.small_disks import mounted_disk

LEASE_SECONDS = 3
END_SECONDS = 10
SHARD_ROWS = 200
"""Few, so that each batch prediction is divided."""
NO_LIMIT = 0


@dataclass(frozen=True)
class Disk:
    """The size of a disk of its own for the service's files."""

    megabytes: int
    inodes: int = NO_LIMIT


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a fault needs of a site."""

    disk: Disk | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    """For all processes of the service. SIGNALS stands for the folder through which the fault reaches them."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """What that folder contains from the start."""
    replicated: bool = False
    """Whether the database's server has a standby."""
    hosts: int = 0
    """How many hosts run the service, each with a network of its own; 0 for this machine."""


@dataclass(frozen=True)
class Site:
    """Running services, one on each host, and what they stand on. `signals` is a folder through which faults reach the
    processes."""

    services: Sequence[RunningService]
    hosts: Sequence[Host]
    backing: Backing
    signals: Path

    @property
    def service(self) -> RunningService:
        """That of the first host."""
        return self.services[0]

    @property
    def artifacts(self) -> Path:
        """The folder of the artifacts, or of their copies, on the first host."""
        return self.service.artifacts

    def stop(self) -> None:
        for service in self.services:
            service.stop()

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
def open_site(kind: Kind, folder: Path, needs: Needs) -> Iterator[Site]:
    """A ready service on each host. With a disk, its data folder is on it. Raises Skipped if that isn't possible."""
    signals = folder / "signals"
    signals.mkdir()
    for name, content in needs.files.items():
        (signals / name).write_bytes(content)
    with ExitStack() as stack:
        data_dir = folder / "var"
        if needs.disk is not None:
            try:
                stack.enter_context(mounted_disk(data_dir, needs.disk.megabytes, needs.disk.inodes))
            except OSError as error:
                raise Skipped(f"a disk can't be mounted here: {error}") from None
        data_dir.mkdir(exist_ok=True)
        network = stack.enter_context(open_network(needs.hosts)) if needs.hosts else None
        address = LOCAL if network is None else network.address
        backing = stack.enter_context(kind.open(data_dir, replicated=needs.replicated, address=address))
        stack.enter_context(patch.dict(os.environ, backing.environment))
        environment = {name: value.replace("SIGNALS", str(signals)) for name, value in needs.environment.items()}
        hosts = [] if network is None else network.hosts
        places: Sequence[Host | None] = hosts or [None]
        services = []
        for number, host in enumerate(places):  # one after another: the first one migrates the database
            services.append(_start(data_dir / f"host-{number}" if hosts else data_dir, host, backing, environment))
            stack.callback(_stop, services[-1])
            services[-1].wait_until_ready()
        yield Site(services, hosts, backing, signals)


def _start(data_dir: Path, host: Host | None, backing: Backing, environment: Mapping[str, str]) -> RunningService:
    settings: dict[str, Any] = {} if host is None else {"allow_anonymous": "true"}
    return RunningService(
        data_dir,
        environment=environment,
        address=LOCAL if host is None else host.address,
        prefix=() if host is None else host.prefix,
        worker_slots="2",
        lease_seconds=str(LEASE_SECONDS),
        max_attempts="100",
        batch_shard_rows=str(SHARD_ROWS),
        min_free_bytes="0",
        **backing.settings,
        **settings,
    )


def crash(service: RunningService) -> None:
    """Kill the launcher, which ends everything, and start the service again as an operator's supervisor does."""
    processes = service.processes()
    service.process.kill()
    service.process.wait()
    psutil.wait_procs(processes, END_SECONDS)
    service.start()
    service.wait_until_ready()


def _stop(service: RunningService) -> None:
    if service.process.poll() is None:
        service.stop()


def prefixed(variable: str, folder: Path) -> str:
    """The value of a path variable of the environment with a folder before the others."""
    return os.pathsep.join(filter(None, (str(folder), os.environ.get(variable))))
