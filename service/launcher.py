"""`fitserve serve`: runs api and worker as child processes, reports when both are ready, and ends them together."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NoReturn

import structlog

from service.addresses import listen
from service.config import Settings
from service.processes import die_with_parent

COMMANDS = {name: (sys.executable, "-m", "service", name) for name in ("api", "worker")}

SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGCHLD}

GRACE_SECONDS = 8.0
"""The time between SIGTERM and SIGKILL for a part that doesn't end."""

STEADY_SECONDS = 60.0
"""A part that has run this long is restarted without delay after a crash."""

LONGEST_DELAY_SECONDS = 30.0

log = structlog.get_logger()


def prepare(settings: Settings) -> None:
    """Check the address and migrate the database before the start.

    Raises AddressUnavailable, InvalidSettings, StorageError, OSError.
    """
    listen(settings.host, settings.port).close()
    from service.operations.access.exposure import check_exposure
    from service.storage.database import migrate, retry_while_away

    migrate(settings.database_url, settings.start_seconds)
    check_exposure(settings)
    retry_while_away(settings.database_url, settings.start_seconds, lambda: remove_ended_workers(settings))


def serve(settings: Settings) -> int:
    """Run api and worker until SIGINT or SIGTERM. Returns the command's exit code."""
    return Launcher(settings, COMMANDS).run()


def remove_ended_workers(settings: Settings) -> None:
    """Remove the worker that a killed service left in the database, so that it doesn't count as ready."""
    from service.context import Context
    from service.identity import may_live
    from service.operations.jobs.lifecycle import remove_files
    from service.operations.upkeep.workers import take_over

    context = Context.from_settings(settings)
    with contextlib.closing(context.database):
        take_over(context, socket.gethostname(), may_live, partial(remove_files, context))


class StopRequested(Exception):
    """The process received SIGINT or SIGTERM."""


class PartDidNotStart(Exception):
    """A part crashed at each of its `start_attempts` before the service was ready for the first time."""

    def __init__(self, part: "Part") -> None:
        super().__init__(part.name)
        self.part = part


class Part:
    """A child process that is restarted after a crash."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        self.command = command
        self.starts = 0
        self.failures = 0
        self.start()

    def start(self) -> None:
        """Start the process in its own session, so that Ctrl-C in a terminal only reaches the launcher."""
        launcher = os.getpid()

        def before_exec() -> None:
            die_with_parent(launcher, signal.SIGTERM)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),
            start_new_session=True,
            preexec_fn=before_exec,
        )
        self.starts += 1
        self.started_at = time.monotonic()
        self.restart_at: float | None = None
        log.info("part started", name=self.name, pid=self.process.pid)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def restart_when_due(self) -> None:
        """Restart a part that has ended, after a delay that doubles with each crash in a row."""
        now = time.monotonic()
        if self.restart_at is None:
            self.kill()
            self.failures = 0 if now - self.started_at > STEADY_SECONDS else self.failures + 1
            delay = min(2.0 ** (self.failures - 1), LONGEST_DELAY_SECONDS) if self.failures else 0.0
            self.restart_at = now + delay
            log.error("part crashed", name=self.name, exit_code=self.process.returncode, restart_in_seconds=delay)
        if now >= self.restart_at:
            self.start()

    def terminate(self) -> None:
        if self.alive:
            self.process.terminate()

    def kill(self) -> None:
        """Kill the rest of the part's process group, including children that are still running."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.process.wait()


class Launcher:
    """The loop over signals and parts. Signals are blocked and polled, so that handlers don't interrupt other code."""

    def __init__(self, settings: Settings, commands: Mapping[str, Sequence[str]]) -> None:
        self.settings = settings
        self.commands = commands
        self.parts: list[Part] = []

    def run(self) -> int:
        """Run the parts until a signal arrives. Returns 0 after a clean end, or 1 if a part didn't start."""
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            for name, command in self.commands.items():
                self.parts.append(Part(name, command))
            self._wait_until_ready()
            self._keep_running()
        except StopRequested:
            return 0
        except PartDidNotStart as error:
            part = error.part
            log.error("part did not start", name=part.name, exit_code=part.process.returncode, attempts=part.starts)
            return 1
        finally:
            self._end()

    def _wait_until_ready(self) -> None:
        while not is_ready(self.settings.host, self.settings.port):
            wait_for_signal(0.1)
            for part in self.parts:
                if part.alive:
                    continue
                if part.starts >= self.settings.start_attempts:
                    raise PartDidNotStart(part)
                part.restart_when_due()
        print(f"ready at {self.settings.url}", flush=True)

    def _keep_running(self) -> NoReturn:
        while True:
            wait_for_signal(0.5)
            for part in self.parts:
                if not part.alive:
                    part.restart_when_due()

    def _end(self) -> None:
        deadline = time.monotonic() + GRACE_SECONDS
        for part in self.parts:
            part.terminate()
        with contextlib.suppress(StopRequested):
            while any(part.alive for part in self.parts) and time.monotonic() < deadline:
                wait_for_signal(0.1)
        for part in self.parts:
            if part.alive:
                log.warning("part killed", name=part.name)
            part.kill()


def wait_for_signal(seconds: float) -> None:
    """Wait at most `seconds`, or until a child ends. Raises StopRequested on SIGINT and SIGTERM."""
    received = signal.sigtimedwait(SIGNALS, seconds)
    if received is not None and received.si_signo != signal.SIGCHLD:
        raise StopRequested


def is_ready(host: str, port: int) -> bool:
    """Whether `GET /readyz` reports that the api is ready and that a worker can start jobs.

    A worker that claims none now, because a disk has too little space, counts.
    """
    connection = http.client.HTTPConnection(_reachable(host), port, timeout=1)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        body = json.loads(response.read())
        return response.status == 200 and body["parts"]["workers"]["status"] in ("ready", "waiting")
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        return False
    finally:
        connection.close()


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
