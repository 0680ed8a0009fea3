"""Predictions: the version that is meant, a bounded number at once, also while the database is away."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from models.predictor import Predictions, Predictor
from models.preprocessing import Instances
from service.context import Context
from service.errors import Conflict, DatabaseUnavailable, NotFound, NoVersion, Overloaded, ServiceError
from service.operations.loaded_versions import LoadedVersions
from service.operations.models import find as find_model
from service.storage import models
from service.storage.database import Session
from service.storage.records import Model, Version

MOST_REMEMBERED = 1000
"""Answers to «which version?» that a process keeps for when the database is away."""


@dataclass(frozen=True)
class Wanted:
    """What a client wants to predict with: a version, a label's version, or the latest."""

    model: str
    version: int | None = None
    label: str | None = None


@dataclass(frozen=True)
class Answer:
    """The predictions of a version."""

    model: str
    version: int
    predictions: Predictions


class PredictionService:
    """Predicts with a bounded number of versions in memory and a bounded number of predictions at once."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._permits = threading.BoundedSemaphore(context.settings.max_concurrent_predictions)
        self._loaded = LoadedVersions(context.settings.prediction_cache_versions, self._load)
        self._last_found: dict[Wanted, Version] = {}

    def predict(self, wanted: Wanted, instances: Instances, *, top: int | None = None, scores: bool = True) -> Answer:
        """Predict for posted instances.

        Raises NotFound, NoVersion, Overloaded, InvalidInstances; Conflict when the version can't be served.
        """
        version = self._find(wanted)
        with self._permit():
            predictions = self._loaded.get(version.folder).predict(instances, top, scores)
            return Answer(wanted.model, version.number, predictions)

    @contextmanager
    def _permit(self) -> Iterator[None]:
        if not self._permits.acquire(blocking=False):
            raise Overloaded("Too many predictions at once.", retry_after=1)
        try:
            yield
        finally:
            self._permits.release()

    def _find(self, wanted: Wanted) -> Version:
        """The version that is wanted now; while the database is away, the one that it was last."""
        try:
            with self._context.database.read() as session:
                version = find_version(session, wanted)
        except DatabaseUnavailable:
            if wanted not in self._last_found:
                raise
            return self._last_found[wanted]
        except ServiceError:
            self._last_found.pop(wanted, None)
            raise
        self._last_found[wanted] = version
        while len(self._last_found) > MOST_REMEMBERED:
            self._last_found.pop(next(iter(self._last_found)), None)
        return version

    def _load(self, folder: str) -> Predictor:
        settings = self._context.settings
        files = self._context.artifacts.existing_folder(folder)
        return Predictor.load(files, settings.prediction_threads, settings.max_pixels)


def find_version(session: Session, wanted: Wanted) -> Version:
    """The version that is wanted. Raises NotFound, NoVersion, and Conflict when it can't be served."""
    model = find_model(session, wanted.model)
    number = wanted.version if wanted.label is None else _labelled(session, model, wanted.label)
    version = models.version(session, model, number)
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
