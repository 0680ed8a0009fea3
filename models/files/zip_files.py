"""Untrusted ZIP files: checks their entries and sizes, and reads them without unpacking anything to disk."""

import struct
import zipfile
import zlib
from itertools import islice
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from models.errors import Fault, InvalidData, describe_problem
from models.limits import FREE_BYTES, Limits
from models.values.tensors import MAX_FAULTS

DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, struct.error)
"""What reading a ZIP raises if it is damaged or uses a feature that Python doesn't support."""

# Sections 4.3.12 to 4.3.16 of the ZIP specification, APPNOTE.TXT 6.3.10.
END_BYTES, LOCATOR_BYTES, END64_BYTES, ENTRY_BYTES = 22, 20, 56, 46
LONGEST_COMMENT = 65535
ENCRYPTED = 0x1
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Python unpacks these in small pieces; with the others (bzip2, LZMA) a few bytes may become gigabytes in one step."""


def open_zip(path: Path, name: str, limits: Limits) -> zipfile.ZipFile:
    """Open the ZIP at `path`, which the client calls `name`, and check its list of files.

    Raises InvalidData for a damaged ZIP, for too many files, for a file that is encrypted or compressed with another
    method than Deflate, for missing names and names that lead out of the ZIP, and if the unpacked size exceeds
    `limits.dataset_bytes`, or both FREE_BYTES and `limits.zip_ratio` times the size of the ZIP.
    """
    try:
        _check_count(path, name, limits.zip_entries)
        archive = zipfile.ZipFile(path)
    except DAMAGE as problem:
        raise InvalidData(Fault(f"{name} isn't a valid ZIP ({describe_problem(problem)}).", file=name)) from problem
    try:
        entries = archive.infolist()
        if any(entry.header_offset < 0 for entry in entries):
            raise InvalidData(Fault(f"{name} is truncated at its beginning.", file=name))
        faults = list(islice((fault for entry in entries if (fault := _check_entry(entry))), MAX_FAULTS))
        if faults:
            raise InvalidData(*faults)
        _check_size(sum(entry.file_size for entry in entries), path.stat().st_size, name, limits)
    except BaseException:
        archive.close()
        raise
    return archive


def read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """The bytes of a file in the ZIP; raises InvalidData if they are damaged or larger than the ZIP declares."""
    try:
        with archive.open(entry) as file:
            return file.read(entry.file_size + 1)  # never more, whatever size they unpack to
    except DAMAGE as problem:
        detail = f"{entry.filename} is unreadable in the ZIP ({describe_problem(problem)})."
        raise InvalidData(Fault(detail, file=entry.filename)) from problem


def _check_count(path: Path, name: str, most: int) -> None:
    """Raise InvalidData if the ZIP lists more than `most` files: zipfile would allocate memory for all of them."""
    with path.open("rb") as file:
        start, size = _find_list(file)
        file.seek(start)
        left, count = size, 0
        while left > 0 and len(header := file.read(ENTRY_BYTES)) == ENTRY_BYTES:
            extra = sum(struct.unpack_from("<3H", header, 28))
            file.seek(extra, 1)
            left, count = left - ENTRY_BYTES - extra, count + 1
            if count > most:
                raise InvalidData(Fault(f"{name} holds more than the limit of {most:,} files.", file=name))


def _find_list(file: IO[bytes]) -> tuple[int, int]:
    """The offset of the ZIP's list of files and its size in bytes; ValueError if there is none."""
    size = file.seek(0, 2)
    file.seek(max(0, size - END_BYTES - LONGEST_COMMENT))
    begin, tail = file.tell(), file.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < END_BYTES:
        raise ValueError("its list of files is missing: it may be truncated")
    end = begin + at
    (length,) = struct.unpack_from("<I", tail, at + 12)
    file.seek(max(0, end - LOCATOR_BYTES - END64_BYTES))
    record, locator = file.read(END64_BYTES), file.read(LOCATOR_BYTES)
    if record.startswith(b"PK\6\6") and locator.startswith(b"PK\6\7"):  # as in zipfile, both are required
        (length,) = struct.unpack_from("<Q", record, 40)
        end -= LOCATOR_BYTES + END64_BYTES
    if length > end:
        raise ValueError("its list of files is damaged")
    return end - length, length


def _check_entry(entry: zipfile.ZipInfo) -> Fault | None:
    name = entry.filename.replace("\\", "/")
    if not name.endswith("/") and not PurePosixPath(name).parts:
        return Fault("A file in the ZIP has no name.", file=entry.filename)
    if name.startswith("/") or PureWindowsPath(name).drive or ".." in PurePosixPath(name).parts:
        return Fault(f"The name {entry.filename} leads out of the ZIP.", file=entry.filename)
    if entry.flag_bits & ENCRYPTED:
        return Fault(f"{entry.filename} is encrypted.", file=entry.filename)
    if entry.compress_type not in METHODS:
        detail = (
            f"{entry.filename} uses an unsupported compression ({entry.compress_type}): create the ZIP with Deflate."
        )
        return Fault(detail, file=entry.filename)
    return None


def _check_size(unpacked: int, packed: int, name: str, limits: Limits) -> None:
    if unpacked > limits.dataset_bytes:
        detail = f"{name} becomes {unpacked:,} bytes when it is unpacked; the limit is {limits.dataset_bytes:,}."
        raise InvalidData(Fault(detail, file=name))
    if unpacked > max(FREE_BYTES, limits.zip_ratio * packed):
        detail = f"{name} becomes {unpacked // packed:,} times larger when it is unpacked; the limit is"
        detail = f"{detail} {limits.zip_ratio:,} times. Save it without compression."
        raise InvalidData(Fault(detail, file=name))
