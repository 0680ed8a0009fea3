"""Reads a ZIP of images in class folders, optionally below `train/`, `validation/` and `test/`."""

import os
import zipfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from models.dataset_descriptor import Note
from models.datasets.describing import MAX_CLASS_NAME
from models.datasets.examples import Examples
from models.datasets.splits import SPLIT_NAMES, SPLITS
from models.errors import MOST_FAULTS, Fault, InvalidData
from models.files.pictures import CHANNELS, BadPicture, Picture, read_picture
from models.files.zip_files import open_zip
from models.files.zipped_pictures import is_ignored, read_picture_file, split_path
from models.limits import FREE_PIXELS, Limits
from models.progress import Progress
from models.scratch import scratch_array
from models.spec import SINGLE_INPUT
from models.suggestions import unknown_name
from models.values.columns import Texts
from models.values.pointers import pointer_to
from models.values.tensors import MAX_FAULTS, name_type

MAX_SIDE = 4096
OPTIONS = ("height", "width", "channels")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
TRAIN, VALIDATION, TEST = SPLITS

BLOCK_ROWS = 16
MAX_THREADS = 4
"""Large images are decoded concurrently; each takes memory."""
SMALL_FILE = 2500
"""Bytes; images of about 80 × 80 pixels are as fast with one thread as with two."""


@dataclass(frozen=True)
class _Found:
    """An image in the ZIP: the folders and name of its path, of which the first is its class."""

    path: tuple[str, ...]
    entry: zipfile.ZipInfo
    split: str = TRAIN

    @property
    def order(self) -> tuple[int, tuple[str, ...]]:
        return SPLITS.index(self.split), self.path


def check_picture(picture: object) -> list[Fault]:
    """The faults of a posted `picture`: the requested size and channels of all images."""
    if picture is None:
        return []
    if not isinstance(picture, dict):
        return [Fault(f'"picture" must be an object, not {name_type(picture)}.', pointer_to("picture"))]
    faults = [
        unknown_name(name, OPTIONS, pointer_to("picture", name), "option of a picture")
        for name in islice((name for name in picture if name not in OPTIONS), MOST_FAULTS)
    ]
    given = {name: picture[name] for name in OPTIONS if picture.get(name) is not None}
    for name in ("height", "width"):
        side = given.get(name, 1)
        if isinstance(side, bool) or not isinstance(side, int) or not 1 <= side <= MAX_SIDE:
            detail = f'"{name}" must be a number of pixels from 1 to {MAX_SIDE:,}.'
            faults.append(Fault(detail, pointer_to("picture", name)))
    if ("height" in given) != ("width" in given):
        faults.append(Fault('Give both "height" and "width", or neither.', pointer_to("picture")))
    channels = given.get("channels", 1)
    if isinstance(channels, bool) or not isinstance(channels, int) or channels not in CHANNELS:
        detail = '"channels" must be 1 for grey or 3 for colour.'
        faults.append(Fault(detail, pointer_to("picture", "channels"), allowed=tuple(CHANNELS)))
    return faults


def read_pictures(path: Path, request: dict[str, Any], limits: Limits, progress: Progress) -> Examples:
    """Read the images of the ZIP at `path` as examples of the shape (height, width, channels), sorted by name.

    All are resized to the size in `request["picture"]`, or else to the size of the first. Raises InvalidData, naming
    the invalid files.
    """
    name = request.get("file", {}).get("name", path.name)
    with open_zip(path, name, limits) as archive:
        found = _find_pictures(archive.infolist(), name)
        classes = _find_classes(found, name)
        if len(found) > limits.rows:
            raise InvalidData(Fault(f"{name} has {len(found):,} images; the limit is {limits.rows:,}.", file=name))
        shape = _choose_shape(request.get("picture") or {}, archive, found[0], limits)
        size = len(found) * int(np.prod(shape, dtype=np.int64))
        if size > limits.dataset_bytes:
            detail = f"{len(found):,} images of {shape[1]} × {shape[0]} pixels become {size:,} bytes; the limit is"
            raise InvalidData(Fault(f"{detail} {limits.dataset_bytes:,}. Reduce the size.", pointer_to("picture")))
        pixels = scratch_array(path.parent, (len(found), *shape), np.uint8)
        frames = _decode(archive, found, pixels, limits, progress)
    return Examples(
        "image",
        Texts.of(picture.path[0] for picture in found),
        tensors={SINGLE_INPUT: pixels},
        target_name="class",
        classes=classes,
        test_rows=sum(picture.split == TEST for picture in found),
        guide=_find_guide(found),
        notes=_note_frames(frames),
    )


def _note_frames(files: list[str]) -> tuple[Note, ...]:
    """The note about files of several frames or pages."""
    if not files:
        return ()
    shown = ", ".join(files[:MAX_FAULTS]) + (" and others" if len(files) > MAX_FAULTS else "")
    detail = f"{len(files):,} of the images have several frames or pages, of which the first is used: {shown}."
    return (Note("first_frame", detail, count=len(files)),)


def _find_pictures(entries: Iterable[zipfile.ZipInfo], name: str) -> list[_Found]:
    """The files in class folders, those of `validation/` and `test/` last; raises InvalidData for images elsewhere.

    Notes and the files that desktops add are ignored.
    """
    found = [_Found(split_path(entry), entry) for entry in entries if not entry.is_dir()]
    found = [picture for picture in found if picture.path and not is_ignored(picture.path)]
    while _has_single_top_folder(found):
        found = [_Found(picture.path[1:], picture.entry) for picture in found]
    found = _assign_splits(found, name)
    files = (picture.entry.filename for picture in found if len(picture.path) < 2)
    loose = list(islice((file for file in files if file.lower().endswith(SUFFIXES)), MAX_FAULTS))
    if loose:
        raise InvalidData(*(Fault(f"{file} isn't in a class folder.", file=file) for file in loose))
    placed = [picture for picture in found if len(picture.path) >= 2]
    return sorted(placed, key=lambda picture: picture.order)


def _find_guide(found: list[_Found]) -> Texts | None:
    """The splits of the images if the ZIP has its own validation rows."""
    splits = [picture.split for picture in found]
    return Texts.of(splits) if VALIDATION in splits else None


def _assign_splits(found: list[_Found], name: str) -> list[_Found]:
    """Assign the files below `train/`, `validation/` and `test/` to their splits, or return all unchanged if there are
    no such folders; raises InvalidData for a mixture.

    Folders below the folder of a split must be classes; otherwise the splits would become the classes.
    """
    parts = {picture.path[0]: SPLIT_NAMES.get(picture.path[0].lower()) for picture in found if len(picture.path) > 1}
    below = any(parts[picture.path[0]] for picture in found if len(picture.path) > 2)
    several = TRAIN in parts.values() and len(set(parts.values()) - {None}) > 1
    if not below and not several:
        return found
    others = sorted(top for top, part in parts.items() if part is None)
    if others or TRAIN not in parts.values():
        held = ", ".join(f"{top}/" for top in sorted(parts)[:MAX_FAULTS])
        problem = f"of which {others[0]}/ is unexpected" if others else f"but no {TRAIN}/"
        detail = f"{name} holds {held}, {problem}: use {TRAIN}/ with {VALIDATION}/, {TEST}/ or both"
        raise InvalidData(Fault(f"{detail}, or only class folders.", file=name))
    return [_Found(picture.path[1:], picture.entry, parts.get(picture.path[0]) or TRAIN) for picture in found]


def _has_single_top_folder(found: list[_Found]) -> bool:
    """Whether one top folder contains all class folders."""
    return len({picture.path[0] for picture in found}) == 1 and any(len(picture.path) > 2 for picture in found)


def _find_classes(found: list[_Found], name: str) -> tuple[str, ...]:
    """The sorted names of the folders with training images."""
    classes = sorted({picture.path[0] for picture in found if picture.split == TRAIN})
    if not classes:
        detail = f"{name} holds no images in class folders, such as cat/1.png and dog/1.png."
        raise InvalidData(Fault(detail, file=name))
    if len(classes) == 1:
        detail = f'{name} has only one class folder, "{classes[0]}"; at least two are required.'
        raise InvalidData(Fault(detail, file=name))
    longest = max(classes, key=len)
    if len(longest) > MAX_CLASS_NAME:
        detail = (
            f"The folder name {longest[:50]}… has {len(longest):,} characters; a class has at most {MAX_CLASS_NAME}."
        )
        raise InvalidData(Fault(detail, file=name))
    unknown = [picture for picture in found if picture.path[0] not in classes]
    if unknown:
        file, label = unknown[0].entry.filename, unknown[0].path[0]
        detail = f'{file} has the class "{label}", which has no training images.'
        raise InvalidData(Fault(detail, file=file, allowed=tuple(classes[:MAX_FAULTS])))
    return tuple(classes)


def _choose_shape(
    options: dict[str, Any], archive: zipfile.ZipFile, first: _Found, limits: Limits
) -> tuple[int, int, int]:
    """The requested height, width and channels, or else those of the first image."""
    height, width, channels = (options.get(name) for name in OPTIONS)
    if height is None or width is None or channels is None:
        own = _read(archive, first.entry, limits).original
        height, width = (own[0], own[1]) if height is None or width is None else (height, width)
        channels = channels or own[2]
    if max(height, width) > MAX_SIDE:
        detail = f"The first image, {first.entry.filename}, has {width:,} × {height:,} pixels"
        raise InvalidData(Fault(f"{detail}; set height and width of at most {MAX_SIDE:,}.", pointer_to("picture")))
    return height, width, channels


def _decode(
    archive: zipfile.ZipFile, found: list[_Found], pixels: np.ndarray, limits: Limits, progress: Progress
) -> list[str]:
    """Fill `pixels`, one row per image, and return the names of the files with several frames.

    Raises InvalidData with at most 20 of the invalid files, or as soon as the images have too many pixels in total.
    """
    size, channels = (pixels.shape[1], pixels.shape[2]), pixels.shape[3]

    def decode_block(start: int) -> tuple[list[Fault], list[str], int]:
        faults: list[Fault] = []
        frames: list[str] = []
        decoded = 0
        for row in range(start, min(start + BLOCK_ROWS, len(found))):
            try:
                picture = _read(archive, found[row].entry, limits, size, channels)
            except InvalidData as problem:
                faults.extend(problem.faults)
            else:
                pixels[row] = picture.pixels
                decoded += picture.original[0] * picture.original[1]
                frames += [found[row].entry.filename] if picture.frames else []
        return faults, frames, decoded

    starts = range(0, len(found), BLOCK_ROWS)
    faults: list[Fault] = []
    frames: list[str] = []
    total = 0
    with ThreadPoolExecutor(_choose_threads(found)) as pool:
        for done, (block, several, decoded) in enumerate(pool.map(decode_block, starts), start=1):
            faults += block
            frames += several
            total += decoded
            if len(faults) >= MAX_FAULTS or total > limits.total_pixels:
                pool.shutdown(cancel_futures=True)
                break
            if done % max(1, len(starts) // 100) == 0:
                progress(done / len(starts))
    if total > limits.total_pixels:
        name = found[min(done * BLOCK_ROWS, len(found)) - 1].entry.filename
        detail = f"With {name} the images have {total:,} pixels in total; the limit is {limits.total_pixels:,}."
        raise InvalidData(Fault(f"{detail} The operator sets it with FITSERVE_MAX_TOTAL_PIXELS.", file=name))
    if faults:
        raise InvalidData(*faults[:MAX_FAULTS])
    return frames


def _choose_threads(found: list[_Found]) -> int:
    """One thread for small files: most of their work is in Python, where threads only block each other."""
    size = sum(picture.entry.file_size for picture in found) / len(found)
    return 1 if size < SMALL_FILE else min(MAX_THREADS, os.cpu_count() or 1)


def _read(
    archive: zipfile.ZipFile,
    entry: zipfile.ZipInfo,
    limits: Limits,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
) -> Picture:
    data = read_picture_file(archive, entry, limits)
    by_size = FREE_PIXELS + limits.pixel_ratio * len(data)
    try:
        return read_picture(data, min(limits.pixels, by_size), size, channels, max_scans=limits.jpeg_scans)
    except BadPicture as problem:
        raise InvalidData(Fault(f"{entry.filename} is invalid. {problem}", file=entry.filename)) from problem
