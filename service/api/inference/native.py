"""Fitserve's own prediction protocol: instances in a body of any supported type; labels, scores or values as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import marshmallow
import numpy as np
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from models.allowance import Allowance
from models.errors import summarize
from models.predictor import in_blocks
from models.spec import Task
from models.tabular.csv_instances import IGNORE
from models.validation.threshold import NO_THRESHOLD
from service.api.contract.schemas.predictions import PredictionQuery, VersionPredictionQuery
from service.api.http.errors import InvalidQuery, NotAcceptable, RequestFault
from service.api.http.faults import query_faults
from service.api.http.indentation import PARAMETER, indent_json, take_parameter
from service.api.http.json_documents import dump_blocks, dump_json, limit_answer
from service.api.http.media_types import JSON
from service.api.http.replies import Reply
from service.api.inference.instances import read_instances
from service.api.inference.plane import VARIANT, InferenceRequest, Work, find_type
from service.operations.inference.predictions import Loaded, PredictionService, Target, Wanted

QUERY = VersionPredictionQuery()
SNAPSHOT_QUERY = PredictionQuery()
KNOWN = {*QUERY.fields, PARAMETER}
"""The parameters of a version's predictions."""


@dataclass(frozen=True)
class NativeQuery:
    """How predictions are wanted; curl's are indented only by `pretty`. The default threshold is the model's."""

    top: int | None = None
    scores: bool = True
    threshold: float | None = None
    ignores_extra: bool = False
    indented: bool = False


DEFAULTS = NativeQuery()


@dataclass(slots=True)
class NativeWork(Work):
    """Preprocessed instances, their warnings, and the query parameters."""

    warnings: list[dict[str, Any]]
    query: NativeQuery
    labels: list[dict[str, Any]] | None = None
    """For rows of series: which series each prediction is for, and after which time."""


@dataclass(frozen=True)
class Native:
    """`…/predictions`."""

    max_json_depth: int

    def aim(self, request: InferenceRequest, *, quickly: bool) -> InferenceRequest:
        """The request for the variant that its query names, unless `read` refuses the query for another parameter."""
        query, wanted = request.query, request.wanted
        if not query or VARIANT not in query or not isinstance(wanted, Wanted) or query.keys() - KNOWN:
            return request
        return request._replace(wanted=wanted._replace(variant=find_type(query[VARIANT][0])))

    def open(self, service: PredictionService, wanted: Target) -> Loaded:
        """Raises NotFound, NoVersion, NoVariant; Conflict if the version can't be served."""
        return service.loaded(wanted)

    def read(self, request: InferenceRequest, loaded: Loaded) -> NativeWork:
        """Raises NotAcceptable, InvalidQuery, UnsupportedMediaType, MalformedBody, InvalidRequest, InvalidInstances.

        And Excessive, TookTooLong.
        """
        _require_json(request.headers.get("accept"))
        schema = QUERY if loaded.epoch is None else SNAPSHOT_QUERY
        query = _read_query(request.query, schema, loaded.predictor.task)
        content_type = request.headers.get("content-type", "")
        instances = read_instances(content_type, request.body, self.max_json_depth, request.allowance)
        predictor, ignores = loaded.predictor, query.ignores_extra
        series = predictor.prepare_series(instances, request.allowance, ignores_extra=ignores)
        if series is not None:
            return NativeWork(series.inputs, series.warnings, query, series.labels)
        inputs, warnings = predictor.prepare(instances, request.allowance, ignores_extra=ignores)
        return NativeWork(inputs, warnings, query)

    def write(self, work: NativeWork, loaded: Loaded, outputs: np.ndarray, allowance: Allowance) -> Reply:
        """Raises TookTooLong, AnswerTooLarge."""
        predictor, query = loaded.predictor, work.query
        threshold = loaded.threshold if query.threshold is None else query.threshold
        labels = None if work.labels is None else iter(work.labels)

        def describe(block: np.ndarray) -> list[dict[str, Any]]:
            predictions = predictor.describe(block, query.top, query.scores, threshold)
            # the blocks come in order
            return predictions if labels is None else [next(labels) | prediction for prediction in predictions]

        made_by: dict[str, Any] = {"version": loaded.version} if loaded.epoch is None else {"epoch": loaded.epoch}
        if loaded.variant is not None:
            made_by[VARIANT] = loaded.variant
        content = dump_json(
            {
                "model": loaded.model,
                **made_by,
                "classes": predictor.classes,
                "predictions": dump_blocks(in_blocks(outputs), describe, allowance),
                "warnings": work.warnings,
            }
        )
        limit_answer(content, allowance)
        return Reply(indent_json(content) if query.indented else content)


def _require_json(accept: str | None) -> None:
    """Raises NotAcceptable if the client doesn't accept JSON."""
    if accept not in (None, "", "*/*", JSON) and not parse_accept_header(accept, MIMEAccept).best_match([JSON]):
        raise NotAcceptable(f"This can be sent as {JSON} only.")


def _read_query(query: Mapping[str, Sequence[str]], schema: PredictionQuery, task: Task) -> NativeQuery:
    """Raises InvalidQuery."""
    if not query:
        return DEFAULTS
    for name, values in query.items():
        if len(values) > 1:
            raise _invalid_query(name, f'"{name}" is given {len(values)} times; give it once.')
    given = {name: value for name, (value,) in query.items()}
    indented = take_parameter(given)
    try:
        found = schema.load(given)
    except marshmallow.ValidationError as error:
        faults = query_faults(error.normalized_messages(), schema, given)
        raise InvalidQuery(summarize(faults), faults) from None
    if found["top"] is not None and task is Task.REGRESSION:
        detail = '"top" is only for classifications: a regression has no classes.'
        raise _invalid_query("top", detail)
    if found["threshold"] is not None and not task.has_threshold:
        raise _invalid_query("threshold", f"{NO_THRESHOLD} This model's task is {task}.")
    return NativeQuery(found["top"], found["scores"], found["threshold"], found["extra"] == IGNORE, indented)


def _invalid_query(parameter: str, detail: str) -> InvalidQuery:
    return InvalidQuery(detail, [RequestFault(detail, parameter=parameter)])
