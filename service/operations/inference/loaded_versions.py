"""A cache of loaded versions. Each is loaded once; the least recently used ones are evicted first."""

import gc
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future

from models.predictor import Predictor


class LoadedVersions:
    """A cache of predictors by the version's folder: at most `most` of them, of at most `most_bytes` together, but
    always the last one used. Thread-safe. A slow load doesn't delay other versions."""

    def __init__(self, most: int, most_bytes: int, load: Callable[[str], Predictor]) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._load = load
        self._predictors: OrderedDict[str, Future[Predictor]] = OrderedDict()
        self._bytes: dict[str, int] = {}
        self._lock = threading.Lock()

    def get(self, folder: str) -> Predictor:
        """The predictor of a version. Concurrent calls share one load. Raises what loading raises."""
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
        """Evict the least recently used predictors until the rest is within the limits; returns whether any were."""
        evicted = False
        while len(self._bytes) > 1 and (len(self._bytes) > self._most or sum(self._bytes.values()) > self._most_bytes):
            oldest = next(folder for folder in self._predictors if folder in self._bytes)
            del self._predictors[oldest], self._bytes[oldest]
            evicted = True
        return evicted


def _freeze() -> None:
    """Exclude all current objects from later garbage collections, which caused the slowest responses.

    Reference cycles that exist now are never collected, so this must not happen repeatedly for ever: it happens only
    while the cache grows.
    """
    gc.collect()
    gc.freeze()
