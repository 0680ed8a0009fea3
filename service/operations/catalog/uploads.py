"""Files that clients send: received into staged folders, and removed with the request unless they are published."""

import contextlib
import hashlib
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.errors import OutcomeUnknown
from service.storage.artifacts import ArtifactStore
from service.storage.identifiers import new_identifier

DATA_FILE = "data"
STAGING_PREFIX = "upload"
MAX_NAME_LENGTH = 255
NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class ReceivedFile:
    """A completely received file. Its bytes are the file `data` in a staged folder; publish the folder to keep it."""

    folder: Path
    name: str
    bytes: int
    sha256: str

    def to_document(self) -> dict[str, Any]:
        return {"name": self.name, "bytes": self.bytes, "sha256": self.sha256}


class IncomingFile:
    """A file that is being received. It is written to the disk and hashed in chunks, and never held in memory."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = clean_name(name)
        self._file = (folder / DATA_FILE).open("wb")
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Raises OSError, for example if the disk is full."""
        self._digest.update(data)
        return self._file.write(data)

    def seek(self, offset: int) -> int:
        """Do nothing: the form parser seeks to the start of a complete file."""
        return offset

    def complete(self) -> ReceivedFile:
        """Finish the file and return it. Raises OSError."""
        size = self._file.tell()
        self._file.close()
        return ReceivedFile(self._folder, self._name, size, self._digest.hexdigest())

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()


class Reception:
    """The files of one request."""

    def __init__(self, artifacts: ArtifactStore) -> None:
        self._artifacts = artifacts
        self._incoming: dict[str, IncomingFile] = {}

    def receive(self, name: str) -> IncomingFile:
        """A new file to write into; `name` is the client's name for it."""
        staged = new_identifier(STAGING_PREFIX)
        self._incoming[staged] = IncomingFile(self._artifacts.stage(staged), name)
        return self._incoming[staged]

    def close(self) -> None:
        """Remove the files that weren't published."""
        for staged, incoming in self._incoming.items():
            incoming.close()
            self._artifacts.discard(staged)


@contextmanager
def removed_unless_committed(artifacts: ArtifactStore, key: str) -> Iterator[None]:
    """Remove the published folder if the block, which writes the row that needs it, raises.

    If it is unknown whether the row was written, the folder stays. The cleanup removes it if there is no row.
    """
    try:
        yield
    except OutcomeUnknown:
        raise
    except BaseException:
        artifacts.remove(key)
        raise


def clean_name(name: str) -> str:
    """A client's name of a file without folders and control characters, at most 255 characters. It may be empty."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    return NOT_IN_NAMES.sub("", last).strip()[-MAX_NAME_LENGTH:]
