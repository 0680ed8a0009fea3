"""What clients post to be predicted for besides JSON: arrays, CSV, files of pictures."""

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
from models.values.tensors import name_type

B64 = "b64"


@dataclass(frozen=True)
class CsvText:
    """Rows as CSV, in one of the encodings that are taken; what the columns are only the model's input knows."""

    data: bytes
    encoding: str = "utf-8"


class NamedFile(bytes):
    """A picture's file with the name that the client gave it."""

    name: str

    @classmethod
    def of(cls, data: bytes, name: str) -> Self:
        file = cls(data)
        file.name = name
        return file


@dataclass(frozen=True)
class JsonNumbers:
    """Rows of JSON that hold nothing but numbers, evenly nested, and became an array without an object for each."""

    values: np.ndarray
    """float64, rows first."""
    read_lists: Callable[[], list]
    """The same rows as lists, to say what is wrong with them."""

    def __len__(self) -> int:
        return len(self.values)


Instances = list | np.ndarray | CsvText | JsonNumbers
"""JSON values or pictures' files (bytes), one a row; an array, rows first; CSV; or JSON that was numbers alone."""


def read_npy(data: bytes) -> np.ndarray:
    """The array in a `.npy` file, rows first; raises InvalidInstances."""
    file = io.BytesIO(data)
    try:
        header = read_header(file, len(data))
    except BadArray as problem:
        raise InvalidInstances(Fault(f"The array {problem}.", pointer="#")) from problem
    return shape_rows(data[header.length :], header)


def picture_bytes(instance: bytes | dict[str, Any]) -> bytes:
    """The file of a picture that is posted as it is, or in JSON as `{"b64": …}`; raises BadPicture."""
    if isinstance(instance, bytes):
        return instance
    if set(instance) != {B64} or not isinstance(instance[B64], str):
        members = ", ".join(f'"{name}": {name_type(value)}' for name, value in list(instance.items())[:3])
        raise BadPicture(f'A picture is an object of "{B64}", its file in Base64, not of {members or "nothing"}.')
    try:
        return base64.b64decode("".join(instance[B64].split()), validate=True)
    except (binascii.Error, ValueError) as problem:
        raise BadPicture(f'"{B64}" is no Base64 (RFC 4648, section 4).') from problem
