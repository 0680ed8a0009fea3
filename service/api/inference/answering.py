"""Connects Flask's prediction routes to the plane."""

from collections.abc import Callable
from typing import Any

from flask import Response, request

from service.api.http.bodies import read_body
from service.api.http.state import predictions
from service.api.inference.plane import Dialect, InferenceRequest, answer
from service.operations.inference.predictions import Wanted


def respond(make_dialect: Callable[[int], Dialect[Any]], wanted: Wanted) -> Response:
    """The response to Flask's current request, in a dialect. Raises what `plane.answer` raises; Overloaded."""
    service = predictions()
    body = read_body(request)
    headers = {name.lower(): value for name, value in request.headers.items()}
    asked = InferenceRequest(wanted, body, headers, request.args.to_dict(flat=False))
    with service.admit(len(body)):
        return answer(service, make_dialect(service.settings.max_json_depth), asked, service.deadline()).to_response()
