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
        self._loading: dict[str, Future[Predictor]] = {}
        self._ready: OrderedDict[str, Predictor] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, folder: str) -> Predictor:
        """The predictor of a version; concurrent callers share one load. Raises what loading raises."""
        with self._lock:
            predictor = self._use(folder)
            if predictor is not None:
                return predictor
            loading = self._loading.get(folder)
            if loading is None:
                mine = self._loading[folder] = Future()
        return loading.result() if loading is not None else self._fulfil(folder, mine)

    def get_ready(self, folder: str) -> Predictor | None:
        """The predictor of a version that is loaded; None if it isn't."""
        with self._lock:
            return self._use(folder)

    def _use(self, folder: str) -> Predictor | None:
        """The predictor that is loaded, which becomes the last one used. Hold the lock."""
        predictor = self._ready.get(folder)
        if predictor is not None:
            self._ready.move_to_end(folder)
        return predictor

    @property
    def size(self) -> tuple[int, int]:
        """The number of loaded versions, and the bytes of their networks."""
        with self._lock:
            return len(self._ready), self._size()

    def _fulfil(self, folder: str, promise: Future[Predictor]) -> Predictor:
        try:
            predictor = self._load(folder)
        except BaseException as error:
            with self._lock:
                del self._loading[folder]
            promise.set_exception(error)
            raise
        with self._lock:
            self._ready[folder] = predictor
            del self._loading[folder]
            grown = not self._shrink()
        promise.set_result(predictor)
        if grown:
            _freeze()
        return predictor

    def _shrink(self) -> bool:
        """Remove the least recently used versions until the rest is within the bounds; says whether any was removed."""
        removed = False
        while len(self._ready) > 1 and (len(self._ready) > self._most or self._size() > self._most_bytes):
            self._ready.popitem(last=False)
            removed = True
        return removed

    def _size(self) -> int:
        return sum(predictor.network.bytes for predictor in self._ready.values())


def _freeze() -> None:
    """Exclude all current objects from later garbage collections, which caused the slowest responses.

    Reference cycles that exist now are never collected, so this must not happen repeatedly for ever: it happens only
    while the cache grows.
    """
    gc.collect()
    gc.freeze()
