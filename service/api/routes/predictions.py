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

    By default, this is the latest version. If the model's `serve` names a label, it is the version of that label.

    Send raw values: the version applies the scaling, the categories and the replacements of missing values from its
    training. If a row doesn't fit, the response is a 422 that names it. A row that is only unusual is predicted, with a
    warning. Instead of JSON, you can send a file of rows in the form of the dataset's file (CSV, JSON Lines or
    Parquet), one array (NPY), one image, or a form with a file of rows or several images.
    """
    never_called()


@blueprint.post(f"{MODELS}/<name>/versions/<number:version>/predictions")
@blueprint.response(200, PredictionAnswerSchema)
@blueprint.doc(requestBody=BODY)
@blueprint.query(VersionPredictionQuery)
def predict_with_version(*_: Any, **__: Any) -> NoReturn:
    """Predict with a version of a model.

    Requests and responses are those of `POST /v1/models/NAME/predictions`.
    """
    never_called()


@blueprint.post(f"{MODELS}/<name>/labels/<label>/predictions")
@blueprint.response(200, PredictionAnswerSchema)
@blueprint.doc(requestBody=BODY)
@blueprint.query(VersionPredictionQuery)
def predict_with_label(*_: Any, **__: Any) -> NoReturn:
    """Predict with the version that a label points to.

    Requests and responses are those of `POST /v1/models/NAME/predictions`. When the label is moved, predictions use its
    new version. If the label points to a variant of the version, that variant predicts.
    """
    never_called()
