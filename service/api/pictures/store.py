"""Draws each picture once: pictures that were drawn lately are kept, and concurrent requests for one share it."""

import threading
from collections import OrderedDict
from concurrent.futures import Future

from service.api.pictures.drawer import Drawer

MOST_BYTES = 8 * 2**20
"""The pictures that a process keeps take at most so much memory."""


class Pictures:
    """The pictures of this process, by their ETags."""

    def __init__(self, drawer: Drawer) -> None:
        self.drawer = drawer
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._being_drawn: dict[str, Future[bytes]] = {}

    def get(self, tag: str, request: bytes) -> Future[bytes]:
        """The picture with an ETag, which `request` draws unless it is kept. Raises Overloaded.

        The future may raise what that of Drawer.draw raises.
        """
        with self._lock:
            if tag in self._kept:
                self._kept.move_to_end(tag)
                kept: Future[bytes] = Future()
                kept.set_result(self._kept[tag])
                return kept
            if tag in self._being_drawn:
                return self._being_drawn[tag]
            picture = self._being_drawn[tag] = self.drawer.draw(request)
        picture.add_done_callback(lambda drawn: self._end(tag, drawn))
        return picture

    def _end(self, tag: str, picture: Future[bytes]) -> None:
        with self._lock:
            del self._being_drawn[tag]
            if picture.exception() is None:
                self._keep(tag, picture.result())

    def _keep(self, tag: str, content: bytes) -> None:
        self._kept[tag] = content
        self._bytes += len(content)
        while self._bytes > MOST_BYTES:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= len(oldest)
