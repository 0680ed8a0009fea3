"""The api in its own process."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from service.config import Settings
from service.context import Context
from service.storage.records import Record
from tests.contexts import default_context
from tests.running_service import ROOT, free_port, wait_for

SERVE = """
from service import logs
from service.api.server import serve
from service.config import Settings

settings = Settings.from_environment()
logs.configure(settings, "api")
serve(settings)
"""


def start(port: int, folder: Path, **settings: object) -> subprocess.Popen[str]:
    """Start an api. The settings have the names of the fields of `Settings`."""
    waits = {"model_wait_seconds": 60, "dataset_wait_seconds": 60}
    given = {"port": port, "data_dir": folder, "api_processes": 1, "max_body_bytes": 1_000_000, **waits, **settings}
    environment = os.environ | {f"FITSERVE_{name.upper()}": str(value) for name, value in given.items()}
    command = [sys.executable, "-c", SERVE]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)


class Server:
    """A running api, with the context of its database and artifacts."""

    def __init__(self, process: subprocess.Popen[str], url: str, context: Context, log: list[str]) -> None:
        self.process = process
        self.url = url
        self.context = context
        self.log = log

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = self.url.removeprefix("http://").partition(":")
        return host, int(port)

    def get(self, path: str) -> requests.Response:
        return requests.get(self.url + path, timeout=30)

    def post(self, path: str, body: object, prefer: str = "") -> requests.Response:
        headers = {"Prefer": prefer} if prefer else {}
        return requests.post(self.url + path, json=body, headers=headers, timeout=90)

    def answers(self) -> bool:
        assert self.process.poll() is None
        try:
            return self.get("/readyz").status_code == 200
        except requests.ConnectionError:
            return False


@contextmanager
def running_api(folder: Path, **settings: object) -> Iterator[Server]:
    """A ready api during the block. Fails the test if it doesn't end cleanly."""
    context = default_context(Settings(data_dir=folder))
    Record.metadata.create_all(context.database.engine)
    port = free_port()
    process = start(port, folder, **settings)
    log: list[str] = []
    assert process.stderr is not None
    reader = threading.Thread(target=lambda lines=process.stderr: log.extend(lines))
    reader.start()
    server = Server(process, f"http://127.0.0.1:{port}", context, log)
    try:
        wait_for(server.answers, what="the api to answer")
        yield server
    finally:
        process.terminate()
        assert process.wait(15) == 0
        reader.join()
        process.stderr.close()
        assert not [line for line in log if "SIGABRT" in line or "SIGKILL" in line]
        context.database.close()
