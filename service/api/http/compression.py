"""Compresses answers with gzip for clients that take it (RFC 9110, section 12.5.3), where it is worth it."""

import gzip
from functools import lru_cache
from http import HTTPStatus

from flask import Flask, Response, request
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

from service.api.http.media_types import JSON, OCTETS, PROBLEM, YAML

GZIP, AS_IT_IS = "gzip", "identity"
GZIPPED = "-gzip"
"""What is put behind the tag of a compressed answer, by proxies too."""
SMALLEST = 500
"""Bytes up to which an answer fits a packet or two anyway."""
LEVEL = 1
"""Of numbers it saves nearly what the best level does, in a tenth of the time."""
COMPRESSIBLE = (JSON, OCTETS, PROBLEM, YAML, "text/")
"""What media types begin with whose answers become smaller; of binary ones only tensors are whole in memory."""
OPEN_INFERENCE, INFER = "/v2/", "/infer"


def register(app: Flask) -> None:
    """Have the answers of an app compressed."""
    app.after_request(_compress)


def is_compressed(response: Response) -> bool:
    """Whether the client will get the response compressed."""
    return _is_compressible(response) and prefers_gzip(request.environ.get("HTTP_ACCEPT_ENCODING", ""))


def _compress(response: Response) -> Response:
    # What a POST is answered is in no cache that Vary would tell something: most predictions end here.
    if "HTTP_ACCEPT_ENCODING" not in request.environ and request.method == "POST":
        return response
    if not _is_compressible(response):
        return response
    response.vary.add("Accept-Encoding")
    if not is_compressed(response):
        return response
    response.set_data(gzip_text(response.get_data()))
    response.headers["Content-Encoding"] = GZIP
    tag, is_weak = response.get_etag()
    if tag is not None:
        response.set_etag(f"{tag}{GZIPPED}", weak=bool(is_weak))
    return response


def gzip_text(content: bytes) -> bytes:
    """The content compressed, the same each time."""
    return gzip.compress(content, LEVEL, mtime=0)


def _is_compressible(response: Response) -> bool:
    """Whether it is a text or a tensor that lies in memory whole: streams, files and their ranges stay as they are."""
    if response.is_streamed or response.status_code == 206 or "Content-Encoding" in response.headers:
        return False
    if not clients_decompress(request.path, response.status_code):
        return False
    length = response.calculate_content_length() or 0
    return length > SMALLEST and (response.mimetype or "").startswith(COMPRESSIBLE)


def clients_decompress(path: str, status: int) -> bool:
    """Whether clients that accept gzip on a path also decompress it.

    Triton's asyncio client asks for gzip with every request, and decompresses only the results of `infer`.
    """
    return not path.startswith(OPEN_INFERENCE) or (path.endswith(INFER) and status == HTTPStatus.OK)


@lru_cache(maxsize=64)
def prefers_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding ranks gzip at least as high as no compression."""
    codings = parse_accept_header(accepted, Accept)
    quality = codings.quality(GZIP)
    return quality > 0 and quality >= codings.quality(AS_IT_IS)
