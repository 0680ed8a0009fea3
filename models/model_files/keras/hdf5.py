"""Reads texts and arrays from an untrusted HDF5 file.

HDF5 can point into other files and declare arrays of any size. Only hard links are followed, by name, so that cycles
don't matter; an array is read only if it has the expected shape and lies in the file as it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from models.errors import describe_problem
from models.model_files.keras.refusal import refusal, shown

SIGNATURE = b"\x89HDF\r\n\x1a\n"
MOST_NAMES = 100_000
"""The maximum of names in a list of weights."""
DAMAGE = (OSError, RuntimeError, ValueError, KeyError, TypeError, OverflowError, UnicodeError)
"""What h5py raises for a damaged file."""


@contextmanager
def open_hdf5(source: Path | BytesIO) -> Iterator[h5py.File]:
    """Open an HDF5 file. Raises InvalidSpec if it is damaged."""
    try:
        file = h5py.File(source, "r")
    except DAMAGE as problem:
        raise refusal(f"The file isn't readable as HDF5 ({describe_problem(problem)}).") from problem
    with file:
        yield file


def find_item(group: h5py.Group, path: str) -> h5py.Group | h5py.Dataset | None:
    """The group or dataset at a path below a group; None if there is none.

    Raises InvalidSpec for links that could leave the file.
    """
    item = group
    for name in filter(None, path.split("/")):
        try:
            if not isinstance(item, h5py.Group) or name not in item.keys():  # noqa: SIM118 - `in item` follows links
                return None
            if not isinstance(item.get(name, getlink=True), h5py.HardLink):
                raise refusal(f"`{shown(path)}` is a link, possibly to another file: save the network again.")
            item = item[name]
        except DAMAGE as problem:
            detail = f"`{shown(path)}` is unreadable in the file ({describe_problem(problem)})."
            raise refusal(detail) from problem
    return item


def find_group(group: h5py.Group, path: str) -> h5py.Group | None:
    """The group at a path; None if there is none."""
    item = find_item(group, path)
    return item if isinstance(item, h5py.Group) else None


def read_array(group: h5py.Group, path: str, owner: str, shape: tuple[int, ...]) -> np.ndarray:
    """Read the array at a path, a weight of `owner`, which must have this shape. Raises InvalidSpec."""
    dataset = find_item(group, path)
    if not isinstance(dataset, h5py.Dataset):
        raise refusal(f"The file lacks the weight `{shown(path)}` of {owner}.")
    if dataset.shape != shape:
        found = "no shape" if dataset.shape is None else f"the shape {list(dataset.shape)}"
        raise refusal(f"The weight `{shown(path)}` of {owner} has {found}, but the layer needs {list(shape)}.")
    return read_values(dataset, path)


def read_values(dataset: h5py.Dataset, path: str) -> np.ndarray:
    """The numbers of a dataset whose shape has been checked. Raises InvalidSpec."""
    try:
        if dataset.dtype.kind not in "fiub":
            raise refusal(f"The weight `{shown(path)}` doesn't hold numbers.")
        if dataset.external or dataset.is_virtual:
            raise refusal(f"The weight `{shown(path)}` lies in another file: save the network again.")
        if dataset.id.get_create_plist().get_nfilters():
            raise refusal(f"The weight `{shown(path)}` is compressed within the HDF5 file: save it without filters.")
        return np.asarray(dataset[()])
    except DAMAGE as problem:
        detail = f"The weight `{shown(path)}` is unreadable in the file ({describe_problem(problem)})."
        raise refusal(detail) from problem


def read_text(group: h5py.Group, name: str) -> str | None:
    """The text in an attribute; None if there is none. Raises InvalidSpec."""
    value = _read_attribute(group, name)
    if value is not None and not isinstance(value, str | bytes):
        raise refusal(f"The attribute `{name}` isn't a text.")
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def read_names(group: h5py.Group, name: str) -> list[str]:
    """The names in an attribute, which Keras splits into `name0`, `name1` … if it is long. Raises InvalidSpec."""
    parts = [_read_attribute(group, name)]
    if parts[0] is None:
        parts = []
        for number in count():
            part = _read_attribute(group, f"{name}{number}")
            if part is None:
                break
            parts.append(part)
    names = [one for part in parts for one in np.asarray(part).ravel().tolist()]
    if len(names) > MOST_NAMES or not all(isinstance(one, str | bytes) for one in names):
        raise refusal(f"The attribute `{name}` isn't a list of names.")
    return [one.decode(errors="replace") if isinstance(one, bytes) else one for one in names]


def _read_attribute(group: h5py.Group, name: str) -> Any:
    try:
        if name not in group.attrs:
            return None
        declared = group.attrs.get_id(name)
        if declared.dtype.kind not in "SOU" or h5py.check_ref_dtype(declared.dtype) is not None:
            raise refusal(f"The attribute `{name}` doesn't hold texts.")
        if np.prod(declared.shape, dtype=np.float64) > MOST_NAMES:
            raise refusal(f"The attribute `{name}` is longer than {MOST_NAMES:,} names.")
        return group.attrs[name]
    except DAMAGE as problem:
        raise refusal(f"The attribute `{name}` is unreadable ({describe_problem(problem)}).") from problem
