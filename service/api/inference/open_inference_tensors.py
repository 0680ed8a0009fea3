"""Converts tensors of the Open Inference Protocol v2 from JSON and binary into arrays.

In binary, elements are little-endian and row-major. Each BYTES element has its length in four bytes before it. In JSON,
null is a missing value of a table's column. So is NaN, in binary and in JSON.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Self

import numpy as np

from models.signature import Datatype, TensorSpec
from models.values.tensors import leaf_types
from service.api.inference.base64_texts import decode_base64
from service.api.inference.errors import InvalidInference

BOOL, BYTES, BF16 = "BOOL", "BYTES", "BF16"
ELEMENTS = {
    BOOL: "?",
    **{f"UINT{8 * size}": f"<u{size}" for size in (1, 2, 4, 8)},
    **{f"INT{8 * size}": f"<i{size}" for size in (1, 2, 4, 8)},
    **{f"FP{8 * size}": f"<f{size}" for size in (2, 4, 8)},
    BF16: "<u2",
}
"""The datatypes of numbers, with NumPy's name of an element in binary."""
FLOATING = ("FP16", "FP32", "FP64", BF16)
LENGTH = struct.Struct("<I")
"""The length of a text, before its bytes."""
BASE64, DATETIME, STRING = "base64", "datetime", "str"
CONTENT_TYPES = (BASE64, DATETIME, "np", "pd", STRING)
"""The supported content types of MLServer, which define how elements are interpreted."""


@dataclass(frozen=True)
class Given:
    """The description of an input in a request, without its elements, checked against the signature."""

    name: str
    """The name in the request."""
    datatype: str
    shape: tuple[int, ...]
    content_type: str | None
    takes_missing: bool
    """Whether null is allowed."""

    @classmethod
    def of(
        cls, name: str, datatype: str, shape: Any, spec: TensorSpec, *, content_type: str | None, takes_missing: bool
    ) -> Self:
        """Raises InvalidInference if datatype, shape or content type don't fit the signature."""
        known = datatype in ELEMENTS or datatype == BYTES
        if not known or (datatype == BYTES) != (spec.datatype is Datatype.BYTES):
            has = f"has the datatype '{datatype[:100]}', but {spec.datatype} is expected."
            raise InvalidInference(f"The input '{name}' {has}")
        if content_type in (BASE64, DATETIME, STRING) and datatype != BYTES:
            raise InvalidInference(f"The input '{name}': the content type '{content_type}' is only for BYTES.")
        return cls(name, datatype, _read_shape(name, shape, spec), content_type, takes_missing)

    @property
    def size(self) -> int:
        """The required number of elements."""
        return math.prod(self.shape)


def _read_shape(name: str, shape: Any, spec: TensorSpec) -> tuple[int, ...]:
    """The shape, with omitted axes of length 1 added at its end. Raises InvalidInference."""
    if not isinstance(shape, list) or not all(type(length) is int and length >= 0 for length in shape):
        raise InvalidInference(f"The input '{name}' must have a 'shape', a list of whole numbers of at least 0.")
    with_ones = (*shape, *(1,) * (len(spec.shape) - len(shape)))
    if not shape or with_ones[1:] != spec.shape[1:]:
        raise InvalidInference(f"The input '{name}' has the shape {shape[:20]}, but {list(spec.shape)} is expected.")
    return with_ones


def read_raw(spec: TensorSpec, content: bytes) -> np.ndarray:
    """Elements whose number follows from the body's size: rows of FP32, or one text. Raises InvalidInference."""
    if spec.datatype is Datatype.BYTES:
        given = Given(spec.name, BYTES, (1, *spec.shape[1:]), None, takes_missing=True)
        return _shape_texts(given, [_decode(given, memoryview(content))])
    size = np.dtype(ELEMENTS["FP32"]).itemsize * math.prod(spec.shape[1:])
    rows, rest = divmod(len(content), size)
    if rest:
        detail = f"The body has {len(content)} bytes, but a row of the input '{spec.name}' has {size}."
        raise InvalidInference(detail)
    return np.frombuffer(content, ELEMENTS["FP32"]).reshape(rows, *spec.shape[1:])


def read_binary(given: Given, content: memoryview) -> np.ndarray:
    """Elements in binary form. Raises InvalidInference."""
    if given.datatype == BYTES:
        return _shape_texts(given, list(islice(_split_texts(given, content), given.size + 1)))
    size = np.dtype(ELEMENTS[given.datatype]).itemsize
    if len(content) != given.size * size:
        needs = f"{given.size * size} bytes for the shape {list(given.shape)} of {given.datatype}"
        raise InvalidInference(f"The input '{given.name}' has {len(content)} bytes of binary data, but needs {needs}.")
    elements = np.frombuffer(content, ELEMENTS[given.datatype])
    if given.datatype == BF16:
        elements = (elements.astype(np.uint32) << 16).view(np.float32)
    return elements.reshape(given.shape)


def _split_texts(given: Given, content: memoryview) -> Iterator[str]:
    place = 0
    while place < len(content):
        start = place + LENGTH.size
        if start > len(content):
            raise InvalidInference(f"The input '{given.name}': its binary data ends within the length of a text.")
        place = start + LENGTH.unpack_from(content, place)[0]
        if place > len(content):
            raise InvalidInference(f"The input '{given.name}': a text goes past the end of its binary data.")
        yield _decode(given, content[start:place])


def _decode(given: Given, content: memoryview | bytes) -> str:
    try:
        return str(content, "utf-8")
    except UnicodeDecodeError:
        raise InvalidInference(f"The input '{given.name}': a text is not UTF-8.") from None


def read_data(given: Given, data: Any) -> np.ndarray:
    """Elements from JSON, flat or nested like the shape, or an array that was already read. Raises InvalidInference."""
    array = data if isinstance(data, np.ndarray) else _as_array(given, data)
    if array is None:
        detail = f"'data' must be a list of {_describe(given.datatype)}, flat or nested evenly."
        raise InvalidInference(f"The input '{given.name}': {detail}")
    if array.ndim > 1 and array.shape != given.shape:
        shapes = f"{list(array.shape)}, not {list(given.shape)}"
        raise InvalidInference(f"The input '{given.name}' has 'data' of the shape {shapes}.")
    return _shape_texts(given, array.ravel().tolist()) if given.datatype == BYTES else _shape(given, array)


def _as_array(given: Given, data: Any) -> np.ndarray | None:
    """The elements as an array: floats as float64, integers within the datatype's limits. None if they are invalid."""
    datatype = given.datatype
    floating = datatype in FLOATING
    kinds: set[type] = {str} if datatype == BYTES else {bool} if datatype == BOOL else {int}
    kinds |= {float} if floating else set()
    kinds |= {type(None)} if given.takes_missing and (floating or datatype == BYTES) else set()
    dtype: Any = object if datatype == BYTES else np.float64 if floating else ELEMENTS[datatype]
    try:
        if not isinstance(data, list) or not leaf_types(data) <= kinds:
            return None
        array = np.array(data, dtype)
    except (TypeError, ValueError, OverflowError):
        return None
    return None if datatype == BYTES and not set(map(type, array.ravel().tolist())) <= kinds else array


def _describe(datatype: str) -> str:
    if datatype in (BYTES, BOOL):
        return "texts" if datatype == BYTES else "true and false"
    return "numbers" if datatype in FLOATING else f"whole numbers of {datatype}"


def _shape_texts(given: Given, texts: list[Any]) -> np.ndarray:
    if given.content_type in (BASE64, DATETIME):
        read = _read_base64 if given.content_type == BASE64 else _check_date
        texts = [None if text is None else read(given, text) for text in texts]
    array = np.empty(len(texts), object)
    array[:] = texts
    return _shape(given, array)


def _read_base64(given: Given, text: str) -> str:
    try:
        content = decode_base64(text)
    except ValueError:
        raise InvalidInference(f"The input '{given.name}': '{text[:100]}' is not Base64.") from None
    return _decode(given, content)


def _check_date(given: Given, text: str) -> str:
    """Returns the text, which the model parses itself. Raises InvalidInference unless it is an ISO 8601 date."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInference(f"The input '{given.name}': '{text[:100]}' is not an ISO 8601 date.") from None
    return text


def _shape(given: Given, array: np.ndarray) -> np.ndarray:
    """Raises InvalidInference if the number of elements doesn't fit the shape."""
    if array.size != given.size:
        needs = f"but the shape {list(given.shape)} has {given.size}"
        raise InvalidInference(f"The input '{given.name}' has {array.size} elements, {needs}.")
    return array.reshape(given.shape)
