"""JSON documents: parses them strictly, explains what is invalid in malformed ones, and serializes them."""

import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import orjson

from models.allowance import OUTPUT_BYTES, Allowance
from service.api.http.errors import AnswerTooLarge, MalformedBody

QUOTE = ord('"')
STRUCTURE = b"[]{}:"
UNSTRUCTURED = bytes(byte for byte in range(256) if byte not in STRUCTURE + b'"')
VALUES = (b",", b"[", b"{")
"""Each of these begins at most one value. One more is the body itself."""
VALUELESS = bytes(byte for byte in range(256) if byte not in b',[{"')
STEPS = np.zeros(256, np.int8)
STEPS[[ord("["), ord("{")]] = 1
STEPS[[ord("]"), ord("}")]] = -1
"""The change of the nesting level at each byte of a structure."""
SHORT = 4096
"""Bytes of a body that is split at its quotation marks. For larger ones, NumPy is faster."""
CHUNK = 2**16
"""Bytes of a body or a structure that NumPy looks at in one step."""
LARGE_CHUNK = 2**20
"""Bytes of a body whose values are counted in one step."""
ESCAPED_CHARACTER = b"\\u"
FEW = 1024
"""Numbers of outputs that are described at once, at most."""
RESERVED = OUTPUT_BYTES - 4
"""Bytes of the response to each output that were reserved with the output, which takes 4 itself."""
BACKSLASH, NO_BACKSLASH = b"\\", re.compile(rb"[^\\]")
NOT_FINITE = (b"NaN", b"Infinity")
TEXTS_AND_NOT_FINITE = re.compile(rb'"(?:[^"\\]|\\.)*+"?|NaN|-?Infinity', re.DOTALL)
"""Matches a string, whose content is skipped, or a number that isn't finite. Takes linear time for any body."""

ADVICE = {
    "infinity": "It has a number beyond the range of double precision.",
    "UTF-8:": "It has bytes that are not UTF-8.",
    "byte order mark": "It begins with a byte order mark, which JSON doesn't allow.",
    "depth limit": "It has too many levels of nesting.",
    "surrogate": "It has an unpaired surrogate, which is not a character.",
}
"""An explanation of the parser's error, by a part of its message."""


def dump_json(document: Any) -> bytes:
    """Serialize the document as JSON. NumPy arrays become lists; numbers that are not finite become null."""
    # The final newline separates responses in a terminal.
    return orjson.dumps(document, default=_as_json, option=orjson.OPT_APPEND_NEWLINE)


def dump_blocks(blocks: Sequence[np.ndarray], describe: Callable[[np.ndarray], Any], allowance: Allowance) -> Any:
    """A list that consists of the described blocks, for a document that will be serialized.

    Blocks of more than FEW numbers are serialized one after the other: orjson blocks all other threads of the process
    while it writes one, and only one is in memory as Python objects. Raises TookTooLong, AnswerTooLarge, and what
    reserving memory raises.
    """
    if len(blocks) == 1 and blocks[0].size <= FEW:
        return describe(blocks[0])
    most = allowance.limits.answer_bytes
    # Unlike a list of parts that are joined, it never has everything twice.
    content = io.BytesIO()
    for block in blocks:
        allowance.check_time()
        part = orjson.dumps(describe(block), default=_as_json, option=orjson.OPT_SERIALIZE_NUMPY)
        if content.tell() + len(part) > most:
            raise AnswerTooLarge(most)
        # The document will have a copy.
        allowance.reserve(max(0, 2 * len(part) - block.size * RESERVED))
        content.write(b"," if content.tell() else b"[")
        content.write(memoryview(part)[1:-1])
    content.write(b"]")
    return orjson.Fragment(content.getvalue())


def limit_answer(content: bytes, allowance: Allowance) -> bytes:
    """The content of a response. Raises AnswerTooLarge."""
    if len(content) > allowance.limits.answer_bytes:
        raise AnswerTooLarge(allowance.limits.answer_bytes)
    return content


def _as_json(value: Any) -> orjson.Fragment:
    """Serialize an array for orjson."""
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{type(value).__name__} is not JSON serializable")
    return orjson.Fragment(_write_array(value))


def _write_array(array: np.ndarray) -> bytes:
    """Serialize an array matrix by matrix, because orjson allocates some hundred bytes for each innermost list."""
    if array.ndim <= 2:
        return orjson.dumps(np.array(array, order="C"), option=orjson.OPT_SERIALIZE_NUMPY)
    return b"[%b]" % b",".join(_write_array(part) for part in array)


def parse_json(body: bytes, max_depth: int, allowance: Allowance | None = None, *, non_finite: bool = False) -> Any:
    """Parse JSON with at most `max_depth` levels of nesting and no duplicate fields.

    Raises MalformedBody; Excessive if it has more values than the allowance. With `non_finite`, also accept `NaN`,
    `Infinity` and `-Infinity`, which are not valid JSON.
    """
    allowance = allowance or Allowance()
    allowance.take_values(_count_values(body, allowance.limits.body_values))
    allowance.take_text(body, is_wide=ESCAPED_CHARACTER in body)
    return _parse(body, max_depth, allowance, non_finite=non_finite)


def _parse(body: bytes, max_depth: int, allowance: Allowance, *, non_finite: bool = False) -> Any:
    if non_finite and any(word in body for word in NOT_FINITE):
        _parse(TEXTS_AND_NOT_FINITE.sub(_as_null, body), max_depth, allowance)
        return json.loads(body)
    structure = _structure(body)
    if _depth(structure) > max_depth:
        raise MalformedBody(f"The body has more than {max_depth} levels of nesting.")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(_explain(error, body)) from None
    if structure.count(b":") != _count_fields(document, structure, len(body), allowance):
        json.loads(body, object_pairs_hook=_refuse_duplicate_field)
    return document


def _as_null(match: re.Match[bytes]) -> bytes:
    return match[0] if match[0].startswith(b'"') else b"null"


def _structure(body: bytes) -> bytes:
    """The brackets, braces and colons of a body, without those in strings. Takes linear time for any body."""
    if len(body) <= SHORT:
        return b"".join(_without_escapes(body).split(b'"')[::2]).translate(None, UNSTRUCTURED)
    return b"".join(_outside_texts(body, UNSTRUCTURED))


def _count_values(body: bytes, enough: int) -> int:
    """The number of values in a body, in which an empty list or object counts twice, or a number above `enough`.

    Commas and brackets in texts count too, unless the number would be above `enough`.
    """
    if len(body) <= LARGE_CHUNK:
        count = 1 + body.count(b",") + body.count(b"[") + body.count(b"{")
    else:
        chunks = (body[start : start + LARGE_CHUNK] for start in range(0, len(body), LARGE_CHUNK))
        count = _add_up((chunk.count(mark) for chunk in chunks for mark in VALUES), enough)
    if count <= enough:
        return count
    return _add_up(map(len, _outside_texts(body, VALUELESS)), enough)


def _add_up(counts: Iterable[int], enough: int) -> int:
    """1 and the sum of the counts, of which those after a sum above `enough` don't matter."""
    total = 1
    for count in counts:
        total += count
        if total > enough:
            break
    return total


def _without_escapes(body: bytes) -> bytes:
    """The body without escaped backslashes and quotation marks in its texts."""
    return body.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in body else body


def _outside_texts(body: bytes, ignored: bytes) -> Iterator[bytes]:
    """The body without texts and without the `ignored` bytes, in chunks."""
    is_within = False
    start = 0
    while start < len(body):
        end = start + CHUNK
        if body[end - 1 : end] == BACKSLASH:
            # An escape sequence must not be split.
            after = NO_BACKSLASH.search(body, end)
            end = after.end() if after else len(body)
        marks = np.frombuffer(_without_escapes(body[start:end]).translate(None, ignored), np.uint8)
        start = end
        quotes = marks == QUOTE
        within = np.logical_xor.accumulate(quotes) ^ is_within
        yield marks[~(quotes | within)].tobytes()
        is_within = bool(within[-1]) if within.size else is_within


def _depth(structure: bytes) -> int:
    if len(structure) < 16:
        return structure.count(b"[") + structure.count(b"{")
    deepest = level = 0
    for start in range(0, len(structure), CHUNK):
        steps = STEPS[np.frombuffer(structure[start : start + CHUNK], np.uint8)]
        levels = np.cumsum(steps, dtype=np.int32)
        deepest = max(deepest, level + int(levels.max()))
        level += int(levels[-1])
    return deepest


def _explain(error: orjson.JSONDecodeError, body: bytes) -> str:
    if not body.strip():
        return "The body is empty."
    for part, sentence in ADVICE.items():
        if part in error.msg:
            return f"The body is not JSON. {sentence}"
    return f"The body is not JSON: line {error.lineno}, column {error.colno}: {error.msg}."


def _count_fields(document: Any, structure: bytes, size: int, allowance: Allowance) -> int:
    """Count the fields of all objects in the document, without visiting the millions of numbers that it may hold.

    If the document, of `size` bytes, has nested objects, it is serialized again and the fields are counted there.
    """
    objects = structure.count(b"{")
    if objects <= 1 and (isinstance(document, dict) or not objects):
        return len(document) if objects else 0
    allowance.reserve(size)
    return _structure(orjson.dumps(document)).count(b":")


def _refuse_duplicate_field(pairs: Sequence[tuple[str, Any]]) -> None:
    names = set()
    for name, _ in pairs:
        if name in names:
            raise MalformedBody(f'The body has the field "{name}" twice in one object.')
        names.add(name)
