"""`fitserve worker`: runs a supervisor until SIGTERM or SIGINT."""

import signal
import time
from collections.abc import Sequence

import psutil
import structlog

from service import tracing
from service.config import Settings
from service.context import Context
from service.errors import DatabaseUnavailable, DiskFull
from service.worker import temporary_files
from service.worker.processes import PRELOADED, TASK, ProcessStarter
from service.worker.supervisor import Supervisor
from service.worker.timing import growing_delays

END_SECONDS = 5.0

log = structlog.get_logger()


class Ending:
    """Records whether a signal asked the worker to end."""

    def __init__(self) -> None:
        self.requested = False

    def request(self, signal_number: int, _frame: object) -> None:
        # A signal handler interrupts the main thread anywhere, so it must not acquire locks or log.
        self.requested = True

    def wait(self, seconds: float) -> None:
        """Wait `seconds`, or until the end is requested."""
        deadline = time.monotonic() + seconds
        while not self.requested and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))


def run(settings: Settings, task: str = TASK, preloaded: Sequence[str] = PRELOADED) -> None:
    """Run jobs until SIGTERM or SIGINT, then put the running ones back into the queue, within 8 seconds.

    Child processes call `task` (`module:function`). Their fork server imports `preloaded`.

    Raises DatabaseUnusable if retrying wouldn't help, and CannotWork.
    """
    temporary_files.settle(settings)
    ending = Ending()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, ending.request)
    context = Context.from_settings(settings)
    tracing.check()
    traces = tracing.start("worker")
    if context.broker is not None:
        context.broker.start()  # so that the log says if it doesn't answer
    supervisor = Supervisor(context, ProcessStarter(settings.start_method, task, preloaded), traces)
    log.info("worker started", worker=supervisor.id, slots=settings.worker_slots, threads=settings.training_threads)
    try:
        _loop(supervisor, ending)
    finally:
        supervisor.end(END_SECONDS)
        if traces is not None:
            traces.end()
        context.database.close()
        _kill_descendants()
        log.info("worker ended", worker=supervisor.id)


def _loop(supervisor: Supervisor, ending: Ending) -> None:
    delays = growing_delays()
    while not ending.requested:
        try:
            supervisor.step()
            delays = growing_delays()
            supervisor.pause()
        except (DatabaseUnavailable, DiskFull) as error:
            delay = next(delays)
            log.warning("the worker retries later", reason=error.detail, retry_in_seconds=delay)
            ending.wait(delay)


def _kill_descendants() -> None:
    """Kill the fork server too: on its own it would end only after its imports."""
    descendants = psutil.Process().children(recursive=True)
    for process in descendants:
        process.kill()
    psutil.wait_procs(descendants, timeout=1)
