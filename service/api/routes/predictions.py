"""`…/predictions`, as they are documented: the front answers them."""

from typing import Any, NoReturn

from service.api.contract.blueprint import BINARY, Blueprint
from service.api.contract.front_operations import never_called
from service.api.contract.schemas.predictions import (
    PredictionAnswerSchema,
    PredictionFilesSchema,
    PredictionRequestSchema,
    VersionPredictionQuery,
)
from service.api.http.links import MODELS
from service.api.http.media_types import CSV, FORM, JSON, JSON_LINES_TYPES, NPY, PARQUET, PICTURES

FILE: dict[str, Any] = {"schema": BINARY}
BODY = {
    "required": True,
    "content": {
        JSON: {"schema": PredictionRequestSchema},
        **dict.fromkeys((CSV, *JSON_LINES_TYPES, PARQUET, NPY, *PICTURES), FILE),
        FORM: {"schema": PredictionFilesSchema},
    },
}

blueprint = Blueprint("predictions", __name__, description="Raw values in, labels or values out.")


@blueprint.post(f"{MODELS}/<name>/predictions")
@blueprint.response(200, PredictionAnswerSchema)
@blueprint.doc(requestBody=BODY)
@blueprint.query(VersionPredictionQuery)
def predict(*_: Any, **__: Any) -> NoReturn:
    """Predict with the version that a model serves.

    It is the latest version, unless the model's `serve` names a label.

    By raw values: what was learned about scales, categories and missing values is applied here. A row that doesn't
    fit is a 422 that names it; one that is only odd is predicted, with a warning. Other types than JSON: a file of
    rows in the form of the dataset's file, as CSV, JSON Lines or Parquet; one array as NPY; one picture; or a form with
    a file of rows or several pictures.
    """
    never_called()


@blueprint.post(f"{MODELS}/<name>/versions/<number:version>/predictions")
@blueprint.response(200, PredictionAnswerSchema)
@blueprint.doc(requestBody=BODY)
@blueprint.query(VersionPredictionQuery)
def predict_with_version(*_: Any, **__: Any) -> NoReturn:
    """Predict with a version of a model.

    As with the version that the model serves.
    """
    never_called()


@blueprint.post(f"{MODELS}/<name>/labels/<label>/predictions")
@blueprint.response(200, PredictionAnswerSchema)
@blueprint.doc(requestBody=BODY)
@blueprint.query(VersionPredictionQuery)
def predict_with_label(*_: Any, **__: Any) -> NoReturn:
    """Predict with the version that a label points to.

    As with the version that the model serves; whoever moves the label changes what predicts. If the label points to a
    variant of the version, that variant predicts.
    """
    never_called()
