"""Apps that share their routes: registering and describing about a hundred takes longer than most tests."""

import copy
from functools import cache

from flask import Flask

from service.api.app import create_app
from service.api.front.app import Front
from service.api.pictures.drawer import Drawer
from service.api.pictures.store import Pictures
from service.config import Settings
from service.context import Context
from service.operations.inference.predictions import PredictionService
from service.tracing import Tracing


def make_front(context: Context, tracing: Tracing | None = None) -> Front:
    """What `create_front` makes, around an app of `make_app`."""
    service = PredictionService(context)
    return Front(context, service, make_app(context, service), tracing)


def make_app(context: Context, service: PredictionService | None = None) -> Flask:
    """What `create_app` makes: a copy of one app, to which only what belongs to the context is its own."""
    app = copy.copy(_routes())
    pictures = Pictures(shared_drawer())
    own = {"context": context, "predictions": service or PredictionService(context), "pictures": pictures}
    app.extensions = app.extensions | own
    return app


@cache
def shared_drawer() -> Drawer:
    """What draws the pictures of all apps: starting its process takes half a second."""
    return Drawer(Settings(), idle_seconds=600)


@cache
def _routes() -> Flask:
    return create_app(Context.from_settings(Settings()))
