"""Request bodies: forms with files, and the instances of predictions."""

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import requests

from fitserve_client.values import dump, is_table, plain, table_lines

PIECE_BYTES = 1024 * 1024
JSON = "application/json"
JSON_LINES = "application/x-ndjson"
NPY = "application/x-npy"
PICTURE_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".bmp": "image/bmp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
}
FILE_TYPES = {".npy": NPY, ".json": JSON, **PICTURE_TYPES}
"""Content types of the files that have one of their own in predictions, by suffix."""
ROW_FILES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".parquet", ".gz", ".zst")
"""The suffixes of files of rows, which are sent in a form: the service detects their formats."""

Upload = str | Path | Sequence[str | Path] | Any
"""A file, several files of the same columns, or a table of pandas or Polars."""


class FileForm:
    """A form with fields and files. The files are streamed from disk, and from their start again for each retry."""

    def __init__(self, files: Sequence[Path], fields: dict[str, str]) -> None:
        content_type, form = encode_form([(file.name, b"") for file in files], fields)
        self.content_type = content_type
        self._heads, self._end = _split_form(form, content_type, len(files))
        self._files = list(files)
        self._bytes = sum(file.stat().st_size for file in files)

    def __len__(self) -> int:
        return sum(map(len, self._heads)) + self._bytes + len(self._end)

    def __iter__(self) -> Iterator[bytes]:
        for head, file in zip(self._heads, self._files, strict=True):
            yield head
            with file.open("rb") as stream:
                while piece := stream.read(PIECE_BYTES):
                    yield piece
        yield self._end


def _split_form(form: bytes, content_type: str, files: int) -> tuple[list[bytes], bytes]:
    """What comes before each of the empty files at the end of a form, and after the last."""
    boundary = b"\r\n--" + content_type.rpartition("boundary=")[2].encode()
    *heads, last = form.rsplit(b"\r\n\r\n" + boundary, files)
    separated = [head + b"\r\n\r\n" for head in heads]
    return [separated[0], *(boundary + head for head in separated[1:])], boundary + last


@contextmanager
def upload_form(data: Upload, fields: dict[str, str]) -> Iterator[FileForm]:
    """The form of an upload. A table is written to a temporary file as JSON Lines first.

    Raises ValueError for an empty table, OSError for unreadable files.
    """
    if is_table(data):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"{fields.get('name', 'rows')}.jsonl"
            with file.open("wb") as stream:
                stream.writelines(table_lines(data))
            yield FileForm([file], fields)
        return
    files: Iterable[str | Path] = [data] if isinstance(data, str | Path) else data
    yield FileForm([Path(file) for file in files], fields)


def encode_form(files: Sequence[tuple[str, bytes]], fields: dict[str, str]) -> tuple[str, bytes]:
    """The content type and the bytes of a form with fields and named files; each file is in a field `file`."""
    parts = [("file", (name, content)) for name, content in files]
    prepared = requests.Request("POST", "http://form", data=fields, files=parts).prepare()
    assert isinstance(prepared.body, bytes)
    return prepared.headers["Content-Type"], prepared.body


def form_fields(options: dict[str, Any]) -> dict[str, str]:
    """Options as form fields: text unchanged, everything else as JSON; None is omitted."""
    given = {name: value for name, value in options.items() if value is not None}
    return {name: value if isinstance(value, str) else dump(value).decode() for name, value in given.items()}


def read_instances(text: bytes) -> list[Any]:
    """Parse rows from JSON: a list, `{"instances": [...]}`, or an object for one row. Raises ValueError."""
    document = json.loads(text)
    if isinstance(document, dict):
        document = document.get("instances", [document])
    if not isinstance(document, list):
        raise ValueError("Rows must be a JSON list, or an object for one row.")
    return document


def encode_instances(instances: Any) -> tuple[str, bytes]:
    """The content type and the bytes of rows: a table as JSON Lines, a NumPy array of numbers as `.npy`, everything
    else as JSON. A single object is one row. Raises ValueError for values that can't be sent."""
    if is_table(instances):
        return JSON_LINES, b"".join(table_lines(instances))
    if hasattr(instances, "index") and hasattr(instances, "name") and hasattr(instances, "dtype"):
        raise ValueError("A Series may be a row or a column: pass a DataFrame, such as frame.loc[[row]].")
    if getattr(getattr(instances, "dtype", None), "kind", "") in ("b", "i", "u", "f"):
        import numpy as np

        written = BytesIO()
        np.save(written, np.asarray(instances), allow_pickle=False)
        return NPY, written.getvalue()
    rows = plain(instances)
    return JSON, dump({"instances": [rows] if isinstance(rows, dict) else rows})


def encode_files(files: Sequence[Path]) -> tuple[str, bytes]:
    """The content type and the bytes of one file of rows, or of one or more images.

    Raises ValueError for unsupported files, OSError for unreadable ones.
    """
    suffixes = [file.suffix.lower() for file in files]
    if len(files) != 1 and not set(suffixes) <= PICTURE_TYPES.keys():
        raise ValueError("Several files must all be pictures; give one file of rows.")
    if suffixes[0] == ".json":
        return encode_instances(read_instances(files[0].read_bytes()))
    if suffixes[0] not in (*FILE_TYPES, *ROW_FILES):
        raise ValueError(f'"{files[0]}" must end with one of {", ".join((*FILE_TYPES, *ROW_FILES))}.')
    if len(files) > 1 or suffixes[0] in ROW_FILES:
        return encode_form([(file.name, file.read_bytes()) for file in files], {})
    return FILE_TYPES[suffixes[0]], files[0].read_bytes()
