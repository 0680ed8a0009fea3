"""Detects the format of an uploaded file from its first bytes, and compares it with the file name."""

import json
import re
from pathlib import Path

from models.errors import Fault, InvalidData

EXTENSIONS = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".parquet": "parquet", ".npz": "npz", ".zip": "zip",
}  # fmt: skip
TABLES = frozenset({"csv", "json", "jsonl", "parquet"})
"""The formats of tables."""

SIGNATURES = {
    b"PK\x03\x04": "zip", b"PK\x05\x06": "zip", b"PAR1": "parquet", b"\x93NUMPY": "NPY", b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"%PDF": "PDF", b"\x1f\x8b": "gzip", b"7z\xbc\xaf": "7-Zip",
    b"\xd0\xcf\x11\xe0": "Excel", b"\x89HDF": "HDF5", b"BZh": "bzip2", b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}  # fmt: skip
WORKBOOK_ENTRIES = ("[Content_Types].xml", "_rels/.rels", "docProps/app.xml", "xl/workbook.xml")
"""The first entries of the ZIPs that Office writes."""
ADVICE = {
    "Excel": "is an Excel workbook: save the sheet as CSV",
    "NPY": 'is one array: save it as "x" and the targets as "y" together in an NPZ file, with numpy.savez',
}
"""What an error says about common unsupported formats, and how to convert them."""
BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
TEXTS = ("csv", "json", "jsonl")
ROWS_OF_JSON, ROW_OF_JSON = re.compile(rb'\[\s*\{\s*"'), re.compile(rb'\{\s*"')
"""The first bytes of files that are JSON whatever their names say."""
HEAD_BYTES = 64 * 1024
TITLES = {
    "csv": "CSV", "json": "JSON", "jsonl": "JSON Lines", "parquet": "Parquet", "npz": "NPZ", "zip": "ZIP",
}  # fmt: skip


def name_format(name: str) -> str | None:
    """The format that a file's extension names, if any."""
    return EXTENSIONS.get(Path(name).suffix.lower())


def detect(path: Path, name: str) -> str:
    """`csv`, `json`, `jsonl`, `parquet`, `npz` or `zip`; raises InvalidData if content and name disagree."""
    with path.open("rb") as file:
        return detect_head(file.read(HEAD_BYTES), name)


def detect_head(head: bytes, name: str) -> str:
    """As `detect`, for a file that begins with these bytes."""
    if not head.strip():
        raise InvalidData(_fault(name, "is empty"))
    promised, found = name_format(name), _find_binary(head)
    if found is None:
        return _detect_text(head, name, promised)
    if found == promised or (promised is None and found in EXTENSIONS.values()):
        return found
    if found in ADVICE:
        raise InvalidData(_fault(name, ADVICE[found]))
    is_ = f"is {TITLES.get(found, found)}" if found != "binary" else "is binary data, not text"
    wanted = TITLES[promised] if promised else ", ".join(TITLES.values())
    raise InvalidData(_fault(name, f"{is_}; expected {wanted}"))


def _find_binary(head: bytes) -> str | None:
    """The format of a binary file, `binary` if it is unknown; None for text."""
    kind = next((kind for signature, kind in SIGNATURES.items() if head.startswith(signature)), None)
    if kind == "zip":
        first = _first_entry(head)
        return "npz" if first.endswith(".npy") else "Excel" if first in WORKBOOK_ENTRIES else "zip"
    if kind is None and not head.startswith(BYTE_ORDER_MARKS) and b"\0" in head:
        return "binary"
    return kind


def _first_entry(head: bytes) -> str:
    """The name of the first file in a ZIP, which follows a header of 30 bytes (APPNOTE.TXT, 4.3.7)."""
    length = int.from_bytes(head[26:28], "little")
    return head[30 : 30 + length].decode(errors="replace")


def _detect_text(head: bytes, name: str, promised: str | None) -> str:
    if promised is not None and promised not in TEXTS:
        raise InvalidData(_fault(name, f"isn't a valid {TITLES[promised]} file"))
    start = head.removeprefix(BYTE_ORDER_MARKS[0]).lstrip()
    if ROWS_OF_JSON.match(start) or (promised is None and start.startswith(b"[")):
        return "json"
    if ROW_OF_JSON.match(start) or (promised is None and start.startswith(b"{")):
        return "json" if promised == "json" and not _is_object(start.partition(b"\n")[0]) else "jsonl"
    return promised or "csv"


def _is_object(line: bytes) -> bool:
    """Whether a line is a complete JSON object, as in JSON Lines, rather than the first line of a longer one."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _fault(name: str, what: str) -> Fault:
    return Fault(f'The file "{name}" {what}.', file=name)
