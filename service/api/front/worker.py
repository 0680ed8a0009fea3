"""gunicorn's worker class: an event loop of uvicorn's (uvloop, httptools) around the front."""

import logging
from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker

from service.api.front.protocol import Connection

GRACE_SECONDS = 7
"""What requests that are being answered have, once the listener is closed."""


class Worker(UvicornWorker):
    """A process that answers requests."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "http": Connection,
        "ws": "none",
        "lifespan": "on",
        "interface": "asgi3",
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
        "timeout_graceful_shutdown": GRACE_SECONDS,
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # uvicorn-worker gives uvicorn's log gunicorn's handlers, of which there are none: the root has one for all.
        log = logging.getLogger("uvicorn.error")
        log.handlers, log.propagate = [], True
        log.setLevel(logging.ERROR)
