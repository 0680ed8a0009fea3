"""Finds and reads the images in a ZIP."""

import zipfile

from models.errors import Fault, InvalidData
from models.files.zip_files import read_entry
from models.limits import Limits

CLUTTER = ("__macosx", "thumbs.db", "desktop.ini")
"""Files that desktops add to ZIPs, in lower case, besides names that begin with a dot."""
NOTES = (".csv", ".html", ".ini", ".json", ".md", ".pdf", ".txt", ".xml", ".yaml", ".yml")
"""Extensions of other files beside images; every other file in a class folder must be an image."""
HEADER_BYTES, BYTES_PER_PIXEL = 1 << 20, 8
"""The size of an image file is at most this plus this many bytes per pixel."""


def split_path(entry: zipfile.ZipInfo) -> tuple[str, ...]:
    """The folders and the name of a file in a ZIP."""
    return tuple(part for part in entry.filename.replace("\\", "/").split("/") if part not in ("", "."))


def is_ignored(path: tuple[str, ...]) -> bool:
    """Whether a file isn't an image: added by a desktop, or a note."""
    return any(part.startswith(".") or part.lower() in CLUTTER for part in path) or path[-1].lower().endswith(NOTES)


def list_pictures(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The images in all folders of a ZIP, sorted by their paths."""
    entries = [entry for entry in archive.infolist() if not entry.is_dir() and not is_ignored(split_path(entry))]
    return sorted(entries, key=split_path)


def read_picture_file(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limits: Limits) -> bytes:
    """The bytes of an image file; raises InvalidData if they are damaged or too large for an image."""
    if entry.file_size > HEADER_BYTES + BYTES_PER_PIXEL * limits.pixels:
        detail = f"{entry.filename} is too large for an image: {entry.file_size:,} bytes."
        raise InvalidData(Fault(detail, file=entry.filename))
    return read_entry(archive, entry)
