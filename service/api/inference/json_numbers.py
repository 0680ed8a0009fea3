"""Reads JSON bodies of evenly nested numbers into an array, without a Python object for each number.

simdjson reads the numbers as a flat sequence. The nesting is derived from the body's brackets and commas, which must
repeat those of the first row. All other bodies go to the general parser, which accepts everything valid and reports
faults: ragged rows, text, null, files in Base64.
"""

import math
import re
import secrets
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, cast

import numpy as np
import simdjson

from models.allowance import PARSED_BYTES, Allowance
from models.values.tensors import MAX_NESTING

STRUCTURE = b'[]{},":'
UNSTRUCTURED = bytes(byte for byte in range(256) if byte not in STRUCTURE)
OPENING, CLOSING = b'{"":', b"}"
"""The structure around the rows: an object with one field."""
SPACE = rb"[ \t\r\n]*"
BEGINNING = re.compile(rb'%b\{%b"(?P<member>[a-z]+)"%b:%b\[(?=[\[ \t\r\n]*+[-0-9])' % ((SPACE,) * 4))
"""Matches the beginning of such a body, up to the first row. This cheap check rejects most other bodies."""
END = re.compile(rb"%b\}%b" % ((SPACE,) * 2))

FLAT_LIST = re.compile(rb'"%b:%b\[(?=%b[-0-9])' % ((SPACE,) * 3))
"""Matches the beginning of a flat list of numbers, from the quotation mark after the field's name."""

MARK = secrets.token_hex(16)

SHORT = 4096
"""The bytes of a structure whose shape is cached, at most. Most clients send the same shape repeatedly."""
BLOCK = 2**20
"""The bytes that are parsed in one call. During a call, no other thread of the process runs."""
FLAT_BYTES = 24
"""The memory of a number of a flat list, which simdjson parses in one call: 16 bytes there, and 8 in the array."""

Shape = tuple[int, ...]


def read_even_numbers(body: bytes, member: str, allowance: Allowance) -> np.ndarray | None:
    """The numbers of `{"member": [[…], …]}` (float64, shape (rows, …)), or None if the body is anything else.

    The general parser reads exactly the same numbers from such a body. Raises Excessive.
    """
    beginning = BEGINNING.match(body)
    if beginning is None or beginning["member"] != member.encode():
        return None
    if _has_commas(body, allowance.limits.prediction_numbers):
        return None
    structure = _structure(body)
    shape = (_find_shape if len(structure) > SHORT else _find_known_shape)(structure)
    if shape is None:
        return None
    allowance.take_numbers(math.prod(shape), FLAT_BYTES if len(shape) == 1 else PARSED_BYTES)
    try:
        if len(body) <= BLOCK or len(shape) == 1:
            numbers = _numbers(cast(simdjson.Object, simdjson.Parser().parse(body))[member])
        else:
            numbers = _read_blocks(body, beginning.end(), shape)
    except (ValueError, TypeError, RuntimeError):
        return None
    # An empty list has no comma, like a list of one number: the size tells them apart.
    return numbers.reshape(shape) if numbers.size == math.prod(shape) else None


def _has_commas(body: bytes, most: int) -> bool:
    """Whether a body has at least `most` commas, and so more numbers than that, unless they are in texts."""
    return len(body) > most and body.count(b",") >= most


def take_out_lists(body: bytes, member: str, most: int, allowance: Allowance) -> tuple[bytes, dict[str, np.ndarray]]:
    """Replace each flat list of numbers in a field `member` by a text, and return the lists (float64) by that text.

    Clients can't guess the text. At most `most` lists are replaced. At the first list with anything else than numbers,
    the replacement stops, so that a body that isn't JSON reaches its parser quickly. Raises Excessive.
    """
    parts: list[bytes] = []
    lists: dict[str, np.ndarray] = {}
    place = 0
    if _has_commas(body, allowance.limits.prediction_numbers):
        return body, lists
    for start in islice(_find_flat_lists(body, member), most):
        end = body.find(b"]", start) + 1
        allowance.take_numbers(body.count(b",", start, end) + 1, FLAT_BYTES)
        try:
            numbers = _numbers(simdjson.Parser().parse(body[start:end]))
        except (ValueError, TypeError, RuntimeError):
            break
        mark = f"{MARK}{len(lists)}"
        parts += body[place:start], b'"%b"' % mark.encode()
        lists[mark] = numbers
        place = end
    return b"".join([*parts, body[place:]]), lists


def _find_flat_lists(body: bytes, member: str) -> Iterator[int]:
    """Where the flat lists of numbers in fields `member` begin. Within a text, the quotes would have backslashes."""
    name = b'"%b"' % member.encode()
    place = body.find(name)
    while place >= 0:
        beginning = FLAT_LIST.match(body, place + len(name) - 1)
        if beginning is not None and body[place - 1 : place] != b"\\":
            yield beginning.end() - 1
        place = body.find(name, place + len(name))


def _structure(body: bytes) -> bytes:
    """The body's brackets, braces, commas, colons and quotation marks."""
    if len(body) <= BLOCK:
        return body.translate(None, UNSTRUCTURED)
    starts = range(0, len(body), BLOCK)
    return b"".join(body[start : start + BLOCK].translate(None, UNSTRUCTURED) for start in starts)


def _find_shape(structure: bytes) -> Shape | None:
    """The shape that brackets and commas describe; None unless all lists of a level have the same length."""
    if not (structure.startswith(OPENING) and structure.endswith(CLOSING)):
        return None
    lists = structure[len(OPENING) : -len(CLOSING)]
    depth = len(lists) - len(lists.lstrip(b"["))
    if not 0 < depth <= MAX_NESTING:
        return None
    shape: list[int] = []
    item, end = b"", 0
    for level in range(1, depth + 1):
        # The first list of this level ends at the first position with `level` closing brackets in a row.
        end = lists.find(b"]" * level, max(end, 0))
        items = len(lists[depth - level + 1 : end + level - 1])
        length = (items + 1) // (len(item) + 1)
        item = b"[%b]" % ((item + b",") * length)[:-1]
        shape.insert(0, length)
    return tuple(shape) if item == lists else None


_find_known_shape = lru_cache(maxsize=64)(_find_shape)


def _numbers(rows: Any) -> np.ndarray:
    return np.frombuffer(cast(simdjson.Array, rows).as_buffer(of_type="d"), np.float64)


def _read_blocks(body: bytes, begin: int, shape: Shape) -> np.ndarray:
    """The numbers of rows that are lists; the first row begins at `begin`. Raises what simdjson raises."""
    blocks = [_numbers(simdjson.Parser().parse(block)) for block in _blocks(body, begin, shape)]
    return np.concatenate([blocks[0], *(block[1:] for block in blocks[1:])])


def _blocks(body: bytes, begin: int, shape: Shape) -> Iterator[bytes]:
    """Blocks of whole rows as JSON lists. All but the first begin with a 0, so that the comma before them is parsed.

    Raises ValueError if the body doesn't end after the rows.
    """
    lists_in_row = sum(math.prod(shape[1:level]) for level in range(1, len(shape)))
    closings = np.flatnonzero(np.frombuffer(body, np.uint8) == ord("]"))
    if END.fullmatch(body, closings[-1] + 1) is None:
        raise ValueError("something follows the rows")
    rows_at_once = max(1, shape[0] * BLOCK // len(body))
    opening = b"["
    for rows in range(rows_at_once, shape[0], rows_at_once):
        end = int(closings[rows * lists_in_row - 1]) + 1
        yield b"%b%b]" % (opening, body[begin:end])
        opening, begin = b"[0 ", end
    yield opening + body[begin : closings[-1] + 1]
