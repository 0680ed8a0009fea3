"""Predictions: resolves and loads versions and limits concurrency. Works while the database is unavailable."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from models.errors import ModelsError
from models.predictor import Predictor
from models.spec import THRESHOLD
from models.version_files import ARTIFACTS
from service.config import Settings
from service.context import Context
from service.errors import ServiceError, StorageError
from service.operations.catalog.models import find as find_model
from service.operations.catalog.resolve import check_servable, find_served, find_version
from service.operations.inference.admission import Admission, Permits
from service.operations.inference.loaded_versions import LoadedVersions
from service.operations.inference.statistics import PREDICTIONS, Counter
from service.operations.stored_files import version_folder
from service.storage import last_write, models
from service.storage.database import Session

MAX_RESOLVED = 1000
"""How many resolved versions a process caches, also for times when the database is unavailable."""
MAX_ROWS = 2**31 - 1
"""The rows of a request at most: the largest number that Triton's configuration can contain."""
FRESH_NANOSECONDS = 750_000_000
"""How long a resolved version counts as current if no api process of this machine writes. Workers may write."""
UNAVAILABLE_NANOSECONDS = 5_000_000_000
"""How long a remembered version is used without a query after the database was unavailable."""

log = structlog.get_logger()


class Wanted(NamedTuple):
    """What a client wants to predict with: a version, a label's version, or the one that the model serves."""

    model: str
    version: int | None = None
    label: str | None = None


class Found(NamedTuple):
    """The version that a client wants: its model's name, its number, the folder of its files, and the model's
    threshold, which is the default for a task without one."""

    model: str
    number: int
    folder: str
    threshold: float


@dataclass(frozen=True, slots=True)
class Loaded:
    """A loaded version and its statistics."""

    model: str
    version: int
    predictor: Predictor
    statistics: Counter
    settings: Settings
    threshold: float = THRESHOLD
    """The model's threshold, which can change; the version doesn't."""

    @property
    def max_batch_size(self) -> int:
        """How many rows a request can contain: as many as fit into a binary body, and into the limit on numbers."""
        by_body = self.settings.max_body_bytes // self.predictor.signature.row_bytes
        by_numbers = self.settings.max_prediction_numbers // sum(self.predictor.row_numbers)
        return min(max(1, min(by_body, by_numbers)), MAX_ROWS)


class PredictionService:
    """Predicts, with a bounded number of loaded versions and of concurrent predictions."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.settings = settings = context.settings
        self._admission = Admission(settings)
        self._loaded = LoadedVersions(settings.prediction_cache_versions, settings.prediction_cache_bytes, self._load)
        self._found: OrderedDict[Wanted, tuple[int, Found]] = OrderedDict()
        self._found_lock = threading.Lock()
        self.statistics = PREDICTIONS

    def admit(self, size: int) -> Permits:
        """The permits for parsing a body of `size` bytes and predicting for it; entering them raises Overloaded."""
        return self._admission.admit(size)

    def loaded(self, wanted: Wanted) -> Loaded:
        """The wanted version, loaded. Raises NotFound, NoVersion; Conflict if it can't be served; DamagedNetwork."""
        model, number, folder, threshold = self.find(wanted)
        predictor = self._loaded.get(folder)
        return Loaded(model, number, predictor, self.statistics.of(folder), self.settings, threshold)

    def deadline(self) -> float:
        """The deadline of a prediction that begins now, on the monotonic clock."""
        return time.monotonic() + self.settings.prediction_seconds

    def find(self, wanted: Wanted) -> Found:
        """The wanted version. While the database is unavailable, the one that it last resolved to.

        Raises NotFound, NoVersion; Conflict if the version can't be served.
        """
        cached = self._found.get(wanted)
        if cached is not None and _is_fresh(cached[0]):
            return cached[1]
        now = time.monotonic_ns()
        try:
            with self._context.database.read() as session:
                found = find_wanted(session, wanted)
        except StorageError:
            if cached is None:
                raise
            found = cached[1]
            # Don't query again for a while: each query of a server that doesn't respond takes seconds.
            now = time.monotonic_ns() + UNAVAILABLE_NANOSECONDS
        except ServiceError:
            with self._found_lock:
                self._found.pop(wanted, None)
            raise
        with self._found_lock:
            self._found[wanted] = (now, found)
            self._found.move_to_end(wanted)
            if len(self._found) > MAX_RESOLVED:
                self._found.popitem(last=False)
        return found

    def is_at_hand(self, wanted: Wanted) -> bool:
        """Whether the version is available without reading the database or a file."""
        cached = self._found.get(wanted)
        return cached is not None and _is_fresh(cached[0]) and self._loaded.has(cached[1].folder)

    def load_latest(self) -> None:
        """Load the versions that the `preloaded_models` newest models serve: the latest ones, by default."""
        most = self.settings.preloaded_models
        if not most:
            return
        try:
            with self._context.database.read() as session:
                names = models.newest_with_versions(session, most)
        except StorageError as error:
            log.warning("can't preload versions", detail=error.detail)
            return
        for name in names:
            try:
                self._loaded.get(self.find(Wanted(name)).folder)
            except (ServiceError, ModelsError) as error:
                log.warning("can't preload a version", model=name, detail=error.detail)

    def _load(self, folder: str) -> Predictor:
        files = version_folder(self._context, folder, ARTIFACTS["preprocessing"], ARTIFACTS["onnx"])
        return Predictor.load(files, self.settings.prediction_threads)


def _is_fresh(resolved_at: int) -> bool:
    """Whether a version that was resolved at `resolved_at` (nanoseconds of the monotonic clock) counts as current."""
    return resolved_at > max(last_write.moment(), time.monotonic_ns() - FRESH_NANOSECONDS)


def find_wanted(session: Session, wanted: Wanted) -> Found:
    """The wanted version. Raises NotFound, NoVersion, and Conflict if it can't be served."""
    model = find_model(session, wanted.model)
    if wanted.version is None and wanted.label is None:
        version = find_served(session, model)
    else:
        version = find_version(session, model, wanted.version, wanted.label)
    check_servable(version)
    return Found(
        wanted.model, version.number, version.folder, THRESHOLD if model.threshold is None else model.threshold
    )
