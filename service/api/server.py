"""Runs the api: gunicorn's processes, each with an event loop, a front and a database engine of its own."""

import ctypes
import gc
import logging
import resource
import sys
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger

from service import tracing
from service.addresses import listen
from service.api.app import create_front
from service.api.front import rate_limits
from service.api.front.app import Front
from service.api.front.balance import SHARES
from service.api.front.worker import Worker
from service.config import Settings
from service.context import Context
from service.operations.access.exposure import log_exposure
from service.operations.inference.statistics import PREDICTIONS
from service.operations.metrics import counted
from service.operations.metrics.processes import PROCESSES
from service.storage import last_write

GRACE_SECONDS = 8
KEEP_ALIVE_SECONDS = 75
"""Longer than what load balancers keep a connection, so that the client's side closes first."""
SWITCH_SECONDS = 0.001
"""How long a thread that computes in Python keeps the others waiting, each time that they want to go on."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
MALLOC_OPTIONS = {M_ARENA_MAX: 1, M_MMAP_THRESHOLD: 8 * 2**20, M_TRIM_THRESHOLD: 32 * 2**20}
OTHER_FILES = 1024
"""Files that a process opens besides its connections: databases, networks, uploads."""
MEMORY_FOLDER = Path("/dev/shm")


def serve(settings: Settings) -> None:
    """Answer requests until SIGTERM or SIGINT. Raises AddressUnavailable, StorageError."""
    tracing.check()
    listener = listen(settings.host, settings.port).detach()
    log_exposure(settings)
    _keep_freed_memory()
    _allow_open_files(settings.max_connections + OTHER_FILES)
    # The processes share all of it because its memory is there before they are forked.
    last_write.note()
    PREDICTIONS.share()
    counted.share()
    rate_limits.share(settings)
    # They also share the imported code, as long as no full collection writes to it.
    gc.collect()
    gc.freeze()
    ApiServer(settings, listener).run()


def _keep_freed_memory() -> None:
    """Have glibc keep what a request frees for the next ones: given back, it would come as empty pages each time.

    It keeps it once for all threads, not for each as it otherwise would (`man 3 mallopt`).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter, value in MALLOC_OPTIONS.items():
            mallopt(parameter, value)


def _allow_open_files(wanted: int) -> None:
    """Raise the limit of open files, which is 1,024 in most shells, so far as the system lets a process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if most > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _forget_process(_arbiter: Arbiter, worker: Worker) -> None:
    SHARES.forget(worker.age)
    PROCESSES.forget(worker.age)


class ApiServer(BaseApplication):
    """gunicorn, set up by this service's settings alone."""

    def __init__(self, settings: Settings, listener: int) -> None:
        self.settings = settings
        self.listener = listener
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": [f"fd://{self.listener}"],
            "workers": self.settings.api_processes,
            "worker_class": Worker,
            "graceful_timeout": GRACE_SECONDS,
            "keepalive": KEEP_ALIVE_SECONDS,
            "timeout": 60,
            "proc_name": "fitserve-api",
            "child_exit": _forget_process,
            "control_socket_disable": True,
            "logger_class": ServiceLog,
        }
        # gunicorn's processes touch a file each second, which a slow disk would turn into pauses.
        options |= {"worker_tmp_dir": str(MEMORY_FOLDER)} if MEMORY_FOLDER.is_dir() else {}
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Front:
        """The app of a process that was just forked: connections and threads don't survive a fork."""
        # Only now: its threads begin when it is imported, and would not survive the fork.
        import onnxruntime  # noqa: F401 (the first prediction would wait for the import)

        context = Context.from_settings(self.settings)
        if context.broker is not None:
            context.broker.start()  # so that readiness and metrics know whether it answers
        front = create_front(context, tracing.start("api"))
        sys.setswitchinterval(SWITCH_SECONDS)
        # What is loaded now stays: full collections that visit it all were most of the slowest answers.
        gc.collect()
        gc.freeze()
        return front


class ServiceLog(Logger):
    """gunicorn's warnings in the service's log, which has been configured already; the front logs the requests."""

    def setup(self, cfg: Config) -> None:
        self.error_log.propagate = True
        # At every shutdown it reports each signal to a process, and each socket that is closed already.
        self.error_log.setLevel(logging.WARNING)
