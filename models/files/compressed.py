"""Unpacks files that are compressed as a whole, with gzip (RFC 1952) or Zstandard (RFC 8878), within limits."""

import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from models.errors import Fault, InvalidData, describe_problem
from models.limits import FREE_BYTES, Limits

GZIP, ZSTD = "gzip", "zstd"
SIGNATURES = {b"\x1f\x8b": GZIP, b"\x28\xb5\x2f\xfd": ZSTD}
EXTENSIONS = {".gz": GZIP, ".gzip": GZIP, ".zst": ZSTD, ".zstd": ZSTD}
TITLES = {GZIP: "gzip", ZSTD: "Zstandard"}
HEAD_BYTES = 4
FED_BYTES = 1024
GZIP_BITS = 31
"""zlib's `wbits` for gzip."""
LARGEST_WINDOW = 2**27
"""The memory of a Zstandard decoder at most, as zstd's command line has it."""


def find_compression(head: bytes) -> str | None:
    """`gzip`, `zstd`, or None for a file that begins with these bytes."""
    return next((kind for signature, kind in SIGNATURES.items() if head.startswith(signature)), None)


def is_compressed(path: Path) -> bool:
    """Whether the file at `path` is compressed."""
    with path.open("rb") as file:
        return find_compression(file.read(HEAD_BYTES)) is not None


def inner_name(name: str) -> str:
    """The name of the file within a compressed file: `a.csv` for `a.csv.gz`."""
    suffix = Path(name).suffix
    return name[: -len(suffix)] if suffix.lower() in EXTENSIONS else name


def unpack_file(path: Path, name: str, target: Path, limits: Limits) -> str | None:
    """Unpack a compressed file to `target` and return its compression; None if the file isn't compressed.

    Raises InvalidData if it is damaged, or if it becomes larger than `limits.dataset_bytes`, or both FREE_BYTES and
    `limits.zip_ratio` times its own size.
    """
    with path.open("rb") as source:
        compression = find_compression(source.read(HEAD_BYTES))
        if compression is None:
            return None
        source.seek(0)
        packed, written = path.stat().st_size, 0
        with target.open("wb") as unpacked:
            for piece in _pieces(source, compression, name):
                written += len(piece)
                _check_size(written, packed, name, limits)
                unpacked.write(piece)
    return compression


def unpack_head(path: Path, name: str, most: int) -> bytes | None:
    """The first bytes, at most `most`, of the content of a compressed file; None if the file isn't compressed.

    Raises InvalidData if this part is damaged.
    """
    head = b""
    with path.open("rb") as source:
        compression = find_compression(source.read(HEAD_BYTES))
        if compression is None:
            return None
        source.seek(0)
        for piece in _pieces(source, compression, name):
            head += piece[: most - len(head)]
            if len(head) >= most:
                break
    return head


def unpack_bytes(source: IO[bytes], name: str, reserve: Callable[[int], None]) -> bytes:
    """The unpacked content of a compressed file. `reserve` is called with the bytes that it takes, piece by piece, and
    raises if they are too many.

    Raises InvalidData if the file is damaged.
    """
    compression = find_compression(source.read(HEAD_BYTES))
    source.seek(0)
    unpacked = io.BytesIO()
    for piece in _pieces(source, compression or GZIP, name):
        reserve(2 * len(piece))
        unpacked.write(piece)
    return unpacked.getvalue()


def _pieces(source: IO[bytes], compression: str, name: str) -> Iterator[bytes]:
    """The unpacked content, piece by piece; raises InvalidData if it is damaged.

    A decoder gets so few bytes at a time that a piece has at most 32 MiB. A file may consist of several compressed
    ones, one after the other.
    """
    decoder = None
    try:
        while fed := source.read(FED_BYTES):
            while fed and not (decoder is None and not fed.strip(b"\0")):  # gzip files may be padded with zeros
                decoder = decoder or _new_decoder(compression)
                if piece := decoder.decompress(fed):
                    yield piece
                fed = decoder.unused_data if decoder.eof else b""
                decoder = None if decoder.eof else decoder
    except Exception as problem:
        if not isinstance(problem, _errors(compression)):
            raise
        raise InvalidData(_damaged(name, compression, describe_problem(problem))) from problem
    if decoder is not None:
        raise InvalidData(_damaged(name, compression, "it is incomplete"))


def _new_decoder(compression: str) -> Any:
    if compression == GZIP:
        return zlib.decompressobj(GZIP_BITS)
    import zstandard

    return zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW).decompressobj()


def _errors(compression: str) -> type[Exception]:
    if compression == GZIP:
        return zlib.error
    import zstandard

    return zstandard.ZstdError


def _check_size(unpacked: int, packed: int, name: str, limits: Limits) -> None:
    if unpacked > limits.dataset_bytes:
        detail = f"{name} becomes more than {limits.dataset_bytes:,} bytes when it is unpacked, which is the limit."
        raise InvalidData(Fault(detail, file=name))
    if unpacked > max(FREE_BYTES, limits.zip_ratio * packed):
        detail = f"{name} becomes more than {limits.zip_ratio:,} times larger when it is unpacked, which is the limit."
        raise InvalidData(Fault(f"{detail} Send it without compression.", file=name))


def _damaged(name: str, compression: str, problem: str) -> Fault:
    return Fault(f'The {TITLES[compression]} file "{name}" is damaged: {problem}.', file=name)
