"""Versions in memory, ready to predict: each loaded once, the least recently used leave first."""

import gc
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future

from models.predictor import Predictor


class LoadedVersions:
    """A cache of predictors by the version's folder: at most so many, of at most so many bytes together, but always
    the one that was used last. Thread-safe; a slow load holds up nobody else's."""

    def __init__(self, most: int, most_bytes: int, load: Callable[[str], Predictor]) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._load = load
        self._predictors: OrderedDict[str, Future[Predictor]] = OrderedDict()
        self._bytes: dict[str, int] = {}
        self._lock = threading.Lock()

    def get(self, folder: str) -> Predictor:
        """The predictor of a version; several that ask at once share one load. Raises what loading raises."""
        with self._lock:
            loaded = self._predictors.get(folder)
            if loaded is None:
                mine = self._predictors[folder] = Future()
            self._predictors.move_to_end(folder)
        return loaded.result() if loaded is not None else self._fulfil(folder, mine)

    def has(self, folder: str) -> bool:
        """Whether the version is loaded."""
        loaded = self._predictors.get(folder)
        return loaded is not None and loaded.done()

    def _fulfil(self, folder: str, promise: Future[Predictor]) -> Predictor:
        try:
            predictor = self._load(folder)
        except BaseException as error:
            with self._lock:
                self._predictors.pop(folder, None)
            promise.set_exception(error)
            raise
        promise.set_result(predictor)
        with self._lock:
            self._bytes[folder] = predictor.network.bytes
            grown = not self._shrink()
        if grown:
            _freeze()
        return predictor

    def _shrink(self) -> bool:
        """Let the least recently used leave until the rest is within the bounds; says whether any did."""
        leaving = False
        while len(self._bytes) > 1 and (len(self._bytes) > self._most or sum(self._bytes.values()) > self._most_bytes):
            oldest = next(folder for folder in self._predictors if folder in self._bytes)
            del self._predictors[oldest], self._bytes[oldest]
            leaving = True
        return leaving


def _freeze() -> None:
    """Have later collections of garbage pass over what is in memory now: visiting it all made the slowest answers.

    What a request happens to hold meanwhile is never collected if it forms a cycle, so it must not be done for ever:
    it is done only while the cache grows.
    """
    gc.collect()
    gc.freeze()
