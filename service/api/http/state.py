"""The shared state of an app's handlers: the context of the operations, the loaded networks, the request's id."""

from flask import current_app, request

from service.context import Context
from service.operations.inference.predictions import PredictionService

REQUEST_ID = "fitserve.request_id"
"""The WSGI environment's key for the id."""


def context() -> Context:
    """The context of the current app."""
    found: Context = current_app.extensions["context"]
    return found


def predictions() -> PredictionService:
    """The prediction service of this process, with its loaded networks."""
    found: PredictionService = current_app.extensions["predictions"]
    return found


def request_id() -> str:
    """The id of the current request."""
    found: str = request.environ.get(REQUEST_ID, "")
    return found
