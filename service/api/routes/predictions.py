"""`…/predictions`. No schema touches the bodies: they may hold millions of numbers."""

from typing import Any

from flask import Response

from service.api.contract.blueprint import BINARY, Blueprint
from service.api.contract.schemas.predictions import (
    PicturesSchema,
    PredictionAnswerSchema,
    PredictionQuery,
    PredictionRequestSchema,
)
from service.api.http.links import MODELS
from service.api.http.media_types import CSV, FORM, JSON, NPY, PICTURES
from service.api.http.negotiation import require_json
from service.api.inference.answering import respond
from service.api.inference.native import Native
from service.operations.inference.predictions import Wanted

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
def predict(_query: dict[str, Any], name: str) -> Response:
    """Predict with the latest version of a model.

    By raw values: what was learned about scales, categories and missing values is applied here. A row that doesn't
    fit is a 422 that names it; one that is only odd is predicted, with a warning. Other types than JSON: CSV (of
    tables with a header), one array as NPY, one picture, or a form with several.
    """
    return _predict(Wanted(name))


@blueprint.post(f"{MODELS}/<name>/versions/<number:version>/predictions")
@blueprint.response(200, PredictionAnswerSchema)
@blueprint.doc(requestBody=BODY)
@blueprint.query(PredictionQuery)
def predict_with_version(_query: dict[str, Any], name: str, version: int) -> Response:
    """Predict with a version of a model.

    As with the latest version.
    """
    return _predict(Wanted(name, version=version))


@blueprint.post(f"{MODELS}/<name>/labels/<label>/predictions")
@blueprint.response(200, PredictionAnswerSchema)
@blueprint.doc(requestBody=BODY)
@blueprint.query(PredictionQuery)
def predict_with_label(_query: dict[str, Any], name: str, label: str) -> Response:
    """Predict with the version that a label points to.

    As with the latest version; whoever moves the label changes what predicts.
    """
    return _predict(Wanted(name, label=label))


def _predict(wanted: Wanted) -> Response:
    require_json()
    return respond(Native, wanted)
