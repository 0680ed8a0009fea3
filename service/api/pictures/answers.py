"""Answers a request for a picture: as SVG, as PNG, or with the numbers that it is drawn from as JSON."""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, Self

import orjson
from flask import Response, request

import models
from service.api.http.bodies import write_json
from service.api.http.compression import GZIPPED, prefers_gzip
from service.api.http.conditional import is_known
from service.api.http.errors import NotAcceptable
from service.api.http.handing_over import leave_drawing
from service.api.http.media_types import JSON, PNG, SVG
from service.api.http.state import pictures

FORMATS = {"svg": SVG, "png": PNG, "json": JSON}
"""The media types by the values of `format`, the default first."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
"""For an SVG that is opened by itself, so that nothing in it could run or be loaded."""

CACHING = "private, no-cache"
"""A browser's cookie may be what shows a picture, and proxies don't know that it is a secret, as they do of keys."""


class Form(NamedTuple):
    """In which form a client wants a picture. Without a width or a height, it has that of its kind."""

    format: str
    width: int | None
    height: int | None
    theme: str

    @classmethod
    def of(cls, query: dict[str, Any]) -> Self:
        """The form that a query of PictureQuery asks for, or else the `Accept` header. Raises NotAcceptable."""
        return cls(query["format"] or _choose_format(), query["width"], query["height"], query["theme"])


def _choose_format() -> str:
    """The format that `Accept` prefers; SVG among equals, unless only another one is named.

    Browsers ask for several types of images and for `*/*`, which all stand for SVG here.
    """
    accept = request.accept_mimetypes
    if not accept:
        return "svg"
    named = {media_type.lower() for media_type, _ in accept}
    ranks = {name: (accept.quality(media_type), media_type in named) for name, media_type in FORMATS.items()}
    best = max(FORMATS, key=lambda name: ranks[name])
    if not ranks[best][0]:
        raise NotAcceptable(f"The picture is only available as {SVG} or {PNG}, and its numbers as {JSON}.")
    return best


def answer_picture(kind: str, document: dict[str, Any], form: Form) -> Response:
    """The picture of a document in a form. If the client has it already, nothing is drawn.

    Raises Overloaded.
    """
    if form.format == "json":
        return write_json(document)
    described = orjson.dumps({"kind": kind, "document": document, **form._asdict()})
    tag = hashlib.blake2b(described, digest_size=16, key=_drawing_version()).hexdigest()
    if is_known(tag):
        response = Response(status=304)
        response.set_etag(_sent_tag(tag, form))
        response.vary.update(("Accept", "Accept-Encoding"))
        response.headers["Cache-Control"] = CACHING
        return response
    response = leave_drawing(pictures().get(tag, described), FORMATS[form.format])
    response.set_etag(tag)
    response.headers["Cache-Control"] = CACHING
    if form.format == "svg":
        response.headers["Content-Security-Policy"] = POLICY
    return response


def _sent_tag(tag: str, form: Form) -> str:
    """The tag of what the client would be sent: every SVG is worth compressing, no PNG is."""
    is_compressed = form.format == "svg" and prefers_gzip(request.headers.get("Accept-Encoding", ""))
    return f"{tag}{GZIPPED}" if is_compressed else tag


@cache
def _drawing_version() -> bytes:
    """Changes with the code that draws: pictures that clients keep are from it."""
    code = hashlib.blake2b(version("matplotlib").encode(), digest_size=16)
    for path in sorted((Path(models.__file__).parent / "drawing").glob("*.py")):
        code.update(path.read_bytes())
    return code.digest()
