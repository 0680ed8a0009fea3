"""Conditional requests (RFC 9110, section 13): a strong ETag on what is read, preconditions on what is changed."""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from flask import Response, current_app, request

from service.api.http.compression import GZIPPED, is_worth, prefers_gzip
from service.api.http.errors import PreconditionFailed, RequestFault
from service.api.http.state import context
from service.errors import NotFound

IF_MATCH, IF_NONE_MATCH = "If-Match", "If-None-Match"


def tagged(handler: Callable[..., Any]) -> Callable[..., Response]:
    """Give what the handler of a GET answers its ETag; a client that has it already gets a 304."""

    @wraps(handler)
    def wrapper(*args: Any, **kwargs: Any) -> Response:
        response = current_app.make_response(handler(*args, **kwargs))
        streamed = response.is_streamed and not response.get_etag()[0]
        if request.method not in ("GET", "HEAD") or response.status_code not in (200, 206) or streamed:
            return response
        response.vary.update(("Accept", "Accept-Encoding"))
        tag = _tag(response)
        response.set_etag(tag)
        if is_known(tag):
            response.close()
            sent = f"{tag}{GZIPPED}" if _is_compressed(response) else tag
            response = Response(status=304, headers=response.headers)
            response.set_etag(sent)
        return response

    return wrapper


def is_known(tag: str) -> bool:
    """Whether the client has what the tag belongs to already, compressed or not, by its If-None-Match."""
    return any(map(request.if_none_match.contains_weak, _forms(tag)))


def guarded(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Call the handler of a change only if the resource is as the client's If-Match and If-None-Match say.

    They are checked at once, for nothing may be left to be written, and in the transaction that writes: of two
    clients that read the same resource one comes first.
    """

    @wraps(handler)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if IF_MATCH not in request.headers and IF_NONE_MATCH not in request.headers:
            return handler(*args, **kwargs)
        _check_preconditions()
        with context().database.only_if(_check_preconditions):
            return handler(*args, **kwargs)

    return wrapper


def _check_preconditions() -> None:
    """Raises PreconditionFailed, and what a GET of the resource raises."""
    try:
        tag = _tag(_read_resource())
    except NotFound:
        if request.method != "PUT":
            raise
        tag = None
    if IF_MATCH in request.headers and (tag is None or not any(map(request.if_match.contains, _forms(tag)))):
        detail = "The resource isn't as the If-Match says: it was changed meanwhile. Get it again, and its ETag."
        raise PreconditionFailed(detail, [RequestFault(detail, header=IF_MATCH)])
    if tag is not None and is_known(tag):
        detail = "There is the resource already that the If-None-Match says must not be there."
        raise PreconditionFailed(detail, [RequestFault(detail, header=IF_NONE_MATCH)])


def _read_resource() -> Response:
    """What a GET of the request's path answers."""
    adapter = current_app.create_url_adapter(request)
    assert adapter is not None
    endpoint, arguments = adapter.match(method="GET")
    return cast(Response, current_app.view_functions[endpoint](**arguments))


def _tag(response: Response) -> str:
    own, _ = response.get_etag()
    return own or hashlib.blake2b(response.get_data(), digest_size=16).hexdigest()


def _is_compressed(response: Response) -> bool:
    """Whether the front would compress the response for this client."""
    if response.is_streamed or response.status_code == 206:
        return False
    is_smaller = is_worth(request.path, response.mimetype or "", response.calculate_content_length() or 0)
    return is_smaller and prefers_gzip(request.headers.get("Accept-Encoding", ""))


def _forms(tag: str) -> tuple[str, str]:
    """The tag of the response as it is, and compressed."""
    return tag, f"{tag}{GZIPPED}"
