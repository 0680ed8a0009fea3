"""A service that is watched while it answers: each request has a limit on time and memory, and none may harm others."""

import http.client
import re
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import orjson

from tests.fuzzing.request import JSON, RawRequest, Request, Response
from tests.running_service import RunningService, wait_for

HEALTH_SECONDS = 0.5
"""The longest that `/healthz` may take, whatever else the process does."""
MOST_GROWN = 512 * 2**20
"""Bytes of memory that a request may take in the process that serves it, or that imports its file."""
MOST_TRIES = 3
"""Another program may slow the machine down: a request is too slow if it is so each of these times."""
LEAKS = re.compile(rb"Traceback|/site-packages/|0x[0-9a-f]{7,}")
"""What belongs into the log and not into an error: code, and addresses in memory."""
VERSION_OF_DATASET = re.compile("/v1/datasets/[^/]+/versions/")
"""Locations that can't be deleted: a dataset always has its newest version, which is deleted with it."""
STATUS_LINE = re.compile(rb"^HTTP/1\.[01] (\d{3}) ", re.MULTILINE)
CLOSING = re.compile(rb"^connection: close\r$", re.MULTILINE | re.IGNORECASE)
"""The service reads nothing more from the connection: it refused a request without reading its body."""
NOT_IMPLEMENTED = (501, 505)
"""What a method, a transfer coding or a version of HTTP may be answered with."""
STARTED = re.compile(r"job started.*\bpid=(\d+)")
REPEATED = re.compile(r"job started.*\battempt=(?!1\b)")
"""A job whose process crashed is run again."""


class WatchedService:
    """A running service with one api process, and the limits that hold for each request to it."""

    def __init__(self, service: RunningService) -> None:
        self.service = service
        self.client = service.client
        self._api = service.part("api").children()[0].pid
        self._lines_read = self._lines_searched = len(service.lines(0))
        self._slowest_health = 0.0
        self._jobs: dict[int, int] = {}
        """The memory of the running jobs' processes when they were first seen, by their ids."""
        self._job_grown = 0
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=arguments)
            for arguments in ((self._time_health, 0.05), (self._measure_jobs, 0.01))
        ]

    def _repeat(self, watch: Callable[[], None], pause: float) -> None:
        while not self._stopping.wait(pause):
            watch()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the health of the service and the memory of its jobs during the block."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            for thread in self._threads:
                thread.join()

    @contextmanager
    def existing(self, request: Request | None) -> Iterator[None]:
        """Send a request that creates a resource, if there is one, and delete the resource after the block."""
        created = None if request is None else self._send(request, 60).headers["Location"]
        yield
        self._delete(created)

    def send(self, request: Request, seconds: float, *, may_be_overloaded: bool = False) -> Response:
        """Send a request, check what it did, and delete what it created. Fails if an answer takes over `seconds`."""
        for tries_left in reversed(range(MOST_TRIES)):
            self._slowest_health = 0.0
            response = self._send(request, 2 * seconds)
            self._delete(response.headers["Location"])
            if max(response.seconds / seconds, self._slowest_health / HEALTH_SECONDS) <= 1:
                break
            assert tries_left, f"took {response.seconds:.1f} s, and /healthz up to {self._slowest_health:.1f} s"
        self._check_answer(response, (503,) if may_be_overloaded else ())
        self._check_harm(response.grown)
        return response

    def send_raw(self, request: RawRequest, seconds: float) -> None:
        """Write to a connection, and check what comes back until the service closes it within `seconds`."""
        before = reset_peak(self._api)
        with socket.create_connection(("127.0.0.1", self.service.port), timeout=seconds) as connection:
            with suppress(OSError):  # it may answer, and close the connection, before it has read everything
                connection.sendall(request.data)
                if request.answers is None:  # else the last request says that it is the last
                    connection.shutdown(socket.SHUT_WR)
            answer = b"".join(_read_all(connection))
        statuses = [int(status) for status in STATUS_LINE.findall(answer)]
        final = [status for status in statuses if status >= 200]
        complete = request.answers in (None, len(final)) or (final and CLOSING.search(answer))
        assert complete, f"{request.answers} requests got {final}: {answer!r}"
        assert all(status < 500 or status in NOT_IMPLEMENTED for status in final), answer
        assert final or not request.data or not answer, answer
        self._check_harm(peak(self._api) - before)

    def _check_harm(self, grown: int) -> None:
        """Check that no process took too much memory, no job crashed, and nothing unexpected was logged."""
        most = max(grown, self._job_grown)
        self._job_grown = 0
        assert most <= MOST_GROWN, f"took {most / 2**20:,.0f} MiB"
        lines = self.service.lines(self._lines_read)
        self._lines_read += len(lines)
        bad = [line for line in lines if "unexpected error" in line or REPEATED.search(line)]
        assert not bad, f"{bad}: {''.join(lines)}"
        assert _exists(self._api), "the api process ended"

    def files(self) -> set[str]:
        """The files and folders of all datasets, versions, jobs and uploads."""
        artifacts = self.service.data_dir / "artifacts"
        return {str(path.relative_to(artifacts)) for path in artifacts.glob("*/**/*")}

    def check_rest(self, files: set[str]) -> None:
        """Check that exactly these files are left, that no job is, and that the worker still works."""
        wait_for(lambda: self.files() == files, 10, f"these files to be gone, or back: {self.files() ^ files}")
        with closing(sqlite3.connect(f"file:{self.service.data_dir / 'fitserve.db'}?mode=ro", uri=True)) as database:
            query = "SELECT id, status FROM jobs WHERE status NOT IN ('succeeded', 'failed', 'cancelled')"
            assert database.execute(query).fetchall() == []
        self.client.post("/v1/datasets", {"name": "well", "source": "iris"}, wait=60)
        self.client.delete("/v1/datasets/well")

    def _send(self, request: Request, seconds: float) -> Response:
        before = reset_peak(self._api)
        connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=seconds)
        started = time.monotonic()
        with closing(connection):
            try:
                with suppress(BrokenPipeError, ConnectionResetError):  # it may answer before it has read everything
                    connection.request(request.method, request.path, request.body, dict(request.headers))
                answer = connection.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException) as error:
                raise AssertionError(f"not answered: {error!r}") from error
        taken = time.monotonic() - started
        return Response(answer.status, answer.headers, body, taken, peak(self._api) - before)

    def _check_answer(self, response: Response, allowed: tuple[int, ...]) -> None:
        status, body = response.status, response.body
        assert status < 500 or status in allowed, f"{status}: {body!r}"
        assert status != 202, f"not finished in time: {body!r}"
        if status == 201:
            error = orjson.loads(body).get("error")
            assert error is None or error["status"] < 500, error
        if status >= 400:
            document = orjson.loads(body)
            assert document["error"]
            is_problem = response.headers["Content-Type"].startswith("application/problem+json")
            assert list(document) == ["error"] or (is_problem and document["status"] == status)
            leak = LEAKS.search(body)
            assert leak is None, f"{leak}: {body!r}"
            assert str(self.service.data_dir).encode() not in body, body

    def _delete(self, created: str | None) -> None:
        """Delete what a request has created, once it is finished."""
        if created is not None and not VERSION_OF_DATASET.match(created):
            delete = Request("DELETE", created, headers=JSON)
            wait_for(lambda: self._send(delete, 20).status in (204, 404), 60, f"{created} to be deleted")

    def _time_health(self) -> None:
        started = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=60)
        with closing(connection), suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/healthz")
            connection.getresponse().read()
        self._slowest_health = max(self._slowest_health, time.monotonic() - started)

    def _measure_jobs(self) -> None:
        """Note how much the processes of jobs have grown since they started."""
        lines = self.service.lines(self._lines_searched)
        self._lines_searched += len(lines)
        started = [int(found[1]) for line in lines if (found := STARTED.search(line))]
        for pid in [*self._jobs, *started]:
            try:
                now = _memory(pid)
                self._job_grown = max(self._job_grown, now["VmHWM"] - self._jobs.setdefault(pid, now["VmRSS"]))
            except (OSError, KeyError):  # it has ended
                self._jobs.pop(pid, None)


def reset_peak(pid: int) -> int:
    """Begin to measure the peak of a process's memory anew (proc(5), clear_refs); its memory now, in bytes."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _memory(pid)["VmRSS"]


def peak(pid: int) -> int:
    """The peak of a process's memory since `reset_peak`, in bytes."""
    return _memory(pid)["VmHWM"]


def _memory(pid: int) -> dict[str, int]:
    """Figures of a process's memory in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {line.partition(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.startswith("Vm")}


def _exists(pid: int) -> bool:
    return Path(f"/proc/{pid}/status").exists()


def _read_all(connection: socket.socket) -> Iterator[bytes]:
    with suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            yield piece
