"""Requests within the documented limits that cost much: many nodes, rows, outputs, pixels or parts in few bytes."""

import gzip
import json
import struct
import zlib
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from PIL import Image

from tests.fuzzing.arrays import npy
from tests.fuzzing.picture_chunks import PNG_START, read_chunks, write_chunks
from tests.fuzzing.request import FORM, JSON, Request, dataset, form
from tests.journeys.specs import LINE
from tests.models.made_pictures import encode

MOST_BYTES = 60 * 10**6
"""Of a body, which the service accepts up to 64 MiB."""
ITEMS = (
    "[]",
    "{}",
    "[[]]",
    "1",
    "[1]",
    "1.5e-7",
    '""',
    '"abcdefgh"',
    "null",
    '{"a":1}',
    '{"b64":"AA"}',
    '{"":[]}',
    "[1,2]",
)
MEMBERS = ("instances", "inputs", "examples", "zz", "rows", "context")
ROUTES = (
    "/v1/models/line/predictions", "/v1/models/wide/predictions", "/v1/models/mixed/predictions",
    "/v1/models/tiles/predictions", "/v1/models/pair/predictions", "/v1/models/line:predict",
    "/v1/models/wide:predict", "/v1/models/mixed:classify", "/v1/models/line:regress", "/v2/models/line/infer",
    "/v2/models/mixed/infer", "/v1/models?dry_run=true", "/v1/training-jobs", "/v1/evaluations",
)  # fmt: skip
CELLS = ("", "1", "1.5", "x", "2024-01-03", "NA", '""', " " * 60, "9" * 60)
MOST_SIDE = 7000
"""Pixels; a square of them is within the limit of 50 million."""


def _count(draw: st.DrawFn, most: int) -> int:
    """A number up to `most`, of any order of magnitude."""
    return int(most ** draw(st.floats(0, 1)))


def _json(draw: st.DrawFn, most: int) -> Request:
    """A list of equal items in a field that the route may know."""
    item, member = draw(st.sampled_from(ITEMS)), draw(st.sampled_from(MEMBERS))
    count = min(_count(draw, most), MOST_BYTES // (len(item) + 1))
    body = f'{{"{member}":[{",".join([item] * count)}]}}'.encode()
    headers = dict(JSON)
    if draw(st.booleans()):
        body, headers["Content-Encoding"] = gzip.compress(body, 1, mtime=0), "gzip"
    return Request("POST", draw(st.sampled_from(ROUTES)), body, headers)


def _npy(draw: st.DrawFn, most: int) -> Request:
    descr, size = draw(st.sampled_from((("|u1", 1), ("<f4", 4), ("|b1", 1), ("<f8", 8), ("<U1", 4))))
    rows, columns = _count(draw, most), draw(st.sampled_from((0, 1, 2, 192)))
    rows = rows if columns == 0 else min(rows, MOST_BYTES // (columns * size))
    fortran = draw(st.booleans())
    body = npy(descr, draw(st.sampled_from(((rows, columns), (rows,)))), bytes(rows * columns * size), fortran)
    return Request("POST", draw(st.sampled_from(ROUTES[:4])), body, {"Content-Type": "application/x-npy"})


def _csv(draw: st.DrawFn, most: int) -> Request:
    line = ",".join([draw(st.sampled_from(CELLS))] * draw(st.sampled_from((1, 4, 10, 1000))))
    count = min(_count(draw, most), MOST_BYTES // (len(line) + 1))
    body = (f"{line}\n" * count).encode()
    if draw(st.booleans()):
        header = ",".join(f"c{number}" for number in range(line.count(",") + 1))
        return dataset(f"{header}\n".encode() + body, "large.csv", {"target": "c0"})
    return Request("POST", draw(st.sampled_from(ROUTES[:3])), body, {"Content-Type": "text/csv"})


def _picture(draw: st.DrawFn, most: int) -> Request:
    """One large picture, or several smaller ones in a form."""
    side = min(MOST_SIDE, _count(draw, int(most**0.5) * 2))
    make, type_ = draw(st.sampled_from(((tiny_png, "png"), (tiny_webp, "webp"), (jpeg, "jpeg"))))
    picture = make(side)
    count = _count(draw, 100)
    if count == 1:
        return Request("POST", ROUTES[3], picture, {"Content-Type": f"image/{type_}"})
    return Request("POST", ROUTES[3], form([('name="file"; filename="a"', picture)] * count), FORM)


def tiny_png(side: int) -> bytes:
    """A black square in colour."""
    data = zlib.compress(bytes((side * 3 + 1) * side), 1)
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return write_chunks(PNG_START, [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")])


def tiny_webp(side: int) -> bytes:
    """A square of one colour, whose pixels take no bits (WebP Lossless, section 5): five codes of a single symbol."""
    codes = sum(0b0001 << 4 * code for code in range(5))
    bits = (side - 1) | (side - 1) << 14 | codes << 32 + 3
    return write_chunks(b"RIFF", [(b"VP8L", b"\x2f" + bits.to_bytes(8, "little"))])


def jpeg(side: int) -> bytes:
    """A black square; a small one has many scans."""
    file = encode(Image.new("L", (side, side)), "JPEG", progressive=True)
    chunks = read_chunks(file)
    return write_chunks(file, chunks[:-1] + chunks[-2:-1] * (1000 if side < 1000 else 0) + chunks[-1:])


def _tensors(draw: st.DrawFn, most: int) -> Request:
    """Tensors of the Open Inference Protocol: in binary, as lists, or many."""
    count = min(_count(draw, most), MOST_BYTES // 4)
    kind = draw(st.sampled_from(("binary", "texts", "list", "many")))
    headers, rest = {"Content-Type": "application/octet-stream"}, b""
    tensor: dict[str, Any] = {"name": "input", "shape": [count, 1], "datatype": "FP32"}
    inputs = [tensor]
    if kind in ("binary", "texts"):
        rest = bytes(4 * count)
        tensor |= {"parameters": {"binary_data_size": len(rest)}}
        tensor |= {"name": "colour", "datatype": "BYTES"} if kind == "texts" else {}
    elif kind == "list":
        tensor |= {"data": [draw(st.sampled_from((1, 1.5, [1], "", None)))] * count}
    else:
        inputs = [tensor | {"shape": [1, 1], "data": [1]}] * (count // 20)
    document = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": draw(st.booleans())}}).encode()
    headers["Inference-Header-Content-Length"] = str(len(document))
    path = draw(st.sampled_from(("/v2/models/line/infer", "/v2/models/mixed/infer", "/v2/models/wide/infer")))
    return Request("POST", path, document + rest, headers)


def _dataset(draw: st.DrawFn, most: int) -> Request:
    """Rows of a dataset in the request."""
    count = min(_count(draw, most), MOST_BYTES // 16)
    rows: Any = [draw(st.sampled_from(({"a": 1}, {"a": "x"}, {}, {"a": [1]}, 1, None)))] * count
    fields = draw(st.sampled_from(({"rows": rows, "target": "a"}, {"inputs": rows, "targets": rows})))
    document = {"name": "fuzzed", "source": "inline", **fields}
    return Request("POST", "/v1/datasets", json.dumps(document).encode(), JSON)


def _spec(draw: st.DrawFn, most: int) -> Request:
    """Many layers, or layers of many numbers."""
    count = _count(draw, most // 16)
    layer = draw(st.sampled_from(({"type": "Dense", "units": 1}, {"type": "ReLU"}, {"type": "Nothing"}, {})))
    document = {**LINE, "layers": [layer] * count}
    return Request("POST", "/v1/models?dry_run=true", json.dumps(document).encode(), JSON)


def _parts(draw: st.DrawFn, most: int) -> Request:
    """A form with many parts, or with long heads."""
    parameters = draw(st.sampled_from(('name="file"; filename="a"', 'name="a"', "", 'name="' + "a" * 5000 + '"')))
    parts = [(parameters, b"")] * min(_count(draw, most // 16), MOST_BYTES // (len(parameters) + 100))
    return Request(
        "POST", draw(st.sampled_from((ROUTES[3], "/v1/datasets", "/v1/batch-predictions"))), form(parts), FORM
    )


KINDS: tuple[Callable[[st.DrawFn, int], Request], ...] = (
    _json, _json, _npy, _csv, _picture, _tensors, _dataset, _spec, _parts,
)  # fmt: skip


@st.composite
def large_requests(draw: st.DrawFn, most: int) -> Request:
    """A request with at most `most` nodes, cells, numbers or pixels."""
    return draw(st.sampled_from(KINDS))(draw, most)
