"""`Idempotency-Key`: a repeated request gets the first request's response and creates nothing more."""

import hashlib
import re
from functools import wraps
from typing import Any

import orjson
import structlog
from flask import Response, current_app, g, request

from service.api.http.errors import InvalidHeader, RequestFault
from service.api.http.handing_over import resumed
from service.api.http.handoff import Wait
from service.api.http.state import caller, context
from service.errors import KeyReused, StorageError
from service.operations import idempotency
from service.operations.idempotency import Answer, Claim

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEY = re.compile(r'"((?:[^"\\]|\\["\\]){1,255})"|([^" \t].{0,254})')
"""A string as in RFC 9651, with or without quotation marks."""
SAVED_HEADERS = ("Content-Type", "Location", "Retry-After")

log = structlog.get_logger()


class Replay(Exception):
    """The request has already been answered."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def claim_key(body: Any) -> None:
    """Claim the request's key, if it has one. `body` identifies the body: equal values mean the same request.

    Raises Replay, StillRunning, KeyReused.
    """
    key = g.get("idempotency_key")
    if key is None:
        return
    same = orjson.dumps([sorted(request.args.items()), body], option=orjson.OPT_SORT_KEYS)
    sender = caller()
    scope = (sender.project, sender.key_id or "", request.method, request.path, key)
    try:
        claimed = idempotency.claim(context(), scope, hashlib.sha256(same).hexdigest())
    except KeyReused as error:
        raise KeyReused(error.detail, [RequestFault(error.detail, header=HEADER)]) from None
    if isinstance(claimed, Answer):
        raise Replay(claimed)
    g.idempotency_claim = claimed


def current_claim() -> Claim | None:
    """The request's claim of its key, for the operation that creates the resource; None without a key."""
    claimed: Claim | None = g.get("idempotency_claim")
    return claimed


def idempotent(handler: Any, *, saved: bool = True) -> Any:
    """Replay the saved response if the request's key has one; otherwise call the handler and save its response.

    A response that isn't to be `saved` is not replayed: the handler finds in its claim what the first request created.
    """

    @wraps(handler)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        g.idempotency_key = _read_key()
        if g.idempotency_key is None:
            return handler(*args, **kwargs)
        if (over := resumed()) is not None:
            g.idempotency_claim = over.claim
        try:
            response = _respond(handler, args, kwargs)
        except Wait as wait:
            wait.claim = g.pop("idempotency_claim", None)
            raise
        except Replay as replay:
            headers = {**replay.answer.headers, REPLAYED: "true"}
            return Response(replay.answer.body, replay.answer.status, headers)
        except BaseException:
            _conclude(None)
            raise
        _conclude(response if saved else None)
        return response

    return wrapper


def _respond(handler: Any, args: Any, kwargs: Any) -> Response:
    """The handler's response, or the error response for its exception."""
    try:
        return current_app.make_response(handler(*args, **kwargs))
    except (Replay, Wait):
        raise
    except Exception as error:
        return current_app.make_response(current_app.handle_user_exception(error))


def _conclude(response: Response | None) -> None:
    """Save the response under the claimed key, or release the key if the response must not be replayed."""
    claim: Claim | None = g.pop("idempotency_claim", None)
    if claim is None:
        return
    try:
        if response is not None and (response.status_code < 300 or response.status_code in (409, 422)):
            headers = {name: response.headers[name] for name in SAVED_HEADERS if name in response.headers}
            idempotency.settle(context(), claim, Answer(response.status_code, headers, response.get_data()))
        else:
            idempotency.release(context(), claim)
    except StorageError:
        log.warning("the response to a request with an idempotency key was not saved")


def _read_key() -> str | None:
    given = request.headers.get(HEADER)
    if given is None:
        return None
    match = KEY.fullmatch(given.strip(" \t"))
    if match is None:
        detail = f"{HEADER} must have 1 to 255 characters, with or without quotation marks."
        raise InvalidHeader(detail, [RequestFault(detail, header=HEADER)])
    quoted, bare = match.groups()
    return bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
