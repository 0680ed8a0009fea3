"""Hosts are added, drained and restarted one after another behind nginx, and no client notices."""

import argparse
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

import requests

from benchmarks.serving.report import Row, Rows, none_of
from benchmarks.survival.backing import LOCAL, Backing, Cluster
from benchmarks.survival.jobs import count_each, is_final
from tests.journeys.specs import LINE, LINE_DATASET
from tests.nginx_proxy import NGINX, NginxProxy
from tests.running_service import Client, RunningService, wait_for

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


class _Hosts:
    """Hosts that are added, drained and restarted while clients work."""

    def __init__(self, stack: ExitStack, folder: Path, backing: Backing) -> None:
        self._stack = stack
        self._folder = folder
        self._backing = backing
        self.all: list[_Host] = []

    @property
    def apis(self) -> list[int]:
        """The ports of their apis."""
        return [host.service.port for host in self.all]

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
    if NGINX is None:
        yield Row("skipped", "nginx isn't installed")
        return
    with ExitStack() as stack:
        backing = stack.enter_context(Cluster().open(folder, replicated=False, address=LOCAL))
        stack.enter_context(patch.dict(os.environ, backing.environment))
        hosts = _Hosts(stack, folder, backing)
        hosts.add()
        hosts.add()
        proxy = NginxProxy(folder, hosts.apis)
        client = hosts.all[0].service.client
        client.post("/v1/datasets", LINE_DATASET)
        client.post("/v1/models", LINE)
        client.train("line", "line", epochs=EPOCHS)

        def add_host() -> None:
            hosts.add()
            proxy.reload(hosts.apis)

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
