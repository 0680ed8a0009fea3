"""Hosts are added, drained and restarted one after another behind nginx, and no client notices."""

import argparse
import os
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

import requests

from benchmarks.serving.report import Row, Rows, none_of
from benchmarks.survival.backing import LOCAL, Backing, Cluster
from benchmarks.survival.jobs import count_each, is_final
from tests import postgresql_server
from tests.journeys.specs import LINE, LINE_DATASET
from tests.running_service import ROOT, Client, RunningService, free_port, wait_for

CONFIGURATION = ROOT / "deploy" / "compose" / "scale" / "nginx.conf"
PREDICTORS, TRAINERS = 4, 2
BETWEEN_SECONDS = 3.0
"""How long the clients work undisturbed before and after each change."""
INSTANCES = [[10.0], [20.0]]
EPOCHS = 20


class Load:
    """Clients that predict, read lists, and train, until the end of the block. None of them sends a request again."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.answered: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.jobs: list[str] = []
        self._ending = threading.Event()
        work = [self._predict] * PREDICTORS + [self._train] * TRAINERS + [self._read]
        self._threads = [threading.Thread(target=self._run, args=[one], daemon=True) for one in work]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _run(self, work: Callable[[Client], None]) -> None:
        client = Client(self._url)
        while not self._ending.is_set():
            try:
                work(client)
            except (AssertionError, requests.RequestException) as error:
                self.failed[f"{work.__name__.lstrip('_')}: {str(error)[:200]}"] += 1

    def _predict(self, client: Client) -> None:
        client.predict("line", INSTANCES)
        self.answered["predictions"] += 1

    def _train(self, client: Client) -> None:
        job = client.start_training("line", "line", epochs=EPOCHS)
        self.jobs.append(job)
        while not is_final(client, job):
            self.answered["waits"] += 1

    def _read(self, client: Client) -> None:
        for path in ("/v1/training-jobs", "/v1/models/line/versions", "/v1/workers"):
            client.get(path)
            self.answered["lists"] += 1


@dataclass(frozen=True)
class _Host:
    """A running host, and the id of its worker."""

    service: RunningService
    worker: str


class _Proxy:
    """nginx as deploy/compose/scale.yml configures it, during the block."""

    def __init__(self, program: str, folder: Path) -> None:
        port = free_port()
        self.url = f"http://{LOCAL}:{port}"
        self._program = program
        self._configuration = folder / "nginx.conf"
        text = CONFIGURATION.read_text()
        for theirs, ours in (("listen 8080", f"listen {LOCAL}:{port}"), ("/tmp/", f"{folder}/nginx-")):
            assert theirs in text
            text = text.replace(theirs, ours)
        self._before, found, self._after = text.partition("server api:8000 resolve ")
        assert found

    def __enter__(self) -> Self:
        command = [self._program, "-c", str(self._configuration), "-g", "daemon off;"]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_for(lambda: _is_ready(Client(self.url)), what="nginx to answer")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def configure(self, hosts: Sequence[_Host]) -> None:
        """Let the requests go to the apis of these hosts."""
        options, _, rest = self._after.partition(";")
        servers = "; ".join(f"server {LOCAL}:{host.service.port} {options}" for host in hosts)
        self._configuration.write_text(f"{self._before}{servers};{rest}")

    def reload(self) -> None:
        self._process.send_signal(signal.SIGHUP)


class _Hosts:
    """Hosts that are added, drained and restarted while clients work."""

    def __init__(self, stack: ExitStack, folder: Path, backing: Backing) -> None:
        self._stack = stack
        self._folder = folder
        self._backing = backing
        self.all: list[_Host] = []

    def add(self) -> None:
        folder = self._folder / f"host-{len(self.all)}"
        settings: dict[str, Any] = {"worker_slots": "1", "api_processes": "1", "min_free_bytes": "0"}
        service = RunningService(folder, **self._backing.settings, **settings)
        self._stack.callback(service.stop)
        service.wait_until_ready()
        known = {host.worker for host in self.all}
        worker = next(one["id"] for one in service.client.get("/v1/workers")["items"] if one["id"] not in known)
        self.all.append(_Host(service, worker))

    def restart_api(self) -> None:
        """End an api as an operator does. Its launcher starts it again."""
        service = self.all[1].service
        api = service.part("api")
        api.terminate()
        api.wait()
        wait_for(lambda: _is_ready(service.client), what="the api to be back")

    def replace(self) -> None:
        """Drain a worker, stop its host once it runs nothing, and start the host again."""
        host = self.all[0]
        url = f"/v1/workers/{host.worker}"
        host.service.client.patch(url, {"desired_status": "draining"})
        wait_for(lambda: host.service.client.get(url)["running_jobs"] == 0, what="the worker to be idle")
        with host.service.away():
            pass


def replacing(folder: Path, arguments: argparse.Namespace) -> Rows:
    """Hosts are added, drained and restarted under load."""
    if (nginx := shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")) is None:
        yield Row("skipped", "nginx isn't installed")
        return
    postgresql_server.begin_run()
    with ExitStack() as stack:
        stack.callback(postgresql_server.end_run)
        backing = stack.enter_context(Cluster().open(folder, replicated=False, address=LOCAL))
        stack.enter_context(patch.dict(os.environ, backing.environment))
        hosts, proxy = _Hosts(stack, folder, backing), _Proxy(nginx, folder)
        hosts.add()
        hosts.add()
        proxy.configure(hosts.all)
        client = hosts.all[0].service.client
        client.post("/v1/datasets", LINE_DATASET)
        client.post("/v1/models", LINE)
        client.train("line", "line", epochs=EPOCHS)

        def add_host() -> None:
            hosts.add()
            proxy.configure(hosts.all)
            proxy.reload()

        with proxy, Load(proxy.url) as load:
            time.sleep(BETWEEN_SECONDS)
            for what, change in (
                ("a host added", add_host),
                ("an api restarted", hosts.restart_api),
                ("a worker drained, and its host restarted", hosts.replace),
            ):
                began = time.monotonic()
                change()
                yield Row(what, f"{time.monotonic() - began:.1f} s")
                time.sleep(BETWEEN_SECONDS)
        yield from _judge(load, client)


def _is_ready(client: Client) -> bool:
    try:
        return client.request("GET", "/readyz").ok
    except requests.ConnectionError:
        return False


def _judge(load: Load, client: Client) -> Rows:
    jobs = [client.job(job) for job in load.jobs]
    yield Row("answered", ", ".join(f"{what}: {number}" for what, number in sorted(load.answered.items())))
    yield none_of("requests that failed", "; ".join(f"{what} × {number}" for what, number in load.failed.items()))
    yield Row("trainings", count_each(job["status"] for job in jobs))
    yield none_of("of these failed", "".join(job["id"] for job in jobs if job["status"] != "succeeded"))
    yield none_of("ran again", "".join(job["id"] for job in jobs if job["attempt"] != 1))
