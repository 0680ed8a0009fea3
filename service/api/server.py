"""Runs the api: gunicorn with threads, each process with an app and a database engine of its own."""

import ctypes
import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication
from gunicorn.config import Config
from gunicorn.glogging import Logger

from service.addresses import AddressUnavailable, listen
from service.api import balance
from service.api.connections import Worker
from service.config import Settings
from service.operations.inference.statistics import PREDICTIONS
from service.storage import last_write

if TYPE_CHECKING:
    from flask import Flask

GRACE_SECONDS = 8
KEEP_ALIVE_SECONDS = 75
"""Longer than what load balancers keep a connection, so that the client's side closes first."""
SWITCH_SECONDS = 0.001
"""How long a thread that computes in Python keeps the others waiting, each time that they want to go on."""
LONGEST_LINE = 8190
"""Characters of a URL with its method: what RFC 9110, section 4.1, recommends to take, and gunicorn's most."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
MALLOC_OPTIONS = {M_ARENA_MAX: 1, M_MMAP_THRESHOLD: 8 * 2**20, M_TRIM_THRESHOLD: 32 * 2**20}
MEMORY_FOLDER = Path("/dev/shm")


def serve(settings: Settings) -> None:
    """Answer requests until SIGTERM or SIGINT. Ends the process with a line when the address can't be had."""
    _keep_freed_memory()
    # The processes share the moment because its memory is there before they are forked.
    last_write.note()
    PREDICTIONS.share()
    try:
        listener = listen(settings.host, settings.port)
    except AddressUnavailable as error:
        sys.exit(str(error))
    ApiServer(settings, listener.detach()).run()


def _keep_freed_memory() -> None:
    """Have glibc keep what a request frees for the next ones: given back, it would come as empty pages each time.

    It keeps it once for all threads, not for each as it otherwise would (`man 3 mallopt`).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter, value in MALLOC_OPTIONS.items():
            mallopt(parameter, value)


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
            "threads": self.settings.api_threads,
            "worker_class": Worker,
            "child_exit": lambda _, worker: balance.forget(worker.age),
            "graceful_timeout": GRACE_SECONDS,
            "keepalive": KEEP_ALIVE_SECONDS,
            "timeout": 60,
            "limit_request_line": LONGEST_LINE,
            "proc_name": "fitserve-api",
            "control_socket_disable": True,
            # No header tells this service anything about the client or its connection, so no peer need be looked up.
            "forwarded_allow_ips": "*",
            "forwarder_headers": "",
            "secure_scheme_headers": {},
            "logger_class": ServiceLog,
        }
        # gunicorn's processes touch a file each second, which a slow disk would turn into pauses.
        options |= {"worker_tmp_dir": str(MEMORY_FOLDER)} if MEMORY_FOLDER.is_dir() else {}
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> "Flask":
        """The app of a process that was just forked: connections and threads don't survive a fork."""
        # ONNX Runtime's threads begin when it is imported, so the process that forks must not import it.
        from service.api.app import create_app
        from service.context import Context

        app = create_app(Context.from_settings(self.settings))
        app.extensions["predictions"].load_latest()
        sys.setswitchinterval(SWITCH_SECONDS)
        # What is loaded now stays: full collections that visit it all were most of the slowest answers.
        gc.collect()
        gc.freeze()
        return app


class ServiceLog(Logger):
    """gunicorn's messages in the service's log, which has been configured already; tracing.py logs the requests."""

    def setup(self, cfg: Config) -> None:
        self.error_log.propagate = True

    def access(self, *_: Any) -> None:
        """Nothing: gunicorn would look each time whether it shall log the request."""
