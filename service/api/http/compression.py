"""Decides which responses are compressed with gzip (RFC 9110, section 12.5.3)."""

import gzip
from functools import lru_cache

from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

from service.api.http.media_types import JSON, OCTETS, PROBLEM, YAML

GZIP, AS_IT_IS = "gzip", "identity"
GZIPPED = "-gzip"
"""The suffix of a compressed response's ETag; proxies use it too."""
SMALLEST = 500
"""Bytes. Smaller responses fit into one or two packets anyway."""
LEVEL = 1
"""On numbers, level 1 saves nearly as much as the best level, in a tenth of the time."""
COMPRESSIBLE = (JSON, OCTETS, PROBLEM, YAML, "text/")
"""Prefixes of compressible media types. Among binary responses, only tensors are whole in memory."""


def is_worth(path: str, media_type: str, length: int) -> bool:
    """Whether to compress a response of `length` bytes that is whole in memory, for clients that accept gzip.

    Triton's asyncio client accepts gzip for all responses below `/v2`, but decompresses only those of `infer`.
    """
    if path.startswith("/v2/") and not path.endswith("/infer"):
        return False
    return length > SMALLEST and media_type.startswith(COMPRESSIBLE)


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
