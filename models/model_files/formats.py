"""The formats of networks' files, recognized by their content: a file's name may be wrong."""

import os
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final

from models.errors import Fault, InvalidSpec

FILE: Final = "#/file"
"""The pointer of an import's file."""


class ModelFormat(StrEnum):
    """A format in which networks can be imported."""

    KERAS = "keras"
    """The ZIP that Keras 3 saves."""
    H5 = "h5"
    """The HDF5 file that Keras 2 saves."""
    ONNX = "onnx"


SUFFIXES: Final = {
    ".keras": ModelFormat.KERAS,
    ".h5": ModelFormat.H5,
    ".hdf5": ModelFormat.H5,
    ".onnx": ModelFormat.ONNX,
}
ZIP: Final = b"PK\x03\x04"
HDF5: Final = b"\x89HDF\r\n\x1a\n"
HEAD_BYTES: Final = 512
NAME_AT, NAME_LENGTH_AT = 30, slice(26, 28)
"""Where the head of a ZIP has the name of its first file, and the length of that name."""
VARINT, BYTES = 0, 2
MODEL_PROTO: Final = {1: VARINT, 5: VARINT} | dict.fromkeys((2, 3, 4, 6, 7, 8, 14, 20, 25, 26), BYTES)
"""The fields of an ONNX model with their wire types (onnx.proto, ModelProto)."""
GRAPH: Final = 7
MOST_FIELDS: Final = 10_000
"""The fields of an ONNX model that are looked at to find its graph: it may have as many functions and metadata."""
LONGEST_VARINT: Final = 10
SAVE_AS_KERAS: Final = (
    'Load it with the Keras that saved it, and save it with `model.save("model.keras")`; the guide "Bring a model" '
    "shows how."
)
SAVED_MODEL_HINT: Final = f"A TensorFlow SavedModel can't be imported. {SAVE_AS_KERAS}"
PYTORCH_HINT: Final = "It is a file of PyTorch: export the network with `torch.onnx.export`."
PICKLE_HINT: Final = "It is a pickle, which runs code when it is read: export the model to ONNX instead."


def find_format(path: Path, name: str) -> ModelFormat:
    """The format of a network's file. `name` is the client's name for it.

    Reads only the head of the file. Raises InvalidSpec if the file is in none of the formats, or in another one than
    its name says.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        found = _find_by_content(head, file)
    if found is None:
        raise InvalidSpec(Fault(_explain(head, name), FILE))
    named = SUFFIXES.get(Path(name).suffix.lower(), found)
    if named is not found:
        detail = f'The file is named "{name}", but its content is {_describe(found)}.'
        raise InvalidSpec(Fault(f"{detail} Rename it, or send the right file.", FILE))
    return found


def _find_by_content(head: bytes, file: BinaryIO) -> ModelFormat | None:
    if head.startswith(HDF5):
        return ModelFormat.H5
    if head.startswith(ZIP):
        return ModelFormat.KERAS if _find_zip_hint(head) is None else None
    return ModelFormat.ONNX if _is_onnx(file) else None


def _find_zip_hint(head: bytes) -> str | None:
    """What another ZIP than Keras's is, by the name of its first file."""
    length = int.from_bytes(head[NAME_LENGTH_AT], "little")
    first = head[NAME_AT : NAME_AT + length].decode(errors="replace")
    if first.endswith("data.pkl"):
        return PYTORCH_HINT
    parts = first.split("/")
    return SAVED_MODEL_HINT if {"saved_model.pb", "variables", "fingerprint.pb"} & set(parts) else None


def _is_onnx(file: BinaryIO) -> bool:
    """Whether the file has the fields of an ONNX model, among them a graph. Seeks over the fields' contents."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    for _ in range(MOST_FIELDS):
        tag = _read_varint(file)
        number, wire = (0, 0) if tag is None else (tag >> 3, tag & 7)
        if MODEL_PROTO.get(number) != wire:
            return False
        value = _read_varint(file)
        if value is None or (wire == BYTES and value > size - file.tell()):
            return False
        if number == GRAPH:
            return True
        if wire == BYTES:
            file.seek(value, os.SEEK_CUR)
    return False


def _read_varint(file: BinaryIO) -> int | None:
    """An integer of a protocol buffer; None if there is none."""
    value = 0
    for place in range(LONGEST_VARINT):
        byte = file.read(1)
        if not byte:
            return None
        value |= (byte[0] & 0x7F) << (7 * place)
        if byte[0] < 0x80:
            return value
    return None


def _explain(head: bytes, name: str) -> str:
    """Why the file can't be imported."""
    if not head:
        return "The file is empty."
    expected = ", ".join(_describe(format_) for format_ in ModelFormat)
    detail = f"The content of the file is none of these, or it is incomplete: {expected}."
    return f"{detail} {_hint(head, name)}".strip()


def _hint(head: bytes, name: str) -> str:
    if head.startswith(ZIP):
        return _find_zip_hint(head) or ""
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return PICKLE_HINT
    return SAVED_MODEL_HINT if name.lower().endswith((".pb", ".tar", ".tar.gz", ".tgz", ".zip")) else ""


def _describe(format_: ModelFormat) -> str:
    return {
        ModelFormat.KERAS: "a Keras archive (.keras)",
        ModelFormat.H5: "an HDF5 file (.h5)",
        ModelFormat.ONNX: "an ONNX model (.onnx)",
    }[format_]
