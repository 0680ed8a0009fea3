"""Conditional requests (RFC 9110, section 13): strong ETags for reads, preconditions for changes."""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

import orjson
from flask import Response, current_app, request

from service.api.http.compression import GZIPPED, is_worth, prefers_gzip
from service.api.http.errors import PreconditionFailed, RequestFault
from service.api.http.indentation import INDENTED
from service.api.http.indented_responses import indent
from service.api.http.media_types import JSON
from service.api.http.state import context
from service.errors import NotFound

IF_MATCH, IF_NONE_MATCH = "If-Match", "If-None-Match"
FORMS = (f"{INDENTED}{GZIPPED}", INDENTED, GZIPPED)
"""The suffixes of the tags of responses that are sent indented or compressed."""
CHANGING = frozenset(("progress", "usage", "heartbeat_at"))
"""The fields of resources that also change by themselves, as jobs do by progress, projects by what they use, and
workers by heartbeats."""
FOUND = ("metrics", "best", "baseline", "folds", "folds_summary", "warnings", "last_event")
"""What a job reports while it runs."""
VOLATILE = (*CHANGING, *FOUND, "running", "running_jobs", "free_workers")
"""The fields of such resources that change by themselves."""
SEPARATOR = "."
"""Separates a resource's revision from the hash of the whole response."""


def tagged(handler: Callable[..., Any]) -> Callable[..., Response]:
    """Add an ETag to the response of a GET handler; return 304 if the client already has it."""

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
            sent, _ = indent(response).get_etag()
            compressed = _is_compressed(response)
            response.close()
            response = Response(status=304, headers=response.headers)
            response.set_etag(f"{sent}{GZIPPED}" if compressed else str(sent))
        return response

    return wrapper


def is_known(tag: str) -> bool:
    """Whether the request's `If-None-Match` contains the tag, in any of its forms."""
    return any(map(request.if_none_match.contains_weak, (tag, *(f"{tag}{ending}" for ending in FORMS))))


def guarded(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Call the handler of a change only if the preconditions `If-Match` and `If-None-Match` hold.

    They are checked twice: immediately, because the handler may have nothing to write, and at the end of the
    transaction that writes, because another client may change the resource in between.
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
    """Raise PreconditionFailed, or whatever a GET of the resource raises."""
    try:
        tag = _tag(_read_resource())
    except NotFound:
        if request.method != "PUT":
            raise
        tag = None
    if IF_MATCH in request.headers and (tag is None or not _is_current(tag)):
        detail = "The resource has changed: its ETag doesn't match If-Match. Get the resource and use its new ETag."
        raise PreconditionFailed(detail, [RequestFault(detail, header=IF_MATCH)])
    if tag is not None and is_known(tag):
        detail = "The resource already exists and matches If-None-Match."
        raise PreconditionFailed(detail, [RequestFault(detail, header=IF_NONE_MATCH)])


def _read_resource() -> Response:
    """The response of a GET of the request's path."""
    adapter = current_app.create_url_adapter(request)
    assert adapter is not None
    endpoint, arguments = adapter.match(method="GET")
    return cast(Response, current_app.view_functions[endpoint](**arguments))


def _tag(response: Response) -> str:
    """The response's own tag, or a hash of its content. A resource that changes by itself gets its revision and
    that hash."""
    own, _ = response.get_etag()
    if own:
        return own
    content = response.get_data()
    document = orjson.loads(content) if response.mimetype == JSON else None
    if not isinstance(document, dict) or CHANGING.isdisjoint(document):
        return _hash(content)
    stable = {name: value for name, value in document.items() if name not in VOLATILE}
    return f"{_hash(orjson.dumps(stable))}{SEPARATOR}{_hash(content)}"


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _is_current(tag: str) -> bool:
    """Whether `If-Match` contains the tag, in any form and with any progress. Weak tags never match."""
    return request.if_match.star_tag or _revision(tag) in map(_revision, request.if_match)


def _revision(tag: str) -> str:
    """The part of a tag that stays the same while a resource makes progress."""
    ending = next((ending for ending in FORMS if tag.endswith(ending)), "")
    return tag.removesuffix(ending).partition(SEPARATOR)[0]


def _is_compressed(response: Response) -> bool:
    """Whether the response will be compressed for this client."""
    if response.is_streamed or response.status_code == 206:
        return False
    is_smaller = is_worth(
        request.path, response.status_code, response.mimetype or "", response.calculate_content_length() or 0
    )
    return is_smaller and prefers_gzip(request.headers.get("Accept-Encoding", ""))
