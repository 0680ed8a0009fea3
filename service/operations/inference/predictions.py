"""Predictions: the version that is meant, a bounded number at once, also while the database is away."""

import threading
import time
from collections import OrderedDict
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from models.errors import ModelsError
from models.predictor import Predictor
from service.context import Context
from service.errors import Conflict, DatabaseUnavailable, NotFound, NoVersion, ServiceError
from service.operations.catalog.models import find as find_model
from service.operations.inference.admission import Admission
from service.operations.inference.loaded_versions import LoadedVersions
from service.operations.inference.statistics import PREDICTIONS, Counter
from service.storage import last_write, models
from service.storage.database import Session
from service.storage.records import Model, Version

MOST_REMEMBERED = 1000
"""Answers to «which version?» that a process keeps, also for when the database is away."""
REMEMBERED_NANOSECONDS = 750_000_000
"""How long such an answer is taken for true while this machine's api processes write nothing; workers may."""
LARGEST_NUMBER = 2**31 - 1
"""What a database's integer holds; versions of other servers have larger ones."""

log = structlog.get_logger()


class Wanted(NamedTuple):
    """What a client wants to predict with: a version, a label's version, or the latest."""

    model: str
    version: int | None = None
    label: str | None = None


@dataclass(frozen=True)
class Loaded:
    """A version that is loaded, and what is counted of it."""

    model: str
    version: int
    predictor: Predictor
    statistics: Counter
    max_batch_size: int
    """The rows that a body may have in binary."""


class PredictionService:
    """Predicts with a bounded number of versions in memory and a bounded number of predictions at once."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.settings = settings = context.settings
        self._admission = Admission(settings)
        self._loaded = LoadedVersions(settings.prediction_cache_versions, settings.prediction_cache_bytes, self._load)
        self._found: OrderedDict[Wanted, tuple[int, Version]] = OrderedDict()
        self._finding = threading.Lock()
        self.statistics = PREDICTIONS

    def admit(self, size: int) -> AbstractContextManager[None]:
        """Parse a body of so many bytes and predict for it. Raises Overloaded."""
        return self._admission.admit(size)

    def loaded(self, wanted: Wanted) -> Loaded:
        """The version that is wanted, loaded. Raises NotFound, NoVersion; Conflict when it can't be served."""
        version = self.find(wanted)
        predictor = self._loaded.get(version.folder)
        most = min(max(1, self.settings.max_body_bytes // predictor.signature.row_bytes), LARGEST_NUMBER)
        return Loaded(wanted.model, version.number, predictor, self.statistics.of(version.folder), most)

    def deadline(self) -> float:
        """The moment of the monotonic clock at which a prediction that begins now is given up."""
        return time.monotonic() + self.settings.prediction_seconds

    def find(self, wanted: Wanted) -> Version:
        """The version that is wanted now; while the database is away, the one that it was last.

        Raises NotFound, NoVersion; Conflict when the version can't be served.
        """
        now = time.monotonic_ns()
        remembered = self._found.get(wanted)
        if remembered is not None and remembered[0] > max(last_write.moment(), now - REMEMBERED_NANOSECONDS):
            return remembered[1]
        try:
            with self._context.database.read() as session:
                version = find_version(session, wanted)
        except DatabaseUnavailable:
            if remembered is None:
                raise
            version = remembered[1]
        except ServiceError:
            with self._finding:
                self._found.pop(wanted, None)
            raise
        with self._finding:
            self._found[wanted] = (now, version)
            self._found.move_to_end(wanted)
            if len(self._found) > MOST_REMEMBERED:
                self._found.popitem(last=False)
        return version

    def load_latest(self) -> None:
        """Load the latest versions of as many models as the settings say, the newest models first."""
        most = self.settings.preloaded_models
        if not most:
            return
        try:
            with self._context.database.read() as session:
                names = models.newest_with_versions(session, most)
        except DatabaseUnavailable as error:
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


def find_version(session: Session, wanted: Wanted) -> Version:
    """The version that is wanted. Raises NotFound, NoVersion, and Conflict when it can't be served."""
    model = find_model(session, wanted.model)
    number = wanted.version if wanted.label is None else _labelled(session, model, wanted.label)
    version = models.version(session, model, number) if (number or 0) <= LARGEST_NUMBER else None
    if version is None and number is None:
        raise NoVersion(f'The model "{model.name}" has no version yet: train it first.')
    if version is None:
        raise NotFound(f'The model "{model.name}" has no version {number}.')
    if not version.servable:
        raise Conflict(f"Version {version.number} can't be served: {version.details['reason']}")
    return version


def _labelled(session: Session, model: Model, label: str) -> int:
    found = models.label(session, model, label)
    if found is None:
        raise NotFound(f'The model "{model.name}" has no label "{label}".')
    return found.number
