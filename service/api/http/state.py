"""What the handlers of an app share: the context of the operations, and the loaded networks."""

from flask import current_app

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
