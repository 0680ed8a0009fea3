"""Puts the api together: the ASGI front, and behind it the Flask app with its routes."""

from collections.abc import Callable
from typing import Any

import orjson
from flask import Flask, Response
from flask.json.provider import JSONProvider
from jinja2 import StrictUndefined

from service import __version__
from service.api.contract.blueprint import Api
from service.api.contract.documentation.info import INFO
from service.api.contract.documentation.schemas import DescribingPlugin
from service.api.front.app import Front
from service.api.http import indented_responses, multipart, state
from service.api.http.bodies import write_json
from service.api.http.dialect_paths import AnyNumberConverter
from service.api.http.error_handlers import register_error_handlers
from service.api.http.path_names import EpochConverter, KeyIdConverter, NameConverter, NumberConverter
from service.api.pictures.drawer import Drawer
from service.api.pictures.store import Pictures
from service.api.routes import (
    activations,
    api_keys,
    audit_events,
    batch_predictions,
    catalogue,
    dataset_versions,
    datasets,
    evaluations,
    labels,
    metrics,
    models,
    network_pictures,
    open_inference,
    operations,
    pages,
    predictions,
    projects,
    snapshots,
    tensorflow_serving,
    training_jobs,
    variants,
    versions,
)
from service.api.ui import PAGES
from service.context import Context
from service.operations.inference.predictions import PredictionService
from service.tracing import Tracing

RESOURCES = (
    datasets,
    dataset_versions,
    models,
    catalogue,
    activations,
    training_jobs,
    versions,
    variants,
    labels,
    evaluations,
    predictions,
    snapshots,
    network_pictures,
    batch_predictions,
    api_keys,
    projects,
    audit_events,
    operations,
    metrics,
)
DIALECTS = (tensorflow_serving, open_inference)


class OrjsonProvider(JSONProvider):
    """JSON by orjson; a number that is not finite is null."""

    def dumps(self, obj: Any, **_: Any) -> str:
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        return write_json(self._prepare_response_obj(args, kwargs))


class App(Flask):
    """A Flask app without coroutines."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function as it is: Flask would look at each one, in each request, whether it is a coroutine."""
        return func

    def make_default_options_response(self) -> Response:
        """What OPTIONS is answered: `Allow`, and no body that would have a type."""
        response = super().make_default_options_response()
        del response.headers["Content-Type"]
        return response


def create_front(context: Context, tracing: Tracing | None = None) -> Front:
    """The ASGI app of a process, over the operations of a context. It traces requests if it is given what does."""
    service = PredictionService(context)
    return Front(context, service, create_app(context, service), tracing)


def create_app(context: Context, service: PredictionService | None = None) -> Flask:
    """The WSGI app of everything that isn't inference; with networks of its own unless it is given some."""
    app = App(__name__)
    app.json = OrjsonProvider(app)
    app.extensions["context"] = context
    app.extensions["predictions"] = service or PredictionService(context)
    app.extensions["pictures"] = Pictures(Drawer(context.settings))
    app.jinja_options = {"undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    app.url_map.strict_slashes = True
    # A redirect would be an absolute URL made of whatever the request's Host says.
    app.url_map.merge_slashes = False
    app.url_map.converters["default"] = NameConverter
    app.url_map.converters["number"] = NumberConverter
    app.url_map.converters["any_number"] = AnyNumberConverter
    app.url_map.converters["epoch"] = EpochConverter
    app.url_map.converters["key_id"] = KeyIdConverter
    state.register(app)
    multipart.register(app)
    indented_responses.register(app)
    register_error_handlers(app)
    _register_routes(app)
    return app


def _register_routes(app: Flask) -> None:
    app.config |= {"API_TITLE": "Fitserve", "API_VERSION": __version__, "OPENAPI_VERSION": "3.1.0"}
    api = Api(app, spec_kwargs={"info": INFO, "marshmallow_plugin": DescribingPlugin()})
    api.register_converter(NumberConverter, lambda _: {"type": "integer", "minimum": 1})
    api.register_converter(AnyNumberConverter, lambda _: {"type": "integer", "minimum": 1})
    api.register_converter(EpochConverter, lambda _: {"type": "string"})
    api.register_converter(KeyIdConverter, lambda _: {"type": "string"})
    for module in (*RESOURCES, *DIALECTS):
        api.register_blueprint(module.blueprint)
    app.extensions["routes.spec"] = api.spec
    app.register_blueprint(open_inference.tritons_own)
    for module in (pages, *PAGES):
        app.register_blueprint(module.blueprint)
