"""The playground: networks of a few neurons, trained over the public API on points in the plane or on a line."""

from typing import Any

from flask import Blueprint, Response, request

from models.errors import Fault
from service.api.http.bodies import read_json, write_json
from service.api.http.state import caller, context
from service.api.ui.blueprint import page, page_blueprint, show
from service.callers import Scope
from service.errors import InvalidRequest, ScopeMissing
from service.operations.catalog.drafts import draft

ROWS = "/ui/playground/rows"
CODE = "/ui/code"
PRESETS = ("rings", "line", "xor", "moons", "spirals", "blobs", "wave")
"""Those of state.js, in the order of the page."""

pages = page_blueprint(__name__)
# The module of the page reads errors as JSON.
blueprint = Blueprint("ui_playground_rows", __name__)


@page(pages, "/playground")
def playground() -> Response:
    """The page. Its modules do everything else."""
    embedded = {"rows": ROWS, "code": CODE, "may_train": caller().may(Scope.TRAIN)}
    return show("playground.html", "playground", presets=PRESETS, embedded=embedded)


@blueprint.post(ROWS)
def rows() -> Response:
    """The rows of a dataset as it is posted, without creating it."""
    if not caller().may(Scope.READ):
        raise ScopeMissing('The playground needs an API key with the scope "read".')
    document: Any = read_json(request, holds_data=True)
    if not isinstance(document, dict):
        raise InvalidRequest(Fault("The body must be an object.", "#"))
    return write_json(draft(document, context().settings.limits))


blueprint.register_blueprint(pages)
