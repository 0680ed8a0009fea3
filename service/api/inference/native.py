"""Fitserve's own predictions: instances of any type of body in, labels, scores or values out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import marshmallow
import numpy as np

from models.errors import summarize
from models.spec import Task
from service.api.contract.schemas.predictions import PredictionQuery
from service.api.http.bodies import dump_json, in_parts
from service.api.http.errors import InvalidQuery, RequestFault
from service.api.http.faults import query_faults
from service.api.http.replies import Reply
from service.api.inference.instances import read_instances
from service.api.inference.plane import InferenceRequest, Work
from service.operations.inference.predictions import Loaded, PredictionService, Wanted

QUERY = PredictionQuery()


@dataclass(frozen=True)
class NativeWork(Work):
    """Instances as the network takes them, and how their predictions are wanted."""

    warnings: list[dict[str, Any]]
    top: int | None
    scores: bool


@dataclass(frozen=True)
class Native:
    """`…/predictions`."""

    max_json_depth: int

    def open(self, service: PredictionService, wanted: Wanted) -> Loaded:
        """Raises NotFound, NoVersion; Conflict when the version can't be served."""
        return service.loaded(wanted)

    def read(self, request: InferenceRequest, loaded: Loaded) -> NativeWork:
        """Raises InvalidQuery, UnsupportedMediaType, MalformedBody, InvalidRequest, InvalidInstances."""
        top, scores = _read_query(request.query, loaded.predictor.task)
        instances = read_instances(request.headers.get("content-type", ""), request.body, self.max_json_depth)
        inputs, warnings = loaded.predictor.prepare(instances)
        return NativeWork(inputs, warnings, top, scores)

    def write(self, work: NativeWork, loaded: Loaded, outputs: np.ndarray, deadline: float) -> Reply:
        """Raises TookTooLong."""
        predictor = loaded.predictor
        predictions = predictor.interpret(outputs, work.top, work.scores, deadline)
        return Reply(
            dump_json(
                {
                    "model": loaded.model,
                    "version": loaded.version,
                    "classes": predictor.classes,
                    "predictions": in_parts(predictions),
                    "warnings": work.warnings,
                }
            )
        )


def _read_query(query: Mapping[str, Sequence[str]], task: Task) -> tuple[int | None, bool]:
    """`top` and `scores`. Raises InvalidQuery."""
    if not query:
        return None, True
    for name, values in query.items():
        if len(values) > 1:
            raise _invalid_query(name, f'"{name}" is given {len(values)} times; give it once.')
    given = {name: value for name, (value,) in query.items()}
    try:
        found = QUERY.load(given)
    except marshmallow.ValidationError as error:
        faults = query_faults(error.normalized_messages(), QUERY, given)
        raise InvalidQuery(summarize(faults), faults) from None
    if found["top"] is not None and task is Task.REGRESSION:
        detail = '"top" is for classifications: a regression has no classes to choose the best of.'
        raise _invalid_query("top", detail)
    return found["top"], found["scores"]


def _invalid_query(parameter: str, detail: str) -> InvalidQuery:
    return InvalidQuery(detail, [RequestFault(detail, parameter=parameter)])
