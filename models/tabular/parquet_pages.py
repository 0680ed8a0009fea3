"""How many bytes the pages of a Parquet file become, which few bytes can say is gigabytes.

Polars doesn't tell, so that the headers are read here: Parquet's `FileMetaData` and `PageHeader` in Thrift's compact
protocol (https://github.com/apache/parquet-format, https://github.com/apache/thrift: thrift-compact-protocol.md).
"""

import struct
from collections.abc import Callable, Collection
from typing import Any

MAGIC = b"PAR1"
TAIL_BYTES = 8
ROWS, ROW_GROUPS = 3, 4
"""Fields of `FileMetaData`."""
COLUMNS, GROUP_ROWS, META = 1, 3, 3
"""Fields of `RowGroup` (two) and of `ColumnChunk`."""
PATH, PACKED_BYTES, FIRST_PAGE, DICTIONARY = 3, 7, 9, 11
"""Fields of `ColumnMetaData`."""
PAGE_BYTES, PACKED_PAGE_BYTES, DATA_PAGE, DICTIONARY_PAGE, DATA_PAGE_V2 = 2, 3, 5, 7, 8
"""Fields of `PageHeader`; the last three are structs."""
VALUES = 1
"""The number of values, in each of these structs."""
DEEPEST = 16
PAGE_VALUES = 200
"""The values that the header of a page has at most; the format defines fewer than 40."""
LARGEST = 10


class BadParquet(ValueError):
    """Bytes that aren't a Parquet file; the text is the end of a sentence."""


def metadata_bytes(data: bytes) -> int:
    """The size of a file's metadata, at its end. Raises BadParquet."""
    if len(data) < len(MAGIC) + TAIL_BYTES or not data.endswith(MAGIC) or not data.startswith(MAGIC):
        raise BadParquet("is damaged: it doesn't begin and end as Parquet does")
    (size,) = struct.unpack_from("<I", data, len(data) - TAIL_BYTES)
    if size > len(data) - len(MAGIC) - TAIL_BYTES:
        raise BadParquet("is damaged: its metadata is incomplete")
    return int(size)


def page_bytes(data: bytes, columns: Collection[str], check: Callable[[], None] = lambda: None) -> int:
    """The unpacked bytes of all pages of these columns, of which nested ones don't count.

    `check` is called now and then and may raise. Raises BadParquet, also if a page claims more values than there are
    rows: Polars would make room for them, and end the process if there is none.
    """
    end = len(data) - TAIL_BYTES
    metadata = _Compact(data, end - metadata_bytes(data), end).struct()
    groups, total = _structs(metadata.get(ROW_GROUPS)), 0
    if sum(_number(group, GROUP_ROWS) for group in groups) != _number(metadata, ROWS):
        raise BadParquet("is damaged: its parts don't have as many rows as it says")
    for group in groups:
        for chunk in (_struct(column.get(META)) for column in _structs(group.get(COLUMNS))):
            if _name(chunk) in columns:
                total += _chunk_bytes(data, chunk, _number(group, GROUP_ROWS), check)
    return total


def _name(chunk: dict[int, Any]) -> str | None:
    """The name of a column; None if it is nested."""
    path = chunk.get(PATH)
    if not isinstance(path, list) or len(path) != 1 or not isinstance(path[0], bytes):
        return None
    return path[0].decode(errors="replace")


def _chunk_bytes(data: bytes, chunk: dict[int, Any], rows: int, check: Callable[[], None]) -> int:
    """The unpacked bytes of the pages of one column in a group of so many rows."""
    # Writers that have no dictionary may say that it begins at 0.
    start = min(filter(None, (_number(chunk, FIRST_PAGE), _number(chunk, DICTIONARY, 0))), default=0)
    end = start + _number(chunk, PACKED_BYTES)
    if not start or end > len(data):
        raise BadParquet("is damaged: a column lies outside of it")
    total, reader = 0, _Compact(data, start, end)
    while reader.at < reader.end:
        check()
        reader.values_left = PAGE_VALUES
        header = reader.struct()
        for kind, most in ((DATA_PAGE, rows), (DATA_PAGE_V2, rows), (DICTIONARY_PAGE, _number(header, PAGE_BYTES))):
            if kind in header and _number(_struct(header[kind]), VALUES) > most:
                raise BadParquet("is damaged: a page has more values than there are rows")
        reader.at += _number(header, PACKED_PAGE_BYTES)
        total += _number(header, PAGE_BYTES)
    return total


def _number(struct_: dict[int, Any], field: int, default: int = -1) -> int:
    value = struct_.get(field, default)
    if not isinstance(value, int) or value < 0:
        raise BadParquet("is damaged: its metadata lacks a number")
    return value


def _struct(value: Any) -> dict[int, Any]:
    if not isinstance(value, dict):
        raise BadParquet("is damaged: its metadata lacks a part")
    return value


def _structs(value: Any) -> list[dict[int, Any]]:
    return [_struct(one) for one in value] if isinstance(value, list) else []


class _Compact:
    """Reads Thrift's compact protocol from `at` to `end`. Raises BadParquet."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self._data, self.at, self.end = data, at, end
        self.values_left = end - at
        """How many values it may still read: each becomes an object that takes more memory than its bytes."""

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """The fields of a struct by their numbers."""
        fields: dict[int, Any] = {}
        number = 0
        while (head := self._byte()) != 0:
            step, type_ = head >> 4, head & 15
            number = number + step if step else self._zigzag()
            self._count(1)
            # The type of a boolean is its value.
            fields[number] = type_ == 1 if type_ in (1, 2) else self._value(type_, depth)
        return fields

    def _value(self, type_: int, depth: int) -> Any:
        if depth > DEEPEST:
            raise BadParquet("is damaged: its metadata has too many levels")
        if type_ in (1, 2, 3):
            return self._byte()
        if type_ in (4, 5, 6):
            return self._zigzag()
        if type_ == 7:
            return self._take(8)
        if type_ == 8:
            return self._take(self._varint())
        if type_ in (9, 10):
            return self._list(depth)
        if type_ == 12:
            return self.struct(depth + 1)
        raise BadParquet("is damaged: its metadata has an unknown type")

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        count = head >> 4 if head >> 4 != 15 else self._varint()
        self._count(count)
        return [self._value(head & 15, depth + 1) for _ in range(count)]

    def _count(self, values: int) -> None:
        self.values_left -= values
        if self.values_left < 0:
            raise BadParquet("is damaged: its metadata has too many values, or is incomplete")

    def _zigzag(self) -> int:
        number = self._varint()
        return (number >> 1) ^ -(number & 1)

    def _varint(self) -> int:
        number = 0
        for place in range(LARGEST):
            byte = self._byte()
            number |= (byte & 127) << (7 * place)
            if byte < 128:
                return number
        raise BadParquet("is damaged: its metadata has a number that is too long")

    def _byte(self) -> int:
        if self.at >= self.end:
            raise BadParquet("is damaged: it ends too early")
        self.at += 1
        return self._data[self.at - 1]

    def _take(self, size: int) -> bytes:
        if size > self.end - self.at:
            raise BadParquet("is damaged: it ends too early")
        self.at += size
        return self._data[self.at - size : self.at]
