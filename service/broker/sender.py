"""Sends hints to the broker from a thread of its own, so that no request and no job waits for a broker."""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

import structlog

from service.broker.hints import Hint, name_address

if TYPE_CHECKING:
    from service.broker.connections import Outlet

CHECK_SECONDS = 5.0
"""How often the connection is checked while nothing is sent, and how long after a failure nothing is sent."""
CHECKED = name_address("cpu", "build")
"""The queue of the broker that a check declares. Every service has it."""
MOST_BUFFERED = 1000
"""The batches of hints in this process that wait to be sent, at most. Beyond that, the oldest are dropped."""
MOST_WAITING = 1000
"""The hints in a queue of the broker, at most. More of them would start no job sooner."""
CLOSE_SECONDS = 1.0

log = structlog.get_logger()


@dataclass(frozen=True)
class _Batch:
    hints: Sequence[Hint]
    is_reminder: bool


class HintSender:
    """Sends hints from any thread, without waiting for the broker. Those that can't be sent are dropped: workers also
    poll."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._batches: deque[_Batch] = deque(maxlen=MOST_BUFFERED)
        self._woken = threading.Event()
        self._is_closing = False
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self.has_connected = False
        """Whether the broker has ever answered."""
        self.problem: str | None = None
        """Why nothing is sent now; None if hints are sent, or will be once the first connection stands."""

    def start(self) -> None:
        """Connect, and from then on check the connection. Sending does it, too."""
        with self._starting:
            if self._thread is None and not self._is_closing:
                # Only now: importing it takes 0.2 s and 20 MB. And not in the sender's thread: Celery's thread imports
                # from kombu too, and of two threads that import modules with circular imports, one may get a
                # half-initialized one.
                from service.broker import connections

                with contextlib.suppress(Exception):  # connecting raises it again, in the thread that reports it
                    connections.load_driver(self._url)
                connect = partial(connections.Outlet, self._url)
                self._thread = threading.Thread(target=self._run, args=(connect,), name="hint-sender", daemon=True)
                self._thread.start()

    def send(self, hints: Iterable[Hint]) -> None:
        """Send hints soon. Call it after the commit."""
        self._add(_Batch(tuple(hints), is_reminder=False))

    def remind(self, hints: Iterable[Hint]) -> None:
        """Send hints again, to those queues of the broker that have none."""
        self._add(_Batch(tuple(hints), is_reminder=True))

    def close(self) -> None:
        """Send what waits, within a second, and disconnect."""
        self._is_closing = True
        self._woken.set()
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)

    def _add(self, batch: _Batch) -> None:
        if batch.hints and self.problem is None:
            self._batches.append(batch)
            self.start()
            self._woken.set()

    def _run(self, connect: Callable[[], "Outlet"]) -> None:
        while not self._is_closing or self._batches:
            try:
                with connect() as outlet:
                    self._serve(outlet)
            except Exception as error:
                # Whatever it is (the network, TLS, a password, a full broker), it means the same.
                self._begin_outage(error)
                self._woken.clear()
                if not self._is_closing:
                    self._woken.wait(CHECK_SECONDS)

    def _serve(self, outlet: "Outlet") -> None:
        """Send what there is to send until the end. Raises what the broker raises."""
        while True:
            if not self._batches:
                outlet.count(CHECKED)
            while self._batches:
                _send(outlet, self._batches.popleft())
            self._end_outage()
            if self._is_closing:
                return
            self._woken.wait(CHECK_SECONDS)
            self._woken.clear()

    def _begin_outage(self, error: Exception) -> None:
        reason = str(error) or type(error).__name__
        if self.problem is None and not self._is_closing:
            log.warning("the broker doesn't answer: workers find jobs by polling", reason=reason)
        self.problem = reason
        self._batches.clear()

    def _end_outage(self) -> None:
        if self.problem is not None:
            log.info("the broker answers again")
        self.problem, self.has_connected = None, True


def _send(outlet: "Outlet", batch: _Batch) -> None:
    for address, hints in groupby(sorted(batch.hints, key=lambda hint: hint.address), key=lambda hint: hint.address):
        waiting = outlet.count(address)
        if not (batch.is_reminder and waiting):
            outlet.send(list(hints)[: max(0, MOST_WAITING - waiting)])
