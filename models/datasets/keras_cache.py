"""The files in Keras's cache folder: found there, or downloaded from where Keras gets them. No Keras needed."""

import hashlib
import os
import pickle
import tarfile
import time
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from models.errors import SourceUnavailable

Progress = Callable[[float], None]
"""Called with the share that is done, from 0 to 1."""

SILENCE_SECONDS = 10
"""How long a server may say nothing."""
DOWNLOAD_SECONDS = 900
"""How long a download may take as a whole."""
BLOCK_BYTES = 1 << 20

DAMAGE = (
    OSError, ValueError, LookupError, TypeError, AttributeError, EOFError,
    zlib.error, zipfile.BadZipFile, tarfile.TarError, pickle.UnpicklingError,
)  # fmt: skip
"""What parsing raises on a file that isn't what it should be."""


@dataclass(frozen=True)
class CachedFile:
    """A file of Keras's cache: its path below `datasets`, where it comes from, and its SHA-256 where Keras knows it."""

    path: str
    url: str
    sha256: str | None = None


def fetch(file: CachedFile, cache: Path, downloads: bool, progress: Progress) -> Path:
    """Where the file lies in the cache folder, downloaded first if need be; raises SourceUnavailable."""
    path = cache / "datasets" / file.path
    if path.is_file():
        return path
    missing = f"The file {path} is not there"
    if not downloads:
        raise SourceUnavailable(f"{missing}, and downloads are switched off. Put the file from {file.url} there.")
    part = path.with_name(f"{path.name}.{uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _download(file, part, progress)
        part.rename(path)
    except (OSError, ValueError) as problem:
        detail = f"{missing}, and it could not be downloaded from {file.url} ({problem})."
        raise SourceUnavailable(f"{detail} Put it there, or try again with a network.") from problem
    finally:
        part.unlink(missing_ok=True)
    return path


def _download(file: CachedFile, path: Path, progress: Progress) -> None:
    deadline = time.monotonic() + DOWNLOAD_SECONDS
    digest = hashlib.sha256()
    with urllib.request.urlopen(file.url, timeout=SILENCE_SECONDS) as response, path.open("wb") as target:
        expected, received = int(response.headers.get("Content-Length") or 0), 0
        while block := response.read(BLOCK_BYTES):
            target.write(block)
            digest.update(block)
            received += len(block)
            progress(received / max(expected, received))
            if time.monotonic() > deadline:
                raise TimeoutError(f"it took longer than {DOWNLOAD_SECONDS} s")
        target.flush()
        os.fsync(target.fileno())
    if received < expected or (file.sha256 and digest.hexdigest() != file.sha256):
        raise ValueError("what arrived is incomplete or not the original")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Whatever goes wrong inside while parsing becomes SourceUnavailable, naming the file and the way out."""
    try:
        yield
    except DAMAGE as problem:
        detail = f"{path} can't be read as what Keras keeps there ({problem})."
        raise SourceUnavailable(
            f"{detail} Delete it to have it downloaded again, or put the original there."
        ) from problem
