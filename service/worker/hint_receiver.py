"""Receives hints from a broker: a Celery worker in a thread of this process, whose task claims a job.

Celery has its own ideas of signals, slots and processes. Here it only receives messages: the supervisor says for which
kinds of jobs it has a free slot, and runs what is claimed. A hint is acknowledged once the claim is made, not when the
job has ended, so no job is ever delivered twice because it takes long.
"""

import threading
from collections.abc import Callable, Collection
from typing import Any

import structlog

from service.broker.hints import name_address
from service.worker.timing import growing_delays

LONGEST_DELAY_SECONDS = 30.0
STOP_SECONDS = 1.5
"""How long the end of the worker waits for Celery's."""

log = structlog.get_logger()


class HintReceiver:
    """Calls `claim` with the kind of job of each hint, one at a time, in a thread of Celery's pool.

    `wake` is called whenever hints begin to arrive, because those sent before may be lost.
    """

    def __init__(
        self,
        url: str,
        name: str,
        queues: Collection[str],
        kinds: Collection[str],
        claim: Callable[[str], None],
        wake: Callable[[], None],
    ) -> None:
        # Only where there is a broker. And not in the receiver's thread, for the reason that `HintSender.start` gives.
        from service.worker import celery_app

        self._celery = celery_app
        self._url = url
        self._name = name
        self._kinds = {name_address(queue, kind): kind for queue in queues for kind in kinds}
        """The kind of job of each queue of the broker."""
        self._claim = claim
        self._wake = wake
        self._accepted: frozenset[str] = frozenset()
        self._consumer: Any = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hint-receiver", daemon=True)

    @property
    def is_listening(self) -> bool:
        """Whether hints arrive. If not, only polling finds jobs."""
        return self._consumer is not None

    def start(self) -> None:
        self._thread.start()

    def accept(self, kinds: Collection[str]) -> None:
        """Receive hints for these kinds of jobs from now on, and leave the others to other workers."""
        accepted = frozenset(kinds)
        if accepted != self._accepted:
            self._accepted = accepted
            self._let_select(self._consumer)

    def stop(self) -> None:
        """Receive no more hints."""
        self._stopping.set()
        self._accepted = frozenset()
        self._celery.let_stop(True)
        self._let_select(self._consumer)
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        for delay in growing_delays(first=1.0, longest=LONGEST_DELAY_SECONDS):
            self._celery.let_stop(False)
            if not self._stopping.is_set():
                self._work()
            if self._stopping.wait(delay):
                return

    def _work(self) -> None:
        """Receive hints until the end. Celery connects again by itself; it returns only after errors of other kinds."""
        try:
            worker = self._celery.make_worker(self._url, self._name, self._kinds, self._take, self)
            worker.start()
        except Exception as error:
            log.warning("hints can't be received", reason=str(error) or type(error).__name__)
        finally:
            self.end_connection()

    def _take(self, kind: str, job_id: str) -> None:
        """The task. The job of the hint may be gone or running: the database knows which one is next."""
        if kind in self._kinds.values():
            log.debug("hint received", kind=kind, job_id=job_id)
            self._claim(kind)
        else:
            log.warning("a message of the broker was discarded: it is no hint", kind=kind)

    def begin_connection(self, consumer: Any) -> None:
        """Celery has connected, and hasn't begun to receive."""
        for address, kind in self._kinds.items():
            if kind not in self._accepted:
                consumer.cancel_task_queue(address)
        self._consumer = consumer
        self._let_select(consumer)
        self._wake()

    def end_connection(self) -> None:
        """Celery has lost its connection."""
        if self._consumer is not None and not self._stopping.is_set():
            log.warning("no hints arrive: the worker polls")
        self._consumer = None

    def _let_select(self, consumer: Any) -> None:
        if consumer is not None:
            consumer.hub.call_soon(self._select_queues, consumer)  # in Celery's thread

    def _select_queues(self, consumer: Any) -> None:
        """Consume from those queues of the broker whose kinds are accepted."""
        for address, kind in self._kinds.items() if consumer is self._consumer else ():
            consumes = consumer.task_consumer.consuming_from(address)
            if kind in self._accepted and not consumes:
                consumer.add_task_queue(address)
            elif kind not in self._accepted and consumes:
                consumer.cancel_task_queue(address)
