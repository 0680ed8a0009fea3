"""Versions in memory, ready to predict: each loaded once, the least recently used leave first."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future

from models.predictor import Predictor


class LoadedVersions:
    """A bounded cache of predictors by the version's folder. Thread-safe; a slow load holds up nobody else's."""

    def __init__(self, most: int, load: Callable[[str], Predictor]) -> None:
        self._most = most
        self._load = load
        self._predictors: OrderedDict[str, Future[Predictor]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, folder: str) -> Predictor:
        """The predictor of a version; several that ask at once share one load. Raises what loading raises."""
        with self._lock:
            loaded = self._predictors.get(folder)
            if loaded is None:
                mine = self._predictors[folder] = Future()
                while len(self._predictors) > self._most:
                    self._predictors.popitem(last=False)
            self._predictors.move_to_end(folder)
        return loaded.result() if loaded is not None else self._fulfil(folder, mine)

    def _fulfil(self, folder: str, promise: Future[Predictor]) -> Predictor:
        try:
            promise.set_result(self._load(folder))
        except BaseException as error:
            with self._lock:
                self._predictors.pop(folder, None)
            promise.set_exception(error)
        return promise.result()
