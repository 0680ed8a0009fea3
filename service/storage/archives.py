"""Backups as files: tar archives that are written and read as streams, with a checksum of every file at their end.

Without this project they are unpacked with `tar xf FILE` and checked with `sha256sum -c SHA256SUMS`.
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
PIECE = 1024**2
LONGEST_DOCUMENT = 100 * PIECE
"""More than the checksums of a million files."""

Progress = Callable[[int], None]
"""Is told how many more bytes were done."""


def pack(stream: BinaryIO, folder: Path, files: Iterable[Path], progress: Progress) -> None:
    """Write an archive of these files, named as they lie below the folder. Raises OSError."""
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
    """A file of which what is read is hashed and counted."""

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
    """Write an archive's files below a new folder, and compare them with their checksums.

    `accepts(name, folder)` says for each name whether it may be in the archive, knowing what came before it.
    Raises BackupError, OSError.
    """
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            sums = _unpack(archive, folder, accepts, progress)
    except (tarfile.TarError, EOFError) as error:
        raise BackupError(f"The archive is broken: {error}.") from error
    if sums is not None:
        raise BackupError("The archive is cut off: its checksums are missing.")


def _unpack(
    archive: tarfile.TarFile, folder: Path, accepts: Callable[[str, Path], bool], progress: Progress
) -> dict[str, str] | None:
    """The checksums of what was unpacked; None once they were found to be the archive's."""
    sums: dict[str, str] = {}
    for member in archive:
        name = _checked_name(member)
        content = archive.extractfile(member)
        assert content is not None  # it is a regular file
        if name == SUMS:
            _compare(sums, content.read(LONGEST_DOCUMENT))
            return None
        if name in sums or not accepts(name, folder):
            raise BackupError(f'The archive is no backup of Fitserve: it has "{name}".')
        sums[name] = _write(content, folder / name, progress)
    return sums


def _checked_name(member: tarfile.TarInfo) -> str:
    """The name of a regular file that stays below the folder. Raises BackupError."""
    # Links, devices and folders are refused, so no member can lead out of the folder by a name that is written plainly.
    plain_file = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()
    if not plain_file or not _is_plain_path(member.name):
        raise BackupError(f'The archive is no backup of Fitserve: "{member.name}" is no ordinary file in it.')
    return member.name


def _is_plain_path(name: str) -> bool:
    """Whether it is a relative path in its shortest form, which names nothing above where it starts."""
    path = PurePosixPath(name)
    below = bool(path.parts) and not path.is_absolute() and ".." not in path.parts
    return below and str(path) == name and "\0" not in name


def _write(content: IO[bytes], path: Path, progress: Progress) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    source = _Hashed(content, progress)
    with path.open("xb") as file:
        while piece := source.read(PIECE):
            file.write(piece)
    return source.sha256


def _compare(found: dict[str, str], document: bytes) -> None:
    lines = [line.partition("  ") for line in document.decode(errors="replace").splitlines()]
    expected = {name: digest for digest, _, name in lines}
    if expected.keys() != found.keys():
        raise BackupError("The archive isn't complete: its files are not those of its checksums.")
    for name, digest in expected.items():
        if found[name] != digest:
            raise BackupError(f'The archive is broken: "{name}" differs from its checksum.')
