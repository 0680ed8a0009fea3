"""Decides which responses are compressed with gzip (RFC 9110, section 12.5.3)."""

import gzip
from functools import lru_cache
from http import HTTPStatus

from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

from service.api.http.media_types import JSON, OCTETS, OPENMETRICS, PROBLEM, SVG, YAML

GZIP, AS_IT_IS = "gzip", "identity"
GZIPPED = "-gzip"
"""The suffix of a compressed response's ETag; proxies use it too."""
SMALLEST = 500
"""Bytes. Smaller responses fit into one or two packets anyway."""
LEVEL = 1
"""On numbers, level 1 saves nearly as much as the best level, in a tenth of the time."""
COMPRESSIBLE = (JSON, OCTETS, OPENMETRICS, PROBLEM, SVG, YAML, "text/")
"""Prefixes of compressible media types. Among binary responses, only tensors are whole in memory."""
OPEN_INFERENCE, INFER = "/v2/", "/infer"


def is_worth(path: str, status: int, media_type: str, length: int) -> bool:
    """Whether a response of `length` bytes, complete in memory, is compressed for clients that accept it."""
    return length > SMALLEST and media_type.startswith(COMPRESSIBLE) and _clients_decompress(path, status)


def _clients_decompress(path: str, status: int) -> bool:
    """Whether clients that accept gzip on a path also decompress it.

    Triton's asyncio client asks for gzip with every request, and decompresses only the results of `infer`.
    """
    return not path.startswith(OPEN_INFERENCE) or (path.endswith(INFER) and status == HTTPStatus.OK)


@lru_cache(maxsize=64)
def prefers_gzip(accepted: str) -> bool:
    """Whether an `Accept-Encoding` header ranks gzip at least as high as `identity`."""
    codings = parse_accept_header(accepted, Accept)
    quality = codings.quality(GZIP)
    return quality > 0 and quality >= codings.quality(AS_IT_IS)


def compress(content: bytes) -> bytes:
    """Compress the content. The same content gives the same bytes."""
    return gzip.compress(content, LEVEL, mtime=0)


def mark_tag(tag: str) -> str:
    """The ETag header's value for the compressed form of a response."""
    return f'{tag[:-1]}{GZIPPED}"'
