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

    def get(self, tag: str, request: bytes) -> bytes:
        """The picture with an ETag, drawn by `request` unless it is kept. Raises what Drawer.draw raises."""
        with self._lock:
            if tag in self._kept:
                self._kept.move_to_end(tag)
                return self._kept[tag]
            picture = self._being_drawn.get(tag)
            is_mine = picture is None
            if picture is None:
                picture = self._being_drawn[tag] = Future()
        if is_mine:
            self._draw(tag, request, picture)
        return picture.result()

    def _draw(self, tag: str, request: bytes, picture: Future[bytes]) -> None:
        try:
            picture.set_result(self.drawer.draw(request))
        except BaseException as error:
            picture.set_exception(error)
        finally:
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
