"""HTTP/1.1 as clients write it to a connection: valid but unusual requests, several in a row, and edited ones."""

import json
from typing import Any

from hypothesis import strategies as st

from tests.fuzzing.edits import edited
from tests.fuzzing.request import RawRequest

METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"OPTIONS", b"PURGE")
"""Those that delete nothing: the other fuzzers need the models."""
TARGETS = (
    b"/healthz", b"/readyz", b"/v1/models", b"/v1/models/line", b"/v1/models/line/predictions",
    b"/v1/models/line:predict", b"/v2/models/line/infer", b"/v1/datasets?limit=1&sort=name",
    b"/v1/datasets/line/rows?cursor=%00", b"/openapi.json", b"//example.org/v1", b"/v1//models", b"/v1/models/",
    b"/%2e%2e/%2e%2e/etc/passwd", b"/v1/models/%00", b"/%ff%fe", b"/v1/models/line/versions/99999999999999999999",
    b"/v1/models?metadata.%ff=%ff", b"/" + b"a" * 9000, b"*", b"http://127.0.0.1/healthz", b"/?" + b"a=1&" * 1500,
    b"/problems/../../etc", b"/v1/models;x=1", b"/V1/MODELS",
)  # fmt: skip
HEADERS = (
    b"Accept: */*", b"Accept: x/y;q=5, ;;", b"Accept: text/html", b"Accept-Encoding: gzip;q=0, *",
    b"Range: bytes=0-,5", b"If-None-Match: *", b"If-Match: W/\"x\", y", b"If-Modified-Since: Tue, 99 Foo 2024",
    b"Prefer: wait=x", b"Prefer: respond-async", b"Idempotency-Key: " + b"k" * 300,
    b"Content-Type: application/json", b"Content-Type: multipart/form-data", b"Content-Type: ;charset=\xff",
    b"Content-Encoding: br", b"Content-Encoding: gzip", b"X-Request-ID: \xe9\xff", b"X-Long: " + b"x" * 8000,
    b"X-Long: " + b"x" * 20_000, b"Upgrade: websocket", b"TE: trailers", b"Cookie: =;=;", b"Origin: null",
    b"Sec-Fetch-Site: cross-site", b"Forwarded: for=\"_x\"", b"User-Agent: curl/8", b"Last-Event-ID: -1", b"Empty:",
    b"Authorization: Bearer x", b"Connection: keep-alive, x", b"Expect: 100-continue", b"Via: 1.0 \t x",
)  # fmt: skip
BODIES = (b"", b"{}", b"[", json.dumps({"instances": [[1.0]]}).encode(), b"\0" * 300, b"x" * 70_000)
WORDS = (
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"Content-Length: 5\r\n", b"Content-Length: -1\r\n",
    b"Content-Length: " + b"9" * 30, b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: x, chunked\r\n",
    b"Host: example.org\r\n", b" ", b"\t", b"\0", b"0\r\n\r\n", b"FFFFFFFFFFFFFFFF\r\n", b"HTTP/2.0", b"HTTP/0.9",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01", b":",
)  # fmt: skip


@st.composite
def raw_requests(draw: st.DrawFn) -> RawRequest:
    """Valid requests, of which the last ends the connection; half of the time with edits."""
    count = draw(st.integers(1, 3))
    data = b"".join(_write(draw, is_last=number == count - 1) for number in range(count))
    if draw(st.booleans()):
        return RawRequest(draw(edited([data], WORDS)), answers=None)
    return RawRequest(data, count)


def _write(draw: st.DrawFn, is_last: bool) -> bytes:
    method, target = draw(st.sampled_from(METHODS)), draw(st.sampled_from(TARGETS))
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: 127.0.0.1"]
    lines += draw(st.lists(st.sampled_from(HEADERS), max_size=5))
    lines += [b"Connection: close"] * is_last
    body = b"" if method in (b"GET", b"HEAD") else draw(st.sampled_from(BODIES))
    if body and draw(st.booleans()):
        lines.append(b"Transfer-Encoding: chunked")
        body = _chunk(draw, body)
    elif body:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", b""]) + body


def _chunk(draw: Any, body: bytes) -> bytes:
    size = draw(st.sampled_from((1000, 65536)))
    extension = draw(st.sampled_from((b"", b";x", b';x="y"')))
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    chunks = [b"%x%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in pieces]
    return b"".join(chunks) + b"0\r\n" + draw(st.sampled_from((b"", b"X-Trailer: y\r\n"))) + b"\r\n"
