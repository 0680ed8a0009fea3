"""Backup files: tar archives that are written and read as streams and end with the checksums of all files.

Without Fitserve, `tar xf FILE` unpacks them and `sha256sum -c SHA256SUMS` verifies them.
"""

import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from service.errors import BackupError

SUMS = "SHA256SUMS"
CHUNK = 1024**2
LONGEST_DOCUMENT = 100 * CHUNK
"""Bytes of the checksums; enough for a million files."""

Progress = Callable[[int], None]
"""A function that gets the number of bytes processed since its last call."""


def pack(stream: BinaryIO, folder: Path, files: Iterable[Path], progress: Progress) -> None:
    """Write an archive of the files, with names relative to the folder. Raises OSError."""
    sums: dict[str, str] = {}
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for path in files:
            name = str(path.relative_to(folder))
            with path.open("rb") as file:
                sums[name] = _add(archive, name, file, os.fstat(file.fileno()).st_size, progress)
        document = "".join(f"{digest}  {name}\n" for name, digest in sums.items()).encode()
        _add(archive, SUMS, io.BytesIO(document), len(document), progress)


def _add(archive: tarfile.TarFile, name: str, file: BinaryIO, size: int, progress: Progress) -> str:
    member = tarfile.TarInfo(name)
    member.size = size
    source = _Hashed(file, progress)
    archive.addfile(member, source)
    return source.sha256


class _Hashed(io.RawIOBase):
    """A file whose content is hashed and counted as it is read."""

    def __init__(self, file: IO[bytes], progress: Progress) -> None:
        self._file = file
        self._progress = progress
        self._digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self._digest.update(piece)
        self._progress(len(piece))
        return piece

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def unpack(stream: BinaryIO, folder: Path, accepts: Callable[[str, Path], bool], progress: Progress) -> None:
    """Unpack an archive into a new folder and verify the checksums.

    `accepts(name, folder)` decides whether a name is allowed in the archive; the folder contains the files before it.
    Raises BackupError, OSError.
    """
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            sums = _unpack(archive, folder, accepts, progress)
    except (tarfile.TarError, EOFError) as error:
        raise BackupError(f"The archive is damaged: {error}.") from error
    if sums is not None:
        raise BackupError("The archive is cut off: its checksums are missing.")


def _unpack(
    archive: tarfile.TarFile, folder: Path, accepts: Callable[[str, Path], bool], progress: Progress
) -> dict[str, str] | None:
    """The checksums of the unpacked files; None if the archive's checksums were found and match."""
    sums: dict[str, str] = {}
    for member in archive:
        name = _checked_name(member)
        content = archive.extractfile(member)
        assert content is not None  # it is a regular file
        if name == SUMS:
            _compare(sums, content.read(LONGEST_DOCUMENT))
            return None
        if name in sums or not accepts(name, folder):
            raise BackupError(f'The archive is not a backup of Fitserve: it contains "{name}".')
        sums[name] = _write(content, folder / name, progress)
    return sums


def _checked_name(member: tarfile.TarInfo) -> str:
    """The name of a regular file inside the folder. Raises BackupError."""
    # Links, devices and folders are refused, so that no file can escape from the folder.
    regular_file = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()
    if not regular_file or not _is_normalized_path(member.name):
        raise BackupError(f'The archive is not a backup of Fitserve: "{member.name}" is not a regular file.')
    return member.name


def _is_normalized_path(name: str) -> bool:
    """Whether the name is a normalized relative path without `..`."""
    path = PurePosixPath(name)
    below = bool(path.parts) and not path.is_absolute() and ".." not in path.parts
    return below and str(path) == name and "\0" not in name


def _write(content: IO[bytes], path: Path, progress: Progress) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    source = _Hashed(content, progress)
    with path.open("xb") as file:
        while piece := source.read(CHUNK):
            file.write(piece)
    return source.sha256


def _compare(found: dict[str, str], document: bytes) -> None:
    lines = [line.partition("  ") for line in document.decode(errors="replace").splitlines()]
    expected = {name: digest for digest, _, name in lines}
    if expected.keys() != found.keys():
        raise BackupError("The archive isn't complete: its files don't match its list of checksums.")
    for name, digest in expected.items():
        if found[name] != digest:
            raise BackupError(f'The archive is damaged: "{name}" doesn\'t match its checksum.')
