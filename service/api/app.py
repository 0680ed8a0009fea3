"""Puts the api together: the app with its extensions, then the routes."""

from collections.abc import Callable
from typing import Any

import orjson
from flask import Flask, Response
from flask.json.provider import JSONProvider

from service import __version__
from service.api import direct_predictions
from service.api.contract.blueprint import Api
from service.api.contract.documentation.info import INFO
from service.api.contract.documentation.schemas import DescribingPlugin
from service.api.front.tracing import Tracing
from service.api.front.waits import WaitPermits
from service.api.http import compression, indentation, multipart
from service.api.http.bodies import write_json
from service.api.http.dialect_paths import AnyNumberConverter, CaseInsensitivePaths
from service.api.http.path_names import NameConverter, NumberConverter
from service.api.http.problems import register_error_handlers
from service.api.routes import (
    batch_predictions,
    catalogue,
    datasets,
    evaluations,
    labels,
    models,
    open_inference,
    operations,
    pages,
    predictions,
    tensorflow_serving,
    training_jobs,
    versions,
)
from service.context import Context
from service.operations.inference.predictions import PredictionService

RESOURCES = (
    datasets,
    models,
    catalogue,
    training_jobs,
    versions,
    labels,
    evaluations,
    predictions,
    batch_predictions,
    operations,
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


def create_app(context: Context) -> Flask:
    """The WSGI app over the operations of a context."""
    app = App(__name__)
    app.json = OrjsonProvider(app)
    app.config["MAX_CONTENT_LENGTH"] = context.settings.max_body_bytes + 1
    app.extensions["context"] = context
    app.extensions["predictions"] = PredictionService(context)
    app.extensions["wait_permits"] = WaitPermits(max(1, context.settings.api_threads // 2))
    app.url_map.strict_slashes = True
    app.url_map.converters["default"] = NameConverter
    app.url_map.converters["number"] = NumberConverter
    app.url_map.converters["any_number"] = AnyNumberConverter
    app.wsgi_app = CaseInsensitivePaths(app.wsgi_app)  # type: ignore[method-assign]
    direct_predictions.register(app, app.extensions["predictions"])
    app.wsgi_app = Tracing(app.wsgi_app, context.settings)  # type: ignore[method-assign]
    multipart.register(app)
    compression.register(app)
    indentation.register(app)  # what is registered last is done first
    register_error_handlers(app)
    _register_routes(app)
    return app


def _register_routes(app: Flask) -> None:
    app.config |= {"API_TITLE": "Fitserve", "API_VERSION": __version__, "OPENAPI_VERSION": "3.1.0"}
    api = Api(app, spec_kwargs={"info": INFO, "marshmallow_plugin": DescribingPlugin()})
    api.register_converter(NumberConverter, lambda _: {"type": "integer", "minimum": 1})
    api.register_converter(AnyNumberConverter, lambda _: {"type": "integer", "minimum": 1})
    for module in (*RESOURCES, *DIALECTS):
        api.register_blueprint(module.blueprint)
    app.register_blueprint(open_inference.tritons_own)
    app.register_blueprint(pages.blueprint)
