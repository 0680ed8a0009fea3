"""Which answers are compressed with gzip (RFC 9110, section 12.5.3): where the client takes it and it is worth it."""

import gzip
from functools import lru_cache
from http import HTTPStatus

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
    """Whether an Accept-Encoding ranks gzip at least as high as no compression."""
    codings = parse_accept_header(accepted, Accept)
    quality = codings.quality(GZIP)
    return quality > 0 and quality >= codings.quality(AS_IT_IS)


def compress(content: bytes) -> bytes:
    """The content compressed, the same each time."""
    return gzip.compress(content, LEVEL, mtime=0)


def mark_tag(tag: str) -> str:
    """The ETag, as a header has it, of the compressed form of an answer."""
    return f'{tag[:-1]}{GZIPPED}"'
