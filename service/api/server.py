"""Runs the api: gunicorn with threads, each process with an app and a database engine of its own."""

import gc
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import ThreadWorker

from service.addresses import AddressUnavailable, listen
from service.config import Settings
from service.operations.waiting import stop_waiting

if TYPE_CHECKING:
    from flask import Flask

GRACE_SECONDS = 8
KEEP_ALIVE_SECONDS = 75
"""Longer than what load balancers keep a connection, so that the client's side closes first."""
MEMORY_FOLDER = Path("/dev/shm")


def serve(settings: Settings) -> None:
    """Answer requests until SIGTERM or SIGINT. Ends the process with a line when the address can't be had."""
    try:
        listener = listen(settings.host, settings.port)
    except AddressUnavailable as error:
        sys.exit(str(error))
    ApiServer(settings, listener.detach()).run()


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
            "graceful_timeout": GRACE_SECONDS,
            "keepalive": KEEP_ALIVE_SECONDS,
            "timeout": 60,
            "proc_name": "fitserve-api",
            "control_socket_disable": True,
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
        # What is loaded now stays: full collections that visit it all were most of the slowest answers.
        gc.collect()
        gc.freeze()
        return app


class Worker(ThreadWorker):
    """A process whose requests stop waiting for jobs when it is told to end."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        stop_waiting()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        stop_waiting()
        super().handle_quit(sig, frame)


class ServiceLog(Logger):
    """gunicorn's messages in the service's log, which has been configured already; tracing.py logs the requests."""

    def setup(self, cfg: Config) -> None:
        self.error_log.propagate = True
