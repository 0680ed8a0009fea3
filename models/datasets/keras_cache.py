"""Finds the files in Keras's cache folder, or downloads them from Keras's URLs. It needs no Keras."""

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

from models.errors import SourceUnavailable, describe_problem
from models.progress import Progress

SILENCE_SECONDS = 10
"""The timeout for a server's next data, in seconds."""
DOWNLOAD_SECONDS = 900
"""The timeout for a whole download, in seconds."""
BLOCK_BYTES = 1 << 20

DAMAGE = (
    OSError, ValueError, LookupError, TypeError, AttributeError, EOFError,
    zlib.error, zipfile.BadZipFile, tarfile.TarError, pickle.UnpicklingError,
)  # fmt: skip
"""What parsing an invalid file raises."""


@dataclass(frozen=True)
class CachedFile:
    """A file of Keras's cache: its path below `datasets`, its URL, its size in bytes and its SHA-256."""

    path: str
    url: str
    size: int
    sha256: str


def fetch(file: CachedFile, cache: Path, downloads: bool, progress: Progress) -> Path:
    """The path of the file in the cache folder, downloaded first if necessary; raises SourceUnavailable."""
    path = cache / "datasets" / file.path
    if path.is_file():
        return path
    put = f"Put the file from {file.url} at $KERAS_HOME/datasets/{file.path}"
    if not downloads:
        detail = f"{path.name} is missing, and downloads are disabled."
        raise SourceUnavailable(f"{detail} {put}, or enable FITSERVE_DATASET_DOWNLOADS.")
    part = path.with_name(f"{path.name}.{uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _download(file, part, progress)
        part.rename(path)
    except (OSError, ValueError, HTTPException) as problem:
        detail = f"{path.name} is missing and could not be downloaded: {_explain(problem, file.url)}."
        raise SourceUnavailable(f"{detail} {put}, or retry when the server is reachable.") from problem
    finally:
        part.unlink(missing_ok=True)
    return path


def _explain(problem: Exception, url: str) -> str:
    """Why a download failed, as the end of a sentence."""
    host = urlsplit(url).netloc
    if isinstance(problem, HTTPError):
        return f"{host} answered {problem.code} ({problem.reason})"
    cause = problem.reason if isinstance(problem, URLError) else problem
    if isinstance(cause, socket.gaierror):
        return f"the address of {host} can't be resolved; usually this means that there is no network"
    if isinstance(cause, ssl.SSLError):
        return f"the connection to {host} is not secure ({cause.reason or cause})"
    if isinstance(cause, TimeoutError):
        return f"{host} timed out"
    if isinstance(cause, OSError) and cause.strerror:
        what = f"{host} is unreachable" if isinstance(problem, URLError) else "it can't be received or stored"
        return f"{what} ({cause.strerror})"
    return str(cause)


def _download(file: CachedFile, path: Path, progress: Progress) -> None:
    deadline = time.monotonic() + DOWNLOAD_SECONDS
    digest = hashlib.sha256()
    with urllib.request.urlopen(file.url, timeout=SILENCE_SECONDS) as response, path.open("wb") as target:
        received = 0
        while block := response.read(BLOCK_BYTES):
            received += len(block)
            if received > file.size:
                raise ValueError(f"the server sends more than the {file.size:,} bytes of the original file")
            target.write(block)
            digest.update(block)
            progress(received / file.size)
            if time.monotonic() > deadline:
                raise ValueError(f"it timed out after {DOWNLOAD_SECONDS} s")
        target.flush()
        os.fsync(target.fileno())
    if digest.hexdigest() != file.sha256:
        raise ValueError("the download is incomplete or not the original file")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn parsing errors in the block into SourceUnavailable, with the file and how to fix it."""
    try:
        yield
    except DAMAGE as problem:
        reason = describe_problem(problem)
        detail = f"{path.name} in $KERAS_HOME/datasets isn't a valid copy of Keras's file ({reason})."
        raise SourceUnavailable(
            f"{detail} Delete it so that it is downloaded again, or replace it with the original."
        ) from problem
