"""Predictions: resolves and loads versions and limits concurrency. Works while the database is unavailable."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from threading import BoundedSemaphore
from typing import NamedTuple

import structlog

from models.errors import ModelsError
from models.predictor import Predictor
from models.spec import THRESHOLD
from models.version_files import ARTIFACTS
from service.config import Settings
from service.context import Context
from service.errors import Overloaded, ServiceError, StorageError
from service.operations.catalog.models import find as find_model
from service.operations.catalog.resolve import check_servable, find_predicting
from service.operations.inference.admission import Admission, Permit
from service.operations.inference.loaded_versions import LoadedVersions
from service.operations.inference.statistics import PREDICTIONS, Counter
from service.operations.jobs import snapshots
from service.operations.metrics.counted import SNAPSHOT
from service.operations.pictures.plotted_rows import RememberedRows
from service.operations.recently_read import RecentlyRead
from service.operations.stored_files import Removed, version_folder
from service.processes import usable_cores
from service.storage import models
from service.storage.artifact_keys import SNAPSHOTS, parse
from service.storage.database import Session

MAX_RESOLVED = 1000
"""How many resolved versions a process caches, also for times when the database is unavailable."""
MAX_ROWS = 2**31 - 1
"""The rows of a request at most: the largest number that Triton's configuration can contain."""

DRAWING_SECONDS = 5.0
"""How long a picture waits to compute its predictions."""

log = structlog.get_logger()


class Wanted(NamedTuple):
    """What a client wants to predict with: a version, a label's version, or the one that the model serves; and which
    variant of it."""

    project: str
    model: str
    version: int | None = None
    label: str | None = None
    variant: str | None = None
    """The type of the version's variant; None: that to which the label points, or the version itself."""


class WantedSnapshot(NamedTuple):
    """What a client wants to predict with: the snapshot of a training job at the end of an epoch, or LATEST or BEST."""

    project: str
    training_job: str
    epoch: int | str


Target = Wanted | WantedSnapshot


class Found(NamedTuple):
    """What a client wants: its model's name, the version's number, the key of its network, and the model's threshold,
    which is the default for a task without one; and the type of the variant that predicts, if one does."""

    model: str
    number: int | None
    key: str
    """The folder of a version's or a variant's files, or what identifies a snapshot."""
    threshold: float
    epoch: int | None = None
    """The epoch of a snapshot, which has no number."""
    variant: str | None = None


class Loaded(NamedTuple):
    """A loaded version, variant or snapshot, and its statistics."""

    model: str
    version: int | None
    """None for a snapshot."""
    predictor: Predictor
    statistics: Counter
    settings: Settings
    threshold: float = THRESHOLD
    """The model's threshold, which can change; the version doesn't."""
    epoch: int | None = None
    """The epoch of a snapshot."""
    variant: str | None = None
    """The type of the variant; None for a version or a snapshot."""

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
        self._found: RecentlyRead[Target, Found] = RecentlyRead(MAX_RESOLVED)
        self._drawing = BoundedSemaphore(max(1, usable_cores() // settings.api_processes))
        self.plotted_rows = RememberedRows()
        self.statistics = PREDICTIONS

    def admit(self, size: int, caller: str) -> Permit:
        """The permit to parse a caller's body of `size` bytes and predict for it; entering it raises Overloaded."""
        return self._admission.admit(size, caller)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Compute the predictions of a picture in the block: at most one per core of the process. Raises Overloaded."""
        if not self._drawing.acquire(timeout=DRAWING_SECONDS):
            raise Overloaded("Too many pictures of predictions at once.", retry_after=1)
        try:
            yield
        finally:
            self._drawing.release()

    @property
    def permits_in_use(self) -> tuple[int, int]:
        """The permits of small and of large requests that are taken."""
        return self._admission.in_use

    @property
    def loaded_size(self) -> tuple[int, int]:
        """The number of loaded versions, and the bytes of their networks."""
        return self._loaded.size

    def loaded(self, wanted: Target) -> Loaded:
        """The wanted version, variant or snapshot, loaded. Raises NotFound, NoVersion, NoVariant, NoSnapshot; Conflict
        if it can't be served; DamagedNetwork."""
        try:
            return self._find_and_load(wanted)
        except Removed:
            self._found.forget(wanted)
            return self._find_and_load(wanted)

    def _find_and_load(self, wanted: Target) -> Loaded:
        found = self.find(wanted)
        return self._describe(wanted, found, self._loaded.get(found.key))

    def at_hand(self, wanted: Target) -> Loaded | None:
        """The wanted version, variant or snapshot; None if the database or a file must be read for it."""
        found = self._find_fresh(wanted)
        predictor = None if found is None else self._loaded.get_ready(found.key)
        return None if found is None or predictor is None else self._describe(wanted, found, predictor)

    def _describe(self, wanted: Target, found: Found, predictor: Predictor) -> Loaded:
        model, number, key, threshold, epoch, variant = found
        # The snapshots of a job are counted together, so that they don't replace the statistics of versions.
        counted = key if isinstance(wanted, Wanted) else wanted.training_job
        labels = (wanted.project, model, variant or "", SNAPSHOT if number is None else str(number))
        counter = self.statistics.of(counted, labels)
        return Loaded(model, number, predictor, counter, self.settings, threshold, epoch, variant)

    def deadline(self) -> float:
        """The deadline of a prediction that begins now, on the monotonic clock."""
        return time.monotonic() + self.settings.prediction_seconds

    def find(self, wanted: Target) -> Found:
        """The wanted version, variant or snapshot. While the database is unavailable, the one that it last resolved to.

        Raises NotFound, NoVersion, NoVariant, NoSnapshot; Conflict if it can't be served.
        """
        return self._find_fresh(wanted) or self._found.read(wanted, partial(self._read, wanted))

    def _find_fresh(self, wanted: Target) -> Found | None:
        return self._found.fresh(wanted) if _is_steady(wanted) else None

    def _read(self, wanted: Target) -> Found:
        with self._context.in_project(wanted.project).database.read() as session:
            return find_wanted(session, wanted) if isinstance(wanted, Wanted) else find_snapshot(session, wanted)

    def load_latest(self) -> None:
        """Load the versions that the `preloaded_models` newest models serve: the latest ones, by default."""
        most = self.settings.preloaded_models
        if not most:
            return
        try:
            with self._context.database.read() as session:
                served = models.newest_with_versions(session, most)
        except StorageError as error:
            log.warning("can't preload versions", detail=error.detail)
            return
        for model in served:
            try:
                self._loaded.get(self.find(Wanted(model.project, model.name)).key)
            except (ServiceError, ModelsError) as error:
                log.warning("can't preload a version", project=model.project, model=model.name, detail=error.detail)

    def _load(self, key: str) -> Predictor:
        with self._context.holding_files() as context:
            if parse(key)[0] == SNAPSHOTS:
                return snapshots.load(context, key, self.settings.prediction_threads)
            files = version_folder(context, key, ARTIFACTS["preprocessing"], ARTIFACTS["onnx"])
            return Predictor.load(files, self.settings.prediction_threads)


def _is_steady(wanted: Target) -> bool:
    """Whether what is wanted stays the same for a moment. The latest epoch of a training doesn't: whoever has seen the
    event of an epoch gets its snapshot."""
    return isinstance(wanted, Wanted) or isinstance(wanted.epoch, int)


def find_snapshot(session: Session, wanted: WantedSnapshot) -> Found:
    """The wanted snapshot. Raises NotFound, NoSnapshot; Conflict if the job has none yet."""
    job = snapshots.find_job(session, wanted.training_job)
    snapshot = snapshots.find(session, job, wanted.epoch)
    model = models.by_id(session, job.model_id)
    threshold = None if model is None else model.threshold
    key = snapshots.key_of(snapshot)
    return Found(str(job.model_name), None, key, THRESHOLD if threshold is None else threshold, snapshot.epoch)


def find_wanted(session: Session, wanted: Wanted) -> Found:
    """The wanted version or variant. Raises NotFound, NoVersion, NoVariant, and Conflict if it can't be served."""
    model = find_model(session, wanted.model)
    found = find_predicting(session, model, wanted.version, wanted.label, wanted.variant)
    check_servable(found.version)
    threshold = THRESHOLD if model.threshold is None else model.threshold
    variant = None if found.variant is None else found.variant.type
    return Found(wanted.model, found.version.number, found.folder, threshold, variant=variant)
