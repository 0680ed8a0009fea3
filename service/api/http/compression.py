"""Which answers are compressed with gzip (RFC 9110, section 12.5.3): where the client takes it and it is worth it."""

import gzip
from functools import lru_cache

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


def is_worth(path: str, media_type: str, length: int) -> bool:
    """Whether an answer of so many bytes, whole in memory, is compressed for those who take it.

    Triton's asyncio client asks for gzip everywhere below `/v2` and unpacks only what `infer` answers.
    """
    if path.startswith("/v2/") and not path.endswith("/infer"):
        return False
    return length > SMALLEST and media_type.startswith(COMPRESSIBLE)


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
