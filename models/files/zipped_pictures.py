"""Pictures in a ZIP: which of its files they are, and their bytes."""

import zipfile

from models.errors import Fault, InvalidData
from models.files.zip_files import read_entry
from models.limits import Limits

CLUTTER = ("__macosx", "thumbs.db", "desktop.ini")
"""What desktops leave in ZIPs, in lower case, besides names that begin with a dot."""
NOTES = (".csv", ".html", ".ini", ".json", ".md", ".pdf", ".txt", ".xml", ".yaml", ".yml")
"""What lies beside pictures and is none by its name; every other file in a class folder should be a picture."""
HEADER_BYTES, BYTES_PER_PIXEL = 1 << 20, 8
"""More bytes than this and this many for each pixel no picture needs."""


def split_path(entry: zipfile.ZipInfo) -> tuple[str, ...]:
    """The folders and the name that lead to a file in a ZIP."""
    return tuple(part for part in entry.filename.replace("\\", "/").split("/") if part not in ("", "."))


def is_clutter(path: tuple[str, ...]) -> bool:
    """Whether a file is none of the pictures: left by a desktop, or a note."""
    return any(part.startswith(".") or part.lower() in CLUTTER for part in path) or path[-1].lower().endswith(NOTES)


def list_pictures(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The pictures in a ZIP, in whatever folders, sorted by their paths."""
    entries = [entry for entry in archive.infolist() if not entry.is_dir() and not is_clutter(split_path(entry))]
    return sorted(entries, key=split_path)


def read_picture_file(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limits: Limits) -> bytes:
    """The bytes of a picture's file; raises InvalidData where they are damaged, or more than any picture has."""
    if entry.file_size > HEADER_BYTES + BYTES_PER_PIXEL * limits.pixels:
        detail = f"{entry.filename} is too large for a picture: {entry.file_size:,} bytes."
        raise InvalidData(Fault(detail, file=entry.filename))
    return read_entry(archive, entry)
