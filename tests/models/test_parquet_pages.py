"""The sizes of the pages of a Parquet file, whose headers a client may have made up."""

import io
import struct

import polars
import pytest

from models.errors import TookTooLong
from models.tabular.parquet_pages import BadParquet, page_bytes

PAGE = b"\x25\x02\x15\x00\x00"
"""A header: 1 byte when it is unpacked, 0 bytes follow."""
MANY = 100_000


def varint(number: int) -> bytes:
    low = number & 127
    return bytes([low]) if number < 128 else bytes([low | 128]) + varint(number >> 7)


def make_file(pages: bytes) -> bytes:
    """A file with one row, and these bytes as the pages of its only column, `a`."""
    chunk = b"\x39\x18\x01a" + b"\x46" + varint(2 * len(pages)) + b"\x26\x08\x00"
    group = b"\x19\x1c\x3c" + chunk + b"\x00" + b"\x26\x02\x00"
    metadata = b"\x36\x02\x19\x1c" + group + b"\x00"
    return b"PAR1" + pages + metadata + struct.pack("<I", len(metadata)) + b"PAR1"


def test_the_pages_of_a_column_are_counted() -> None:
    file = io.BytesIO()
    polars.DataFrame({"a": list(range(1000)), "b": ["text"] * 1000}).write_parquet(file, compression="zstd")
    assert page_bytes(file.getvalue(), ["a"]) >= 1000
    assert page_bytes(make_file(3 * PAGE), ["a"]) == 3


def test_the_time_is_checked_at_every_page() -> None:
    seen = iter(range(5))

    def check() -> None:
        if next(seen, None) is None:
            raise TookTooLong("The prediction exceeded its deadline.")

    with pytest.raises(TookTooLong):
        page_bytes(make_file(MANY * PAGE), ["a"], check)


@pytest.mark.parametrize(
    "header", [b"\x19\xfc" + varint(MANY) + MANY * b"\x00" + PAGE, MANY * b"\x11" + PAGE], ids=["list", "fields"]
)
def test_a_header_with_many_values_is_refused(header: bytes) -> None:
    with pytest.raises(BadParquet, match="too many values"):
        page_bytes(make_file(header), ["a"])
