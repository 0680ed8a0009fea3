"""The shared state of an app's handlers: the context of the operations, the loaded networks, the request's id."""

from contextlib import ExitStack
from dataclasses import replace

from flask import Flask, Response, current_app, g, request

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
    """The context for operations that concern the whole service, such as those of projects.

    The files that a request reads stay on this host until its response has been sent.
    """
    if "context" not in g:
        own: Context = current_app.extensions["context"]
        g.held = ExitStack()
        g.context = g.held.enter_context(own.holding_files())
    found: Context = g.context
    return found


def register(app: Flask) -> None:
    """Release the files of each request: with its response, or without one at the request's end."""
    app.after_request(_release_with)
    app.teardown_request(_release)


def _release_with(response: Response) -> Response:
    if "held" in g:
        response.call_on_close(g.pop("held").close)
    return response


def _release(_error: BaseException | None) -> None:
    if "held" in g:
        g.pop("held").close()


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
