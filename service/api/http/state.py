"""The shared state of an app's handlers: the context of the operations, the loaded networks, the request's id."""

from dataclasses import replace

from flask import current_app, request

from models.allowance import Allowance
from service.api.http.handoff import CALLER, MEMORY, REQUEST_ID
from service.api.pictures.store import Pictures
from service.callers import Caller
from service.context import Context
from service.operations.inference.predictions import PredictionService


def caller() -> Caller:
    """Who sent the current request."""
    found: Caller = request.environ[CALLER]
    return found


def context() -> Context:
    """The context of the current request, for the project of its caller."""
    return service_context().in_project(caller().project)


def service_context() -> Context:
    """The context for operations that concern the whole service, such as those of projects."""
    found: Context = current_app.extensions["context"]
    return found


def predictions() -> PredictionService:
    """The prediction service of this process, with its loaded networks."""
    found: PredictionService = current_app.extensions["predictions"]
    return found


def pictures() -> Pictures:
    """The pictures of this process, with what draws them."""
    found: Pictures = current_app.extensions["pictures"]
    return found


def allowance(*, holds_data: bool = False) -> Allowance:
    """What the body of the current request may become: few values, unless it holds data."""
    settings = context().settings
    limits = settings.limits
    if not holds_data:
        limits = replace(limits, body_values=settings.max_document_values)
    return Allowance(limits, reserve=request.environ[MEMORY].reserve)


def request_id() -> str:
    """The id of the current request."""
    found: str = request.environ.get(REQUEST_ID, "")
    return found
