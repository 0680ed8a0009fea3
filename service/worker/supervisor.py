"""The worker's main loop: it sends heartbeats, puts back jobs of crashed workers, and claims jobs for free slots."""

import contextlib
import importlib.metadata
import itertools
import os
import platform
import socket
import threading
import time
from collections.abc import Collection
from datetime import UTC, datetime

import structlog

from models.jobs.assignment import Runtime
from service import __version__, statuses
from service.context import Context
from service.errors import LeaseLost, StorageError
from service.identity import identify, may_live
from service.operations.jobs import lifecycle as execution
from service.operations.jobs import queue, waiting
from service.operations.jobs.leases import Lease
from service.operations.jobs.registry import KINDS, kind_of
from service.operations.upkeep import housekeeping, space, workers
from service.storage.identifiers import new_identifier
from service.storage.notifications import Listener
from service.storage.records import Job, Worker
from service.tracing import Tracing
from service.worker.devices import find_devices
from service.worker.hint_receiver import HintReceiver
from service.worker.hosts import HostCheck
from service.worker.inability import CannotWork
from service.worker.processes import ProcessStarter
from service.worker.reaper import Reaper
from service.worker.removal import Removal
from service.worker.supervision import supervise
from service.worker.timing import Timer, growing_delays
from service.worker.waiting import check_waiting_jobs

HEARTBEAT_SECONDS = 3.0
MAX_PAUSE_SECONDS = 0.2
SAFETY_SECONDS = 5.0
"""How often a worker polls that PostgreSQL or a broker tells of jobs: that may get lost."""
CHECK_AGAIN_SECONDS = 5.0
"""How long jobs that waited aren't checked again if the database or their files couldn't be read."""
CLAIM_SECONDS = 1.0
"""How long the end of the worker waits for a claim that has begun."""
WARM_UP_ATTEMPTS = 4
"""After so many failed attempts in a row to start a process, over at least 7 seconds, the worker ends. Whatever
restarts it gives it a new fork server and a new look at its environment."""

TENSORFLOW_DISTRIBUTIONS = ("tensorflow", "tensorflow-cpu")

log = structlog.get_logger()


class Supervisor:
    """A worker. One thread calls `step` repeatedly. Each claimed job is supervised in a thread of its own.

    With a broker, hints claim jobs too, from another thread.
    """

    def __init__(self, context: Context, starter: ProcessStarter, tracing: Tracing | None = None) -> None:
        settings = context.settings
        self.id = new_identifier("wk")
        self._context = context
        self._starter = starter
        self._tracing = tracing
        self._process = identify(os.getpid())
        self._started_at = datetime.now(UTC)
        self._devices = find_devices()
        self._versions = library_versions()
        self._runtime = Runtime(settings.training_threads, settings.resident_bytes, self._versions).to_document()
        self._slots = {name: kind.slots(settings) for name, kind in KINDS.items() if kind.slot == name}
        self._running: dict[Lease, tuple[Job, threading.Thread]] = {}
        self._shutdown = threading.Event()
        self._woken = threading.Event()
        self._removal = Removal(context)
        self._reaper = Reaper(context, self._removal.add)
        self._reap_timer = Timer(self._reaper.interval)
        self._heartbeat_timer = Timer(HEARTBEAT_SECONDS)
        self._claiming = threading.Lock()
        """Held while a slot is free and its job isn't known yet."""
        self._listener = self._make_listener()
        self._poll_timer = Timer(settings.poll_seconds)
        self._safety_timer = Timer(SAFETY_SECONDS)
        self._cleanup_timer = Timer(housekeeping.CLEANUP_SECONDS)
        self._host_check = HostCheck(context, self.id, self._started_at, self._process)
        self._warming: threading.Thread | None = None
        self._checking: threading.Thread | None = None
        self._took_over = False
        self._desired_status: str = statuses.RUNNING
        """What an administrator requested, as of the latest heartbeat."""
        self._cannot_work: str | None = None
        self._shortage: str | None = None
        """Why it claims no jobs now: a disk has too little space."""
        self._reported = (False, False)
        """Whether the latest heartbeat said that it is ready, and that it has a problem."""
        self._listener.start()

    def _make_listener(self) -> Listener | HintReceiver:
        settings = self._context.settings
        if not settings.broker_url:
            return Listener(self._context.database.engine, self._woken.set)
        # The last queue has what only this worker may claim.
        queues = (*settings.queues, self.id)
        return HintReceiver(settings.broker_url, self.id, queues, KINDS, self._claim_hinted, self._woken.set)

    def step(self) -> None:
        """Do what is due. Raises StorageError; the next step then continues. Raises CannotWork."""
        self._keep_warm()
        if not self._took_over:
            self._host_check.check()
            taken = workers.take_over(self._context, socket.gethostname(), may_live, self._removal.add)
            self._took_over = True
            if taken:
                log.info("put back jobs of crashed workers", jobs=taken)
        if self._heartbeat_timer.due() or self._reported != (self._starter.warm, bool(self._problem)):
            self._send_heartbeat()
            self._host_check.check()
        if self._cannot_work is not None:
            raise CannotWork(self._cannot_work)
        if self._reap_timer.due():
            self._reaper.check()
        if self._cleanup_timer.due():
            threading.Thread(target=self._clean_up, name="cleanup", daemon=True).start()
        if self._is_claim_due():
            self._woken.clear()
            self._check_waiting_jobs()
            while self._claim(KINDS):
                pass
        self._accept_hints()

    def _is_claim_due(self) -> bool:
        timer = self._safety_timer if self._listener.is_listening else self._poll_timer
        return timer.due() or self._woken.is_set()

    def pause(self) -> None:
        """Wait until the next step may be due, a slot becomes free, or there may be a job to claim."""
        self._woken.wait(min(self._context.settings.poll_seconds, MAX_PAUSE_SECONDS))

    def _keep_warm(self) -> None:
        warming = self._warming is not None and self._warming.is_alive()
        if not self._starter.warm and not warming:
            self._warming = threading.Thread(target=self._warm_up, name="warm-up", daemon=True)
            self._warming.start()

    def _warm_up(self) -> None:
        for delay in itertools.islice(growing_delays(first=1.0), WARM_UP_ATTEMPTS):
            self._starter.warm_up()
            if self._starter.warm:
                self._woken.set()
            if self._starter.warm or self._shutdown.wait(delay):
                return
        self._cannot_work = f"The worker can't run jobs. {self._starter.problem}"

    @property
    def _problem(self) -> str | None:
        """Why it claims no jobs, other than that it starts."""
        return self._starter.problem or self._shortage

    def _send_heartbeat(self) -> None:
        ready, problem = self._starter.warm, self._problem
        worker = Worker(
            id=self.id,
            host=socket.gethostname(),
            process=self._process,
            slots=self._context.settings.worker_slots,
            queues=list(self._context.settings.queues),
            devices=self._devices,
            versions={"fitserve": __version__, "python": platform.python_version(), **self._versions},
            ready=ready,
            problem=problem,
            desired_status=self._desired_status,
            started_at=self._started_at,
            heartbeat_at=datetime.now(UTC),
        )
        workers.record_heartbeat(self._context, worker)
        self._reported = (ready, bool(problem))
        if worker.desired_status != self._desired_status:
            log.info("an administrator changed what the worker does", desired_status=worker.desired_status)
            self._woken.set()
        self._desired_status = worker.desired_status

    def _clean_up(self) -> None:
        try:
            housekeeping.clean_up(self._context, only_host=not housekeeping.has_turn(self._context, self.id))
        except StorageError as error:
            log.warning("no cleanup", reason=error.detail, retry_in_seconds=housekeeping.CLEANUP_SECONDS)

    def _check_waiting_jobs(self) -> None:
        """Check the jobs that wait in a thread: what a check reads may have to be downloaded first."""
        checks = self._checking is not None and self._checking.is_alive()
        if not checks and waiting.find_checkable(self._context):
            self._checking = threading.Thread(target=self._check, name="waiting-jobs", daemon=True)
            self._checking.start()

    def _check(self) -> None:
        try:
            check_waiting_jobs(self._context)
        except StorageError as error:
            log.warning("waiting jobs can't be checked now", reason=error.detail, retry_in_seconds=CHECK_AGAIN_SECONDS)
            self._shutdown.wait(CHECK_AGAIN_SECONDS)
        else:
            self._woken.set()

    def _claim(self, among: Collection[str]) -> bool:
        """Claim the next job of these kinds for which a slot is free, and run it. Returns whether there was one."""
        queues = self._context.settings.queues
        with self._claiming:
            self._check_space()
            kinds = [kind for kind in self._find_open_kinds() if kind in among]
            if not kinds or not execution.may_claim(self._context, self.id, kinds, queues):
                return False
            claimed = execution.claim(self._context, self.id, kinds, queues, self._runtime)
            if claimed is not None:
                self._supervise(*claimed)
        return claimed is not None

    def _claim_hinted(self, kind: str) -> None:
        """Do what a hint asks for: claim a job of a kind, if there is one and a slot is free. Raises nothing."""
        try:
            self._claim([kind])
        except StorageError:
            self._woken.set()  # the loop tries again, and reports
        self._accept_hints()

    def _accept_hints(self) -> None:
        with self._claiming:
            drains = self._desired_status == statuses.DRAINING
            self._listener.accept([] if drains else self._find_open_kinds())

    def _find_open_kinds(self) -> list[str]:
        """The kinds of jobs that it can run now."""
        # Only while processes start quickly: while a job waits for the fork server's imports, its lease isn't renewed.
        if not self._starter.warm or self._shortage is not None or self._shutdown.is_set():
            return []
        busy = [kind_of(job).slot for job, _ in tuple(self._running.values())]
        return [name for name, kind in KINDS.items() if busy.count(kind.slot) < self._slots[kind.slot]]

    def _check_space(self) -> None:
        shortage = space.find_shortage(self._context)
        if shortage is not None and self._shortage is None:
            log.warning("no jobs are claimed", reason=shortage)
        self._shortage = shortage

    def _supervise(self, lease: Lease, job: Job) -> None:
        def run() -> None:
            try:
                supervise(self._context, lease, job, self._starter, self._shutdown, self._tracing)
            finally:
                del self._running[lease]  # before the loop wakes: it would find the slot taken
                self._woken.set()

        thread = threading.Thread(target=run, name=lease.staging_name, daemon=True)
        self._running[lease] = (job, thread)
        try:
            thread.start()
        except BaseException:  # such as too many threads: the lease expires
            del self._running[lease]
            raise

    def end(self, seconds: float) -> None:
        """Kill all child processes and put their jobs back, within `seconds`. Raises nothing."""
        deadline = time.monotonic() + seconds
        self._shutdown.set()
        self._listener.stop()
        self._removal.end()
        self._starter.close()
        # A hint may just have claimed a job. If the database doesn't answer that, its lease expires.
        if self._claiming.acquire(timeout=CLAIM_SECONDS):
            self._claiming.release()
        for lease, (job, thread) in tuple(self._running.items()):
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():  # it waits for its process to start, or for the database
                log.warning("job put back by the shutdown", job_id=lease.job_id, **job.describe_origin())
                with contextlib.suppress(LeaseLost, StorageError):
                    execution.give_back(self._context, lease, queue.WORKER_SHUTDOWN)
        with contextlib.suppress(StorageError):
            workers.forget(self._context, self.id)


def library_versions() -> dict[str, str]:
    """The versions of TensorFlow and Keras, read without importing them; without those that aren't installed."""
    versions = {}
    for name, distributions in {"tensorflow": TENSORFLOW_DISTRIBUTIONS, "keras": ("keras",)}.items():
        for distribution in distributions:
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                versions[name] = importlib.metadata.version(distribution)
    return versions
