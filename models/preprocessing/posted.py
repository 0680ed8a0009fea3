"""What clients post for predictions besides JSON: arrays, CSV, image files."""

import base64
import binascii
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from models.errors import Fault, InvalidInstances
from models.files.npy import BadArray, read_header, shape_rows
from models.files.pictures import BadPicture
from models.tabular.posted_parquet import TableColumns
from models.values.tensors import name_type

B64 = "b64"


@dataclass(frozen=True)
class CsvText:
    """Rows as CSV, in one of the supported encodings; the model's input determines the types of the columns."""

    data: bytes
    encoding: str | None = "utf-8"
    """None: the body doesn't say, so that it is UTF-8 or as in the dataset's file."""


@dataclass(frozen=True)
class TableFile:
    """A file of rows in a format of uploads: `csv`, `json`, `jsonl` or `parquet`; None: to be detected."""

    data: bytes
    format: str | None = None
    name: str = "body"
    """The client's name for it."""


class NamedFile(bytes):
    """An image file with the name that the client gave it."""

    name: str

    @classmethod
    def of(cls, data: bytes, name: str) -> Self:
        file = cls(data)
        file.name = name
        return file


@dataclass(frozen=True)
class JsonNumbers:
    """Rows of JSON that hold only numbers in lists of equal shapes, parsed into an array without Python objects."""

    values: np.ndarray
    """float64, rows first."""
    read_again: Callable[[], list | np.ndarray]
    """The same rows to locate faults in them: as lists, or if there are very many numbers, as an array."""

    def __len__(self) -> int:
        return len(self.values)


Instances = list | np.ndarray | CsvText | TableFile | TableColumns | JsonNumbers
"""JSON values or image files (bytes), one per row; an array, rows first; CSV or another file of rows; a
table's columns; or JSON that holds only numbers."""


def read_npy(data: bytes) -> np.ndarray:
    """Read the array in a `.npy` file, rows first; raises InvalidInstances."""
    file = io.BytesIO(data)
    try:
        header = read_header(file, len(data))
    except BadArray as problem:
        raise InvalidInstances(Fault(f"The array {problem}.", pointer="#")) from problem
    return shape_rows(data[header.length :], header)


def picture_bytes(instance: bytes | dict[str, Any]) -> bytes:
    """The bytes of an image that is posted as a file, or in JSON as `{"b64": …}`; raises BadPicture."""
    if isinstance(instance, bytes):
        return instance
    if set(instance) != {B64} or not isinstance(instance[B64], str):
        members = ", ".join(f'"{name}": {name_type(value)}' for name, value in list(instance.items())[:3])
        raise BadPicture(f'An image must be an object with "{B64}", its file in Base64, not {{{members}}}.')
    try:
        return base64.b64decode("".join(instance[B64].split()), validate=True)
    except (binascii.Error, ValueError) as problem:
        raise BadPicture(f'"{B64}" isn\'t valid Base64 (RFC 4648, section 4).') from problem
