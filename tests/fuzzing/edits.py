"""Edits that make files and documents invalid, or valid but unusual."""

import copy
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

EDIT_COUNTS = (1, 1, 1, 2, 3, 6)
LARGEST = 256 * 1024
"""Bytes of an edited file at most."""
COUNTS = (0, 1, 2, 3, 7, 64, 127, 255, 256, 1000, 32767, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**63)
"""Numbers at which something overflows, ends or becomes large."""
REPETITIONS = (2, 3, 10, 100, 1000, 10_000)

STRANGE_TEXTS = (
    "", " ", "\0", "\t", "\n", '"', "'", "\\", "\ufeff", "\u202e", "é", "日本", "𝕏", "../../etc/passwd", "%00",
    "${7*7}", "NaN", "nan", "Infinity", "-inf", "null", "None", "true", "1e400", "0x10", "1_000", "१२", "a" * 300,
    " " * 5000 + "x", "9" * 400, "[" * 3000, '{"a":' * 1500, "2024-01-03" + " " * 20_000 + "x", "0" * 20_000 + "x",
    "=1+1",
)  # fmt: skip
STRANGE_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, -0.0, 1e-320, 1e308, 2**31, 2**53 + 1, 2**63, 2**64, 10**30, float("nan"),
    float("inf"), [], {}, [[]], [None], [{}] * 3, [[], [1]], {"": 0}, {"b64": ""}, {"b64": "AAAA"}, {"b64": 5},
    {"b64": "\u00e4"}, [0] * 5000, "\ud800", *STRANGE_TEXTS,
)  # fmt: skip


@st.composite
def edited(draw: st.DrawFn, files: Sequence[bytes], words: Sequence[bytes] = (b"\0",)) -> bytes:
    """One of the files with a few edits; `words` are inserted."""
    data = bytearray(draw(st.sampled_from(files)))
    for _ in range(draw(st.sampled_from(EDIT_COUNTS))):
        _edit(draw, data, files, words)
        del data[LARGEST:]
    return bytes(data)


def _edit(draw: st.DrawFn, data: bytearray, files: Sequence[bytes], words: Sequence[bytes]) -> None:
    start = draw(st.integers(0, len(data)))
    end = min(len(data), start + draw(st.sampled_from((1, 2, 4, 8, 32, 512))))
    kind = draw(st.sampled_from(("flip", "number", "delete", "repeat", "insert", "random", "cut", "splice")))
    if kind == "flip" and start < len(data):
        data[start] ^= 1 << draw(st.integers(0, 7))
    elif kind == "number":
        size = draw(st.sampled_from((1, 2, 4, 8)))
        number = draw(st.sampled_from(COUNTS)) % 256**size
        data[start : start + size] = number.to_bytes(size, draw(st.sampled_from(("little", "big"))))
    elif kind == "delete":
        del data[start:end]
    elif kind == "repeat":
        data[start:end] = data[start:end] * min(draw(st.sampled_from(REPETITIONS)), LARGEST // max(1, end - start))
    elif kind == "insert":
        data[start:start] = draw(st.sampled_from(words))
    elif kind == "random":
        data[start:end] = draw(st.binary(min_size=end - start, max_size=end - start))
    elif kind == "cut":
        del data[start:]
    elif kind == "splice":
        other = draw(st.sampled_from(files))
        data[start:] = other[draw(st.integers(0, len(other))) :]


@st.composite
def edited_document(draw: st.DrawFn, documents: Sequence[Any], words: Sequence[Any] = ()) -> Any:
    """One of the JSON documents with a few of its values edited; `words` replace values and names too."""
    document = copy.deepcopy(draw(st.sampled_from(documents)))
    for _ in range(draw(st.sampled_from(EDIT_COUNTS))):
        places = list(_places(document))
        if places:
            container, key = draw(st.sampled_from(places))
            _edit_value(draw, container, key, words)
    return document


def _places(value: Any) -> Any:
    """Every value of a document, as its container and its key there."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value[:20])
    for key, item in items:
        yield value, key
        yield from _places(item)


def _edit_value(draw: st.DrawFn, container: Any, key: Any, words: Sequence[Any]) -> None:
    value = container[key]
    kind = draw(st.sampled_from(("replace", "word", "count", "delete", "wrap", "repeat", "rename", "nest")))
    if kind == "replace":
        container[key] = copy.deepcopy(draw(st.sampled_from(STRANGE_VALUES)))
    elif kind == "word" and words:
        container[key] = copy.deepcopy(draw(st.sampled_from(words)))
    elif kind == "count":
        container[key] = draw(st.sampled_from((1, -1))) * draw(st.sampled_from(COUNTS))
    elif kind == "delete":
        del container[key]
    elif kind == "wrap":
        container[key] = [value]
    elif kind == "repeat":
        times = draw(st.sampled_from(REPETITIONS[:4]))
        container[key] = (
            value * min(times, 5000 // max(1, len(value))) if isinstance(value, list | str) else [value] * 5
        )
    elif kind == "rename" and isinstance(container, dict):
        names = (*STRANGE_TEXTS, *(word for word in words if isinstance(word, str)))
        container[draw(st.sampled_from(names))] = container.pop(key)
    elif kind == "nest":
        for _ in range(draw(st.sampled_from((10, 62, 63, 64, 65, 300)))):
            value = [value]
        container[key] = value
