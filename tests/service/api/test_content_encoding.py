"""Compressed bodies: what they decompress to, and where decompressing them stops."""

import gzip
import random
import zlib

import pytest

from service.api.http.content_encoding import FED, GROWTH, STEP, unpack
from service.api.http.errors import BodyTooLarge, MalformedBody

BODIES = [b"", b"x", b"x" * STEP, b"x" * (3 * STEP + 1), random.Random(1).randbytes(3 * FED + 7)]


@pytest.mark.parametrize("body", BODIES)
def test_a_body_of_exactly_the_limit_is_unpacked(body: bytes) -> None:
    taken: list[int] = []
    assert unpack(gzip.compress(body), "gzip", len(body), taken.append) == body
    assert unpack(zlib.compress(body), "deflate", len(body), lambda size: None) == body
    assert len(body) <= sum(taken) <= len(body) * (1 + 1 / GROWTH)


@pytest.mark.parametrize("body", BODIES[1:])
def test_a_body_beyond_the_limit_takes_no_more_memory_than_the_limit(body: bytes) -> None:
    taken: list[int] = []
    with pytest.raises(BodyTooLarge):
        unpack(gzip.compress(body), "gzip", len(body) - 1, taken.append)
    assert sum(taken) < len(body) * (1 + 1 / GROWTH)


@pytest.mark.parametrize("body", BODIES)
def test_a_body_that_is_cut_off_or_goes_on_is_refused(body: bytes) -> None:
    packed = gzip.compress(body)
    with pytest.raises(MalformedBody, match="incomplete"):
        unpack(packed[:-1], "gzip", 4 * STEP, lambda size: None)
    for more in (b"x", packed, b"x" * 2 * FED):
        with pytest.raises(MalformedBody, match="after its end"):
            unpack(packed + more, "gzip", 4 * STEP, lambda size: None)
