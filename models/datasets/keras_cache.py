"""The files in Keras's cache folder: found there, or downloaded from where Keras gets them. No Keras needed."""

import hashlib
import os
import pickle
import socket
import ssl
import tarfile
import time
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from uuid import uuid4

from models.errors import SourceUnavailable
from models.progress import Progress

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
    put = f"Put the file from {file.url} at {path} ($KERAS_HOME/datasets/{file.path})"
    if not downloads:
        detail = f"{path.name} is not there, and downloads are switched off."
        raise SourceUnavailable(f"{detail} {put}, or have FITSERVE_DATASET_DOWNLOADS switched on.")
    part = path.with_name(f"{path.name}.{uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _download(file, part, progress)
        part.rename(path)
    except (OSError, ValueError, HTTPException) as problem:
        detail = f"{path.name} is not there, and could not be downloaded: {_explain(problem, file.url)}."
        raise SourceUnavailable(f"{detail} {put}, or try again when the server can be reached.") from problem
    finally:
        part.unlink(missing_ok=True)
    return path


def _explain(problem: Exception, url: str) -> str:
    """What went wrong with a download, as the end of a sentence."""
    host = urlsplit(url).netloc
    if isinstance(problem, HTTPError):
        return f"{host} answered {problem.code} ({problem.reason})"
    cause = problem.reason if isinstance(problem, URLError) else problem
    if isinstance(cause, socket.gaierror):
        return f"the address of {host} can't be found, which mostly means that there is no network"
    if isinstance(cause, ssl.SSLError):
        return f"the connection to {host} is not secure ({cause.reason or cause})"
    if isinstance(cause, TimeoutError):
        return f"{host} took too long to answer"
    if isinstance(cause, OSError) and cause.strerror:
        what = f"{host} can't be reached" if isinstance(problem, URLError) else "it can't be received or kept"
        return f"{what} ({cause.strerror})"
    return str(cause)


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
                raise ValueError(f"it took longer than {DOWNLOAD_SECONDS} s")
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
