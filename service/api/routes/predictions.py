"""`…/predictions`. No schema touches the bodies: they may hold millions of numbers."""

from typing import Any

from flask import Response, request

from service.api.contract.blueprint import BINARY, Blueprint
from service.api.contract.schemas.predictions import (
    PicturesSchema,
    PredictionAnswerSchema,
    PredictionQuery,
    PredictionRequestSchema,
)
from service.api.http.bodies import dump_json, in_parts
from service.api.http.errors import InvalidQuery, RequestFault
from service.api.http.links import MODELS
from service.api.http.media_types import CSV, FORM, JSON, NPY, PICTURES
from service.api.http.negotiation import require_json
from service.api.http.replies import Reply
from service.api.http.state import predictions
from service.api.inference.instances import read_instances, read_json_instances, read_posted
from service.operations.inference.predictions import Answer, PredictionService, Wanted

FILE: dict[str, Any] = {"schema": BINARY}
BODY = {
    "required": True,
    "content": {
        JSON: {"schema": PredictionRequestSchema},
        CSV: FILE,
        NPY: FILE,
        **dict.fromkeys(PICTURES, FILE),
        FORM: {"schema": PicturesSchema},
    },
}

blueprint = Blueprint("predictions", __name__, description="Raw values in, labels or values out.")


@blueprint.post(f"{MODELS}/<name>/predictions")
@blueprint.response(200, PredictionAnswerSchema)
@blueprint.doc(requestBody=BODY)
@blueprint.query(PredictionQuery)
def predict(query: dict[str, Any], name: str) -> Response:
    """Predict with the latest version of a model.

    By raw values: what was learned about scales, categories and missing values is applied here. A row that doesn't
    fit is a 422 that names it; one that is only odd is predicted, with a warning. Other types than JSON: CSV (of
    tables with a header), one array as NPY, one picture, or a form with several.
    """
    return _predict(Wanted(name), query)


@blueprint.post(f"{MODELS}/<name>/versions/<number:version>/predictions")
@blueprint.response(200, PredictionAnswerSchema)
@blueprint.doc(requestBody=BODY)
@blueprint.query(PredictionQuery)
def predict_with_version(query: dict[str, Any], name: str, version: int) -> Response:
    """Predict with a version of a model.

    As with the latest version.
    """
    return _predict(Wanted(name, version=version), query)


@blueprint.post(f"{MODELS}/<name>/labels/<label>/predictions")
@blueprint.response(200, PredictionAnswerSchema)
@blueprint.doc(requestBody=BODY)
@blueprint.query(PredictionQuery)
def predict_with_label(query: dict[str, Any], name: str, label: str) -> Response:
    """Predict with the version that a label points to.

    As with the latest version; whoever moves the label changes what predicts.
    """
    return _predict(Wanted(name, label=label), query)


def _predict(wanted: Wanted, query: dict[str, Any]) -> Response:
    require_json()
    body = read_posted(request)
    with predictions().admit(len(body)):
        answer = predictions().predict(wanted, read_instances(request, body), **query)
    if query.get("top") is not None and answer.predictions.classes is None:
        detail = '"top" is for classifications: a regression has no classes to choose the best of.'
        raise InvalidQuery(detail, [RequestFault(detail, parameter="top")])
    return _reply(answer).to_response()


def predict_json(service: PredictionService, wanted: Wanted, body: bytes) -> Reply:
    """What a plain JSON body is answered. Raises what reading instances and predicting raise."""
    return _reply(service.predict(wanted, read_json_instances(body, service.settings.max_json_depth)))


def _reply(answer: Answer) -> Reply:
    found = answer.predictions
    return Reply(
        dump_json(
            {
                "model": answer.model,
                "version": answer.version,
                "classes": found.classes,
                "predictions": in_parts(found.predictions),
                "warnings": found.warnings,
            }
        )
    )
