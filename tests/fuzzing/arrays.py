"""Arrays (NPY), archives of arrays (NPZ) and of pictures (ZIP), with unusual headers and names, and edited files."""

import io
import math
import struct
import warnings
import zipfile
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.fuzzing.edits import COUNTS, edited, edited_document
from tests.fuzzing.pictures import edited_pictures, files
from tests.fuzzing.request import Request, dataset

TYPES = (
    "<f4", "<f8", "|u1", "<i8", ">f4", "|b1", "<f2", "<u8", "<U3", "<U0", "|S3", "|O", "<c16", "<M8[us]", "|V4",
    "<f16", "<U999999999", "[('a', '<f4')]", "('<f4', (2,))", "",
)  # fmt: skip
AXES = (0, 1, 2, 3, 5, 12, 64, 1000, *COUNTS, -1)
MOST_DATA = 2**20
ZIP_WORDS = (b"PK\3\4", b"PK\1\2", b"PK\5\6", b"PK\6\6", b"PK\6\7", b"\xff\xff\xff\xff", b"../", b"\0" * 8)


def npy(descr: str, shape: Any, data: bytes, fortran: bool = False, version: tuple[int, int] = (1, 0)) -> bytes:
    """A NumPy file (NEP 1) with any header, right or wrong."""
    quoted = descr if descr.startswith(("[", "(")) else repr(descr)
    shape = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
    header = f"{{'descr': {quoted}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()
    length = struct.pack("<H" if version == (1, 0) else "<I", len(header))
    return b"\x93NUMPY" + bytes(version) + length + header + data


@st.composite
def npy_files(draw: st.DrawFn) -> bytes:
    """An array whose data fit its header, or nearly, or not at all."""
    descr = draw(st.sampled_from(TYPES))
    if draw(st.booleans()):
        shape = draw(st.lists(st.sampled_from(AXES[:8]), min_size=1, max_size=4))
    else:
        shape = draw(st.lists(st.sampled_from(AXES), max_size=70))
    try:
        size = math.prod(shape) * np.dtype(descr).itemsize
    except (TypeError, ValueError):
        size = 48
    size = size if 0 <= size <= MOST_DATA else draw(st.sampled_from((0, 48)))
    size = max(0, size + draw(st.sampled_from((0, 0, 0, 1, -1))))
    piece = draw(st.binary(min_size=1, max_size=64))
    data = (piece * (size // len(piece) + 1))[:size]
    version = draw(st.sampled_from(((1, 0), (1, 0), (2, 0), (3, 0), (9, 9))))
    file = npy(descr, shape, data, draw(st.booleans()), version)
    return draw(edited([file])) if draw(st.integers(0, 3)) == 3 else file


def _array(values: Any, dtype: Any = np.float32) -> bytes:
    file = io.BytesIO()
    np.save(file, np.asarray(values, dtype))
    return file.getvalue()


ROWS = 12
FITTING = {
    "x": _array(np.arange(ROWS * 3).reshape(ROWS, 3)),
    "y": _array(np.arange(ROWS) % 2, np.int64),
    "x_train": _array(np.arange(ROWS)),
    "y_train": _array(["a", "b"] * (ROWS // 2), np.str_),
    "x_test": _array([1, 2]),
    "y_test": _array(["a", "b"], np.str_),
    "x_left": _array(np.zeros((ROWS, 4, 4, 1)), np.uint8),
    "x_right": _array(np.asfortranarray(np.ones((ROWS, 2)))),
}
GROUPS = (("x", "y"), ("x_train", "y_train", "x_test", "y_test"), ("x_left", "x_right", "y"))
NAMES = ("x_up", "x_é", "../x", "", "x.npy")


@st.composite
def npz_files(draw: st.DrawFn) -> bytes:
    """The arrays of a dataset, of which some are replaced."""
    arrays = {name: FITTING[name] for name in draw(st.sampled_from(GROUPS))}
    for _ in range(draw(st.sampled_from((0, 1, 1, 2)))):
        name = draw(st.sampled_from((*[*arrays] * 4, *NAMES)))
        arrays[name] = draw(st.sampled_from([*FITTING.values()]) | npy_files())
    return draw(zip_files([(f"{name}.npy", data) for name, data in arrays.items()]))


FOLDERS = (*("cat", "dog", "bird") * 4, "train/cat", "test/cat", "top/cat", "CAT", ".hidden", "c" * 300)
FILES = (*("a.png", "b.jpg", "c.webp", "d", "é.png", "sub/e.png") * 3, "notes.txt", "", "../f.png", "\\g.png")


@st.composite
def picture_zips(draw: st.DrawFn) -> bytes:
    good = [(f"{folder}/{number}.png", files()[number]) for folder in ("cat", "dog") for number in range(3)]
    places = st.tuples(st.sampled_from(FOLDERS), st.sampled_from(FILES)).map("/".join)
    strange = draw(st.lists(st.tuples(places, edited_pictures()), max_size=6))
    names = st.sampled_from(("", "/", "..", "a", "/etc/passwd", "C:\\x.png"))
    loose = draw(st.lists(st.tuples(names, st.just(b"text")), max_size=1)) if draw(st.integers(0, 3)) == 3 else []
    return draw(zip_files([*good, *strange, *loose]))


@st.composite
def zip_files(draw: st.DrawFn, entries: list[tuple[str, bytes]]) -> bytes:
    """A ZIP of these files; names may occur twice."""
    usual = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    methods = (*usual * 5, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    method = draw(st.sampled_from(methods))
    file = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(file, "w", method) as archive:
        for name, data in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = archive.compression
            with archive.open(info, "w", force_zip64=name == "z.npy") as entry:
                entry.write(data)
        archive.comment = draw(st.sampled_from((*(b"",) * 9, b"PK\5\6" + bytes(18))))
    data = file.getvalue()
    return draw(edited([data], ZIP_WORDS)) if draw(st.integers(0, 2)) == 2 else data


PICTURE_OPTIONS: tuple[Any, ...] = (
    {},
    {"picture": {"height": 4, "width": 4}},
    {"picture": {"channels": 1}},
    {"picture": {"height": 1, "width": 64, "channels": 3}},
    {"split": {"validation": 0.5, "test": 0, "seed": 1}},
)


@st.composite
def _uploads(draw: st.DrawFn, files_: st.SearchStrategy[bytes], name: str, options: tuple[Any, ...]) -> Request:
    chosen = draw(st.sampled_from(options))
    if draw(st.integers(0, 3)) == 3:
        chosen = draw(edited_document([chosen]))
    return dataset(draw(files_), name, chosen)


NPZ = _uploads(npz_files(), "arrays.npz", ({}, {"split": {"validation": 0.2, "test": 0.2, "seed": 0}}))
PICTURE_ZIP = _uploads(picture_zips(), "pictures.zip", PICTURE_OPTIONS)
