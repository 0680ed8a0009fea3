"""Predictions: the version that is meant, loaded once and kept while it is used."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from models.predictor import Predictions, Predictor
from service.context import Context
from service.errors import Conflict, NotFound, NoVersion, Overloaded
from service.operations.models import find as find_model
from service.storage import models
from service.storage.database import Session
from service.storage.records import Model, Version


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
        self._predictors: OrderedDict[str, Predictor] = OrderedDict()
        self._lock = threading.Lock()

    def predict(
        self,
        model_name: str,
        instances: list[Any],
        *,
        version: int | None = None,
        label: str | None = None,
        top: int | None = None,
        scores: bool = True,
    ) -> Answer:
        """Predict with the version, the label's version, or the latest.

        Raises NotFound, NoVersion, Overloaded, InvalidInstances; Conflict when the version can't be served.
        """
        with self._permit():
            found = self._find(model_name, version, label)
            predictor = self._predictor(found)
            return Answer(model_name, found.number, predictor.predict(instances, top, scores))

    @contextmanager
    def _permit(self) -> Iterator[None]:
        if not self._permits.acquire(blocking=False):
            raise Overloaded("Too many predictions at once.", retry_after=1)
        try:
            yield
        finally:
            self._permits.release()

    def _find(self, model_name: str, number: int | None, label: str | None) -> Version:
        with self._context.database.read() as session:
            model = find_model(session, model_name)
            if label is not None:
                number = _labelled(session, model, label)
            version = models.version(session, model, number)
        if version is None and number is None:
            raise NoVersion(f'The model "{model_name}" has no version yet: train it first.')
        if version is None:
            raise NotFound(f'The model "{model_name}" has no version {number}.')
        if not version.servable:
            raise Conflict(f"Version {version.number} can't be served: {version.details['reason']}")
        return version

    def _predictor(self, version: Version) -> Predictor:
        with self._lock:
            predictor = self._predictors.get(version.folder)
            if predictor is None:
                folder = self._context.artifacts.folder(version.folder)
                predictor = Predictor.load(folder, self._context.settings.prediction_threads)
                self._predictors[version.folder] = predictor
                while len(self._predictors) > self._context.settings.prediction_cache_versions:
                    self._predictors.popitem(last=False)
            self._predictors.move_to_end(version.folder)
            return predictor


def _labelled(session: Session, model: Model, label: str) -> int:
    found = models.label(session, model, label)
    if found is None:
        raise NotFound(f'The model "{model.name}" has no label "{label}".')
    return found.number
