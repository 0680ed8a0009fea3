"""Checksums of stored files: written next to the files when a folder is complete, checked when a file is opened.

`SHA256SUMS` has the format of sha256sum: `sha256sum -c SHA256SUMS` in the folder checks it without Fitserve. Folders
of installations that are older than these checksums have none.
"""

import hashlib
import io
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from models.errors import DamagedFile, ModelsError

SUMS_FILE = "SHA256SUMS"
MOST_REMEMBERED = 10_000


@dataclass
class _Digest:
    """A file's SHA-256. The lock is held while it is computed."""

    identity: tuple[int, ...] = ()
    sha256: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


class Digests:
    """The SHA-256 of files, each computed once in a process unless the file changes. Thread-safe.

    Concurrent callers wait for one computation. A large file doesn't delay others.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[Path, _Digest] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, path: Path) -> str:
        """The file's SHA-256 in hexadecimal. Raises OSError, also for a symbolic link."""
        with open(path, "rb", opener=_open_no_link) as file:
            status = os.fstat(file.fileno())
            identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
            digest = self._entry(path)
            with digest.lock:
                if digest.identity != identity:
                    digest.sha256 = _hash(file)
                    digest.identity = identity
                return digest.sha256

    def _entry(self, path: Path) -> _Digest:
        with self._lock:
            entry = self._known.setdefault(path, _Digest())
            self._known.move_to_end(path)
            if len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)
        return entry


DIGESTS = Digests()
"""The digests that this process knows."""


def hash_file(path: Path) -> str:
    """The SHA-256 of a file that was just written, in hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return _hash(file)


def _open_no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW)


def _hash(file: io.BufferedReader) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()


def write_sums(folder: Path, known: Mapping[str, str] | None = None) -> None:
    """Write the checksums of all files below a folder. `known` has those that needn't be computed, by relative name.

    Raises OSError.
    """
    known = known or {}
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / SUMS_FILE)
    names = {path.relative_to(folder).as_posix(): path for path in files}
    lines = [f"{known.get(name) or hash_file(path)}  {name}\n" for name, path in names.items()]
    (folder / SUMS_FILE).write_text("".join(lines), encoding="utf-8")


def read_sums(folder: Path) -> dict[str, str]:
    """The recorded checksums of a folder's files, by relative name; empty if it has none. Raises OSError."""
    try:
        text = (folder / SUMS_FILE).read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    entries = (line.partition("  ") for line in text.splitlines())
    return {name: digest for digest, _, name in entries if name}


def check_files(folder: Path, name: str | None = None, damaged: type[ModelsError] = DamagedFile) -> None:
    """Check the file of this name in a folder against its recorded checksum, or all files below the folder of this
    name; without a name, all files.

    Raises `damaged` if one is missing, unreadable or changed. Files without a recorded checksum must only exist if the
    folder has no checksums at all.
    """
    try:
        sums = read_sums(folder)
    except OSError as error:
        raise damaged(f"{SUMS_FILE} can't be read: {error.strerror}.") from error
    if name is not None:
        is_recorded = bool(sums)
        sums = {found: digest for found, digest in sums.items() if found == name or found.startswith(f"{name}/")}
        if not sums and (is_recorded or not (folder / name).exists()):
            sums = {name: ""}
    for fault in find_faults(folder, sums):
        raise damaged(fault)


def check_recorded(path: Path, damaged: type[ModelsError]) -> None:
    """Check a file against its checksum if its folder has checksums. Raises `damaged`."""
    if (path.parent / SUMS_FILE).exists():
        check_files(path.parent, path.name, damaged)


def find_faults(folder: Path, sums: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each of these files that is missing, unreadable or changed."""
    for name, expected in sums.items():
        try:
            digest = DIGESTS.of(folder / name)
        except (FileNotFoundError, NotADirectoryError):
            yield f"The stored file {name} is missing."
        except OSError as error:
            yield f"The stored file {name} can't be read: {error.strerror}."
        else:
            if digest != expected:
                yield f"The stored file {name} is damaged: its content doesn't match its checksum."
