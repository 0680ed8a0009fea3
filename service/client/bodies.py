"""Request bodies: forms with files, and the instances of predictions."""

import json
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import requests

PIECE_BYTES = 1024 * 1024
JSON = "application/json"
NPY = "application/x-npy"
PICTURE_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}
FILE_TYPES = {".csv": "text/csv", ".npy": NPY, ".json": JSON, **PICTURE_TYPES}
"""Content types of the files that predictions accept, by suffix."""


class FileForm:
    """A form with fields and one file. The file is streamed from disk, and from its start again for each retry."""

    def __init__(self, file: Path, fields: dict[str, str]) -> None:
        content_type, form = encode_form([(file.name, b"")], fields)
        self.content_type = content_type
        end = f"\r\n--{content_type.rpartition('boundary=')[2]}--\r\n".encode()
        self._file = file
        self._before, self._after = form.removesuffix(end), end
        self._bytes = file.stat().st_size

    def __len__(self) -> int:
        return len(self._before) + self._bytes + len(self._after)

    def __iter__(self) -> Iterator[bytes]:
        yield self._before
        with self._file.open("rb") as stream:
            while piece := stream.read(PIECE_BYTES):
                yield piece
        yield self._after


def encode_form(files: Sequence[tuple[str, bytes]], fields: dict[str, str]) -> tuple[str, bytes]:
    """The content type and the bytes of a form with fields and named files; each file is in a field `file`."""
    parts = [("file", (name, content)) for name, content in files]
    prepared = requests.Request("POST", "http://form", data=fields, files=parts).prepare()
    assert isinstance(prepared.body, bytes)
    return prepared.headers["Content-Type"], prepared.body


def form_fields(options: dict[str, Any]) -> dict[str, str]:
    """Options as form fields: text unchanged, everything else as JSON; None is omitted."""
    given = {name: value for name, value in options.items() if value is not None}
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in given.items()}


def read_instances(text: bytes) -> list[Any]:
    """Parse rows from JSON: a list, `{"instances": [...]}`, or an object for one row. Raises ValueError."""
    document = orjson.loads(text)
    if isinstance(document, dict):
        document = document.get("instances", [document])
    if not isinstance(document, list):
        raise ValueError("Rows must be a JSON list, or an object for one row.")
    return document


def encode_instances(instances: Any) -> tuple[str, bytes]:
    """The content type and the bytes of rows: a list as JSON, a NumPy array as `.npy`."""
    if isinstance(instances, list | tuple):
        return JSON, json.dumps({"instances": instances}, allow_nan=False).encode()
    import numpy as np

    written = BytesIO()
    np.save(written, np.asarray(instances), allow_pickle=False)
    return NPY, written.getvalue()


def encode_files(files: Sequence[Path]) -> tuple[str, bytes]:
    """The content type and the bytes of one file of rows, or of one or more images.

    Raises ValueError for unsupported files, OSError for unreadable ones.
    """
    types = [FILE_TYPES.get(file.suffix.lower()) for file in files]
    if len(files) != 1 and not set(types) <= set(PICTURE_TYPES.values()):
        raise ValueError("Several files must all be pictures; give one file of rows.")
    if types[0] == JSON:
        return encode_instances(read_instances(files[0].read_bytes()))
    if types[0] is None:
        raise ValueError(f'"{files[0]}" must end with one of {", ".join(FILE_TYPES)}.')
    if len(files) > 1:
        return encode_form([(file.name, file.read_bytes()) for file in files], {})
    return types[0], files[0].read_bytes()
