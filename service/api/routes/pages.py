"""The HTML pages: the home page, the documentation, and an explanation of each error."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from flask import Blueprint, Response, abort, current_app, jsonify, render_template, request, send_from_directory

from service import __version__
from service.api.contract.document import describe_as_yaml_here, describe_here
from service.api.http.bodies import write_json
from service.api.http.conditional import tagged
from service.api.http.errors import PROBLEM_TYPES
from service.api.http.links import public
from service.api.http.media_types import HTML, JSON, YAML
from service.api.http.state import context
from service.operations.upkeep.health import readiness

POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "connect-src 'self'; font-src 'self'; img-src 'self' data:; script-src 'self'; style-src 'self' 'unsafe-inline'"
)
"""No inline scripts and nothing from other hosts. Swagger UI needs inline styles."""
ASSET_SECONDS = 3600

blueprint = Blueprint("pages", __name__)


@cache
def swagger_ui_folder() -> Path:
    """The folder of Swagger UI's files in the package flask-swagger-ui, which is not imported."""
    package = find_spec("flask_swagger_ui")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("flask-swagger-ui is not installed")
    return Path(package.origin).parent / "dist"


@blueprint.get("/")
@tagged
def home() -> Response:
    """The home page, with the status of the service; JSON for liveness checks of KServe's v1 protocol.

    Their clients accept any media type; browsers prefer HTML.
    """
    if request.accept_mimetypes.best_match((JSON, HTML), HTML) == JSON:
        return write_json({"status": "alive"})
    return _page("home.html", version=__version__, readiness=readiness(context()))


@blueprint.get("/docs")
@tagged
def documentation() -> Response:
    """Swagger UI."""
    return _page("docs.html")


@blueprint.get("/docs/assets/<path:name>")
def documentation_asset(name: str) -> Response:
    """A file of Swagger UI."""
    return send_from_directory(swagger_ui_folder(), name, max_age=ASSET_SECONDS)


@blueprint.get("/openapi.json")
@tagged
def openapi_json() -> Response:
    """The OpenAPI document as JSON."""
    return jsonify(describe_here(current_app))


@blueprint.get("/openapi.yaml")
@tagged
def openapi_yaml() -> Response:
    """The OpenAPI document as YAML (RFC 9512)."""
    return Response(describe_as_yaml_here(current_app), mimetype=YAML)


@blueprint.get("/problems/<code>")
@tagged
def problem(code: str) -> Response:
    """The explanation of an error."""
    if code not in PROBLEM_TYPES:
        abort(404)
    return _page("problem.html", problem=PROBLEM_TYPES[code])


def _page(template: str, **values: object) -> Response:
    response = Response(render_template(template, public=public, **values), mimetype=HTML)
    response.headers["Content-Security-Policy"] = POLICY
    return response
