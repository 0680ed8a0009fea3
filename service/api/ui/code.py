"""Documents of datasets, models and training jobs as code: for curl, for the Python client, and for Keras alone."""

from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, request
from marshmallow import ValidationError

from models.errors import Fault, InvalidSpec
from models.keras_code import write_script
from models.validation import check_network
from service.api.contract.fields import Part
from service.api.contract.schemas.base import Schema
from service.api.contract.schemas.datasets import CreateDatasetSchema
from service.api.contract.schemas.models import CreateModelSchema
from service.api.contract.schemas.training_jobs import CreateTrainingJobSchema
from service.api.http.bodies import read_json, write_json
from service.api.http.errors import BodyTooLarge
from service.api.http.faults import body_faults
from service.api.http.links import public
from service.api.http.state import caller, context
from service.api.ui.client_code import Documents, write_curl, write_python
from service.callers import Scope
from service.errors import InvalidRequest

MOST_BYTES = 1_000_000
"""The longest body. Documents with more data than that are better sent from a file."""
PARTS = {"dataset": CreateDatasetSchema, "model": CreateModelSchema, "training_job": CreateTrainingJobSchema}

blueprint = Blueprint("ui_code", __name__)


class DocumentsSchema(Schema):
    """The documents to write as code, each as it would be posted."""

    dataset = Part(CreateDatasetSchema)
    model = Part(CreateModelSchema)
    training_job = Part(CreateTrainingJobSchema)


@blueprint.post("/ui/code")
def write_code() -> Response:
    """The posted documents as texts: `curl`, `python` and `keras`. It stores nothing, and reads nothing that is stored.

    `keras` is empty without a model, unless a dataset can be made without the service.
    """
    if (request.content_length or 0) > MOST_BYTES:
        raise BodyTooLarge(f"Documents of more than {MOST_BYTES:,} bytes aren't written as code.")
    posted = read_json(request, holds_data=False)
    _check(posted)
    return write_json(code_of(posted))


def code_of(documents: Documents, network: Any = None, dataset: Any = None) -> dict[str, str]:
    """Valid documents as code.

    The Keras script is for the posted model and dataset, unless a `network`, whose inputs have what their dataset
    determined, or a `dataset` that the requests don't create is given.
    """
    url = request.host_url.rstrip("/") + public("")
    with_key = caller().key_id is not None or not caller().may(Scope.READ)
    network, dataset = network or documents.get("model"), dataset or documents.get("dataset")
    return {
        "curl": write_curl(documents, url, with_key=with_key),
        "python": write_python(documents, url, with_key=with_key),
        "keras": write_script(network, documents.get("training_job"), dataset, url),
    }


def _check(posted: Any) -> None:
    """Raise InvalidRequest with the faults of posted documents, as the routes that create them would."""
    schema = DocumentsSchema()
    try:
        schema.load(posted)
    except ValidationError as error:
        raise InvalidRequest(*body_faults(error.messages_dict, schema, posted)) from None
    if not posted:
        raise InvalidRequest(Fault(f"The body needs one of {', '.join(PARTS)} at least.", "#"))
    faults = [fault for name, document in posted.items() for fault in _find_faults(name, document)]
    if faults:
        raise InvalidRequest(*faults)


def _find_faults(name: str, document: dict[str, Any]) -> list[Fault]:
    faults = PARTS[name]().find_more_faults(document)
    if name == "model":
        try:
            check_network(document, context().settings.limits)
        except InvalidSpec as error:
            faults += error.faults
    return [replace(fault, pointer=f"#/{name}{(fault.pointer or '#')[1:]}") for fault in faults]
