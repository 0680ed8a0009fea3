"""What the handlers of an app share: the context of the operations, the loaded networks, the request's id."""

from flask import current_app, request

from service.api.http.handoff import REQUEST_ID
from service.context import Context
from service.operations.inference.predictions import PredictionService


def context() -> Context:
    """The context that the current app was created with."""
    found: Context = current_app.extensions["context"]
    return found


def predictions() -> PredictionService:
    """The networks that this process keeps loaded."""
    found: PredictionService = current_app.extensions["predictions"]
    return found


def request_id() -> str:
    """The id of the current request."""
    found: str = request.environ.get(REQUEST_ID, "")
    return found
