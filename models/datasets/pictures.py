"""A ZIP of pictures in folders named for their classes, perhaps below `train/`, `validation/` and `test/`."""

import os
import zipfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.datasets.descriptor import MAX_CLASS_NAME
from models.datasets.examples import Examples
from models.datasets.splits import SPLIT_NAMES, SPLITS
from models.errors import Fault, InvalidData
from models.files.pictures import CHANNELS, BadPicture, Picture, read_picture
from models.files.zip_files import open_zip
from models.files.zipped_pictures import is_clutter, read_picture_file, split_path
from models.limits import Limits
from models.progress import Progress
from models.scratch import scratch_array
from models.spec import SINGLE_INPUT
from models.suggestions import unknown_name
from models.values.columns import Texts
from models.values.pointers import pointer_to
from models.values.tensors import MAX_FAULTS, name_type

MAX_SIDE = 4096
OPTIONS = ("height", "width", "channels")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
TRAIN, VALIDATION, TEST = SPLITS

BLOCK_ROWS = 16
MAX_THREADS = 4
"""Large pictures are decoded side by side; each takes memory."""
SMALL_FILE = 2500
"""Bytes; pictures of about 80 × 80 pixels are as fast with one thread as with two."""


@dataclass(frozen=True)
class _Found:
    """A picture in the ZIP: the folders and name that lead to it, the first being its class."""

    path: tuple[str, ...]
    entry: zipfile.ZipInfo
    split: str = TRAIN

    @property
    def order(self) -> tuple[int, tuple[str, ...]]:
        return SPLITS.index(self.split), self.path


def check_picture(picture: object) -> list[Fault]:
    """What is wrong with a posted `picture`, the size and channels that pictures are to have."""
    if picture is None:
        return []
    if not isinstance(picture, dict):
        return [Fault(f'"picture" is an object, not {name_type(picture)}.', pointer_to("picture"))]
    faults = [
        unknown_name(name, OPTIONS, pointer_to("picture", name), "option of a picture")
        for name in picture
        if name not in OPTIONS
    ]
    given = {name: picture[name] for name in OPTIONS if picture.get(name) is not None}
    for name in ("height", "width"):
        side = given.get(name, 1)
        if isinstance(side, bool) or not isinstance(side, int) or not 1 <= side <= MAX_SIDE:
            detail = f'"{name}" is a number of pixels, from 1 to {MAX_SIDE:,}.'
            faults.append(Fault(detail, pointer_to("picture", name)))
    if ("height" in given) != ("width" in given):
        faults.append(Fault('Give both "height" and "width", or neither.', pointer_to("picture")))
    channels = given.get("channels", 1)
    if isinstance(channels, bool) or not isinstance(channels, int) or channels not in CHANNELS:
        detail = '"channels" is 1 for grey or 3 for colour.'
        faults.append(Fault(detail, pointer_to("picture", "channels"), allowed=tuple(CHANNELS)))
    return faults


def read_pictures(path: Path, request: dict[str, Any], limits: Limits, progress: Progress) -> Examples:
    """The pictures of the ZIP at `path` as examples of the shape (height, width, channels), sorted by name.

    All are stretched to the size of `request["picture"]`, or else to that of the first. Raises InvalidData, which
    names the files at fault.
    """
    name = request.get("file", {}).get("name", path.name)
    with open_zip(path, name, limits, limits.zip_ratio) as archive:
        found = _find_pictures(archive.infolist(), name)
        classes = _find_classes(found, name)
        if len(found) > limits.rows:
            raise InvalidData(Fault(f"{name} has {len(found):,} pictures; the limit is {limits.rows:,}.", file=name))
        shape = _choose_shape(request.get("picture") or {}, archive, found[0], limits)
        size = len(found) * int(np.prod(shape, dtype=np.int64))
        if size > limits.dataset_bytes:
            detail = f"{len(found):,} pictures of {shape[1]} × {shape[0]} pixels become {size:,} bytes; the limit is"
            raise InvalidData(Fault(f"{detail} {limits.dataset_bytes:,}. Ask for smaller ones.", pointer_to("picture")))
        pixels = scratch_array(path.parent, (len(found), *shape), np.uint8)
        _decode(archive, found, pixels, limits, progress)
    return Examples(
        "image",
        Texts.of(picture.path[0] for picture in found),
        tensors={SINGLE_INPUT: pixels},
        target_name="class",
        classes=classes,
        test_rows=sum(picture.split == TEST for picture in found),
        guide=_find_guide(found),
    )


def _find_pictures(entries: Iterable[zipfile.ZipInfo], name: str) -> list[_Found]:
    """The files in class folders, those of `validation/` and `test/` last; raises InvalidData for pictures elsewhere.

    Notes, and what desktops leave, are passed over.
    """
    found = [_Found(split_path(entry), entry) for entry in entries if not entry.is_dir()]
    found = [picture for picture in found if picture.path and not is_clutter(picture.path)]
    while _has_needless_top(found):
        found = [_Found(picture.path[1:], picture.entry) for picture in found]
    found = _take_off_splits(found, name)
    loose = [picture.entry.filename for picture in found if len(picture.path) < 2]
    faults = [
        Fault(f"{file} lies in no folder that names its class.", file=file)
        for file in loose
        if file.lower().endswith(SUFFIXES)
    ]
    if faults:
        raise InvalidData(*faults[:MAX_FAULTS])
    placed = [picture for picture in found if len(picture.path) >= 2]
    return sorted(placed, key=lambda picture: picture.order)


def _find_guide(found: list[_Found]) -> Texts | None:
    """The splits of the pictures, where the ZIP holds validation rows of its own."""
    splits = [picture.split for picture in found]
    return Texts.of(splits) if VALIDATION in splits else None


def _take_off_splits(found: list[_Found], name: str) -> list[_Found]:
    """The files below `train/`, `validation/` and `test/` as these say, or all as they are; raises InvalidData for
    anything between.

    Folders below one that is named for a split must be classes, or the splits would become the classes.
    """
    parts = {picture.path[0]: SPLIT_NAMES.get(picture.path[0].lower()) for picture in found if len(picture.path) > 1}
    below = any(parts[picture.path[0]] for picture in found if len(picture.path) > 2)
    several = TRAIN in parts.values() and len(set(parts.values()) - {None}) > 1
    if not below and not several:
        return found
    others = sorted(top for top, part in parts.items() if part is None)
    if others or TRAIN not in parts.values():
        held = ", ".join(f"{top}/" for top in sorted(parts)[:MAX_FAULTS])
        problem = f"of which {others[0]}/ has no place" if others else f"but no {TRAIN}/"
        detail = f"{name} holds {held}, {problem}: give {TRAIN}/ with any of {VALIDATION}/ and {TEST}/ beside it"
        raise InvalidData(Fault(f"{detail}, or class folders alone.", file=name))
    return [_Found(picture.path[1:], picture.entry, parts.get(picture.path[0]) or TRAIN) for picture in found]


def _has_needless_top(found: list[_Found]) -> bool:
    """Whether all lies in one folder that holds the folders of the classes."""
    return len({picture.path[0] for picture in found}) == 1 and any(len(picture.path) > 2 for picture in found)


def _find_classes(found: list[_Found], name: str) -> tuple[str, ...]:
    """The names of the folders with training pictures, sorted."""
    classes = sorted({picture.path[0] for picture in found if picture.split == TRAIN})
    if not classes:
        detail = f"{name} holds no pictures in folders named for their classes, such as cat/1.png and dog/1.png."
        raise InvalidData(Fault(detail, file=name))
    if len(classes) == 1:
        detail = f'{name} has only one class folder, "{classes[0]}"; there must be two at least.'
        raise InvalidData(Fault(detail, file=name))
    longest = max(classes, key=len)
    if len(longest) > MAX_CLASS_NAME:
        detail = f"The folder {longest[:50]}… has a name of {len(longest):,} characters; a class has {MAX_CLASS_NAME}."
        raise InvalidData(Fault(detail, file=name))
    strangers = [picture for picture in found if picture.path[0] not in classes]
    if strangers:
        file, label = strangers[0].entry.filename, strangers[0].path[0]
        detail = f'{file} is of the class "{label}", of which there is no training picture.'
        raise InvalidData(Fault(detail, file=file, allowed=tuple(classes[:MAX_FAULTS])))
    return tuple(classes)


def _choose_shape(
    options: dict[str, Any], archive: zipfile.ZipFile, first: _Found, limits: Limits
) -> tuple[int, int, int]:
    """Height, width and channels as asked for, or else as the first picture has them."""
    height, width, channels = (options.get(name) for name in OPTIONS)
    if height is None or width is None or channels is None:
        own = _read(archive, first.entry, limits).original
        height, width = (own[0], own[1]) if height is None or width is None else (height, width)
        channels = channels or own[2]
    if max(height, width) > MAX_SIDE:
        detail = f"The first picture, {first.entry.filename}, has {width:,} × {height:,} pixels"
        raise InvalidData(Fault(f"{detail}; ask for at most {MAX_SIDE:,} a side.", pointer_to("picture")))
    return height, width, channels


def _decode(
    archive: zipfile.ZipFile, found: list[_Found], pixels: np.ndarray, limits: Limits, progress: Progress
) -> None:
    """Fill `pixels`, one row for each picture; raises InvalidData with up to 20 of the files at fault, or as soon as
    all together have too many pixels."""
    size, channels = (pixels.shape[1], pixels.shape[2]), pixels.shape[3]

    def decode_block(start: int) -> tuple[list[Fault], int]:
        faults: list[Fault] = []
        decoded = 0
        for row in range(start, min(start + BLOCK_ROWS, len(found))):
            try:
                picture = _read(archive, found[row].entry, limits, size, channels)
            except InvalidData as problem:
                faults.extend(problem.faults)
            else:
                pixels[row] = picture.pixels
                decoded += picture.original[0] * picture.original[1]
        return faults, decoded

    starts = range(0, len(found), BLOCK_ROWS)
    faults: list[Fault] = []
    total = 0
    with ThreadPoolExecutor(_choose_threads(found)) as pool:
        for done, (block, decoded) in enumerate(pool.map(decode_block, starts), start=1):
            faults += block
            total += decoded
            if len(faults) >= MAX_FAULTS or total > limits.total_pixels:
                pool.shutdown(cancel_futures=True)
                break
            if done % max(1, len(starts) // 100) == 0:
                progress(done / len(starts))
    if total > limits.total_pixels:
        name = found[min(done * BLOCK_ROWS, len(found)) - 1].entry.filename
        detail = f"With {name} the pictures have {total:,} pixels together; the limit is {limits.total_pixels:,}."
        raise InvalidData(Fault(f"{detail} The operator sets it by FITSERVE_MAX_TOTAL_PIXELS.", file=name))
    if faults:
        raise InvalidData(*faults[:MAX_FAULTS])


def _choose_threads(found: list[_Found]) -> int:
    """One for small files: of these most of the work is Python's, at which threads only get in each other's way."""
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
    try:
        return read_picture(data, limits.pixels, size, channels)
    except BadPicture as problem:
        raise InvalidData(Fault(f"{entry.filename} can't be used. {problem}", file=entry.filename)) from problem
