"""`…/predictions`. No schema touches the bodies: they may hold millions of numbers."""

from itertools import islice
from typing import Any

from flask import Response, request

from models.errors import MOST_FAULTS, Fault
from service.api.blueprint import Blueprint
from service.api.bodies import JSON, read_json, write_json
from service.api.errors import InvalidQuery, RequestFault
from service.api.faults import pointer_to
from service.api.links import MODELS
from service.api.negotiation import require_json
from service.api.schemas.predictions import InstancesSchema, PredictionQuery, PredictionsSchema
from service.api.state import predictions
from service.errors import InvalidRequest
from service.operations.predictions import Wanted

BODY = {"required": True, "content": {JSON: {"schema": InstancesSchema}}}

blueprint = Blueprint("predictions", __name__, description="Raw values in, labels or values out.")


@blueprint.post(f"{MODELS}/<name>/predictions")
@blueprint.response(200, PredictionsSchema)
@blueprint.doc(requestBody=BODY)
@blueprint.query(PredictionQuery)
def predict(query: dict[str, Any], name: str) -> Response:
    """Predict with the latest version of a model."""
    return _predict(Wanted(name), query)


@blueprint.post(f"{MODELS}/<name>/versions/<number:version>/predictions")
@blueprint.response(200, PredictionsSchema)
@blueprint.doc(requestBody=BODY)
@blueprint.query(PredictionQuery)
def predict_with_version(query: dict[str, Any], name: str, version: int) -> Response:
    """Predict with a version of a model."""
    return _predict(Wanted(name, version=version), query)


@blueprint.post(f"{MODELS}/<name>/labels/<label>/predictions")
@blueprint.response(200, PredictionsSchema)
@blueprint.doc(requestBody=BODY)
@blueprint.query(PredictionQuery)
def predict_with_label(query: dict[str, Any], name: str, label: str) -> Response:
    """Predict with the version that a label points to."""
    return _predict(Wanted(name, label=label), query)


def _predict(wanted: Wanted, query: dict[str, Any]) -> Response:
    require_json()
    answer = predictions().predict(wanted, _read_instances(), **query)
    if query.get("top") is not None and answer.predictions.classes is None:
        detail = '"top" is for classifications: a regression has no classes to choose the best of.'
        raise InvalidQuery(detail, [RequestFault(detail, parameter="top")])
    return write_json({"model": answer.model, "version": answer.version, **vars(answer.predictions)})


def _read_instances() -> list[Any]:
    body = read_json(request)
    if not isinstance(body, dict):
        raise InvalidRequest(Fault("The body must be an object.", pointer="#"))
    faults = [
        Fault(f'"{member}" is unknown.', pointer=pointer_to(member), allowed=("instances",))
        for member in islice((member for member in body if member != "instances"), MOST_FAULTS)
    ]
    if "instances" not in body:
        faults.append(Fault('"instances" is required.', pointer="#/instances"))
    elif not isinstance(body["instances"], list) or not body["instances"]:
        faults.append(Fault('"instances" must be a list of at least one row.', pointer="#/instances"))
    if faults:
        raise InvalidRequest(*faults)
    instances: list[Any] = body["instances"]
    return instances
