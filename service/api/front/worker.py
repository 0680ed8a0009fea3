"""The worker class for gunicorn: runs the front in uvicorn, with uvloop and httptools."""

import logging
import signal
from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker

from service.api.front.balance import SHARES
from service.api.front.protocol import Connection
from service.operations.metrics.processes import PROCESSES
from service.processes import die_with_parent

GRACE_SECONDS = 5
"""How long requests in progress may take after the listener has closed."""


class Worker(UvicornWorker):
    """An api process."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "service.api.front.balance:BalancingLoop",
        "http": Connection,
        "ws": "none",
        "lifespan": "on",
        "interface": "asgi3",
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
        # Otherwise asyncio may start a request in the context of an earlier one of the same connection, with its id.
        "reset_contextvars": True,
        "timeout_graceful_shutdown": GRACE_SECONDS,
    }

    def init_process(self) -> None:
        # Without its master a process would keep the port and never be replaced.
        die_with_parent(self.ppid, signal.SIGTERM)
        SHARES.join(self.age)
        PROCESSES.join(self.age)
        super().init_process()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # uvicorn-worker gives uvicorn's logger the handlers of gunicorn's, which has none: only the root logger does.
        log = logging.getLogger("uvicorn.error")
        log.handlers, log.propagate = [], True
        log.setLevel(logging.ERROR)
