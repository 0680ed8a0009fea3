"""Predictions: the version that is meant, a bounded number at once, also while the database is away."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from models.errors import ModelsError
from models.predictor import Predictor
from service.context import Context
from service.errors import ServiceError, StorageError
from service.operations.catalog.models import find as find_model
from service.operations.catalog.resolve import check_servable, find_version
from service.operations.inference.admission import Admission, Permits
from service.operations.inference.loaded_versions import LoadedVersions
from service.operations.inference.statistics import PREDICTIONS, Counter
from service.storage import last_write, models
from service.storage.database import Session

MOST_REMEMBERED = 1000
"""Answers to «which version?» that a process keeps, also for when the database is away."""
MOST_ROWS = 2**31 - 1
"""Of a request, as Triton's configuration can say it."""
REMEMBERED_NANOSECONDS = 750_000_000
"""How long such an answer is taken for true while this machine's api processes write nothing; workers may."""

log = structlog.get_logger()


class Wanted(NamedTuple):
    """What a client wants to predict with: a version, a label's version, or the latest."""

    model: str
    version: int | None = None
    label: str | None = None


class Found(NamedTuple):
    """The version that a client wants: its model's name, its number, and the folder of its files."""

    model: str
    number: int
    folder: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """A version that is loaded, and what is counted of it."""

    model: str
    version: int
    predictor: Predictor
    statistics: Counter
    max_body_bytes: int

    @property
    def max_batch_size(self) -> int:
        """The rows that a body may have in binary."""
        return min(max(1, self.max_body_bytes // self.predictor.signature.row_bytes), MOST_ROWS)


class PredictionService:
    """Predicts with a bounded number of versions in memory and a bounded number of predictions at once."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.settings = settings = context.settings
        self._admission = Admission(settings)
        self._loaded = LoadedVersions(settings.prediction_cache_versions, settings.prediction_cache_bytes, self._load)
        self._found: OrderedDict[Wanted, tuple[int, Found]] = OrderedDict()
        self._finding = threading.Lock()
        self._max_body_bytes = settings.max_body_bytes
        self.statistics = PREDICTIONS

    def admit(self, size: int) -> Permits:
        """The permits for parsing a body of `size` bytes and predicting for it; entering them raises Overloaded."""
        return self._admission.admit(size)

    def loaded(self, wanted: Wanted) -> Loaded:
        """The version that is wanted, loaded. Raises NotFound, NoVersion; Conflict when it can't be served."""
        model, number, folder = self.find(wanted)
        return Loaded(model, number, self._loaded.get(folder), self.statistics.of(folder), self._max_body_bytes)

    def deadline(self) -> float:
        """The moment of the monotonic clock at which a prediction that begins now is given up."""
        return time.monotonic() + self.settings.prediction_seconds

    def find(self, wanted: Wanted) -> Found:
        """The version that is wanted now; while the database is away, the one that it was last.

        Raises NotFound, NoVersion; Conflict when the version can't be served.
        """
        remembered = self._found.get(wanted)
        if remembered is not None and _is_fresh(remembered[0]):
            return remembered[1]
        now = time.monotonic_ns()
        try:
            with self._context.database.read() as session:
                found = find_wanted(session, wanted)
        except StorageError:
            if remembered is None:
                raise
            found = remembered[1]
        except ServiceError:
            with self._finding:
                self._found.pop(wanted, None)
            raise
        with self._finding:
            self._found[wanted] = (now, found)
            self._found.move_to_end(wanted)
            if len(self._found) > MOST_REMEMBERED:
                self._found.popitem(last=False)
        return found

    def is_at_hand(self, wanted: Wanted) -> bool:
        """Whether the version can be had without reading the database or a file."""
        remembered = self._found.get(wanted)
        return remembered is not None and _is_fresh(remembered[0]) and self._loaded.has(remembered[1].folder)

    def load_latest(self) -> None:
        """Load the latest versions of as many models as the settings say, the newest models first."""
        most = self.settings.preloaded_models
        if not most:
            return
        try:
            with self._context.database.read() as session:
                names = models.newest_with_versions(session, most)
        except StorageError as error:
            log.warning("no version could be loaded ahead of use", detail=error.detail)
            return
        for name in names:
            try:
                self._loaded.get(self.find(Wanted(name)).folder)
            except (ServiceError, ModelsError) as error:
                log.warning("a version could not be loaded ahead of use", model=name, detail=error.detail)

    def _load(self, folder: str) -> Predictor:
        settings = self.settings
        files = self._context.artifacts.existing_folder(folder)
        return Predictor.load(files, settings.prediction_threads, settings.max_pixels)


def _is_fresh(moment: int) -> bool:
    """Whether what was found at a moment (in nanoseconds of the monotonic clock) may be taken for true."""
    return moment > max(last_write.moment(), time.monotonic_ns() - REMEMBERED_NANOSECONDS)


def find_wanted(session: Session, wanted: Wanted) -> Found:
    """The version that is wanted. Raises NotFound, NoVersion, and Conflict when it can't be served."""
    version = find_version(session, find_model(session, wanted.model), wanted.version, wanted.label)
    check_servable(version)
    return Found(wanted.model, version.number, version.folder)
