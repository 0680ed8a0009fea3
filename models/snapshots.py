"""Snapshots of a training: the weights at the end of an epoch, each in a file of its own. Doesn't import Keras.

A folder of snapshots has what they share, written once: the network's graph without values (`network.onnx`), the
preprocessing and the description of the trained network, as a version has them, and the LAYOUT of the weights. The file
of an epoch has the values of all weights, one after another in the order of the layout, little-endian.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, Self

import numpy as np

from models.documents import Document
from models.errors import DamagedNetwork, NotServable
from models.files.sums import check_files, find_faults
from models.predictor import Predictor
from models.version_files import ARTIFACTS, TRAINED, WEIGHTS

LAYOUT = "layout.json"
VALUES = "weights"
"""The name that the graph gives to the file of its weights. There is none: the weights of an epoch replace them."""
SHARED = (ARTIFACTS["preprocessing"], TRAINED, LAYOUT)
"""The files that every folder of snapshots has."""


@dataclass(frozen=True)
class StoredWeight(Document):
    """A weight in the file of an epoch."""

    name: str
    """Its Keras path, `dense/kernel`."""
    dtype: str
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        return prod(self.shape) * np.dtype(self.dtype).itemsize

    @classmethod
    def _read(cls, document: dict[str, Any]) -> Self:
        return replace(super()._read(document), shape=tuple(document["shape"]))


@dataclass(frozen=True)
class Layout(Document):
    """What the file of an epoch has."""

    weights: tuple[StoredWeight, ...]
    served: tuple[str, ...] | None
    """The names of the weights that the graph takes; None without a graph."""
    reason: str | None = None
    """Why there is no graph, so that the snapshots can't predict."""

    @classmethod
    def _read(cls, document: dict[str, Any]) -> Self:
        served = document.get("served")
        return cls(
            tuple(StoredWeight.from_document(weight) for weight in document["weights"]),
            None if served is None else tuple(served),
            document.get("reason"),
        )

    def to_document(self) -> dict[str, Any]:
        return super().to_document() | {"weights": [weight.to_document() for weight in self.weights]}

    @property
    def bytes(self) -> int:
        """The size of the file of an epoch."""
        return sum(weight.bytes for weight in self.weights)


def file_of(epoch: int) -> str:
    """The name of an epoch's file."""
    return f"{epoch}.weights"


def epoch_of(name: str) -> int | None:
    """The epoch of the file of this name; None for other files."""
    number, _, suffix = name.partition(".")
    return int(number) if suffix == "weights" and number.isdecimal() else None


def write_epoch(folder: Path, epoch: int, weights: Iterable[memoryview]) -> tuple[int, str]:
    """Write the weights of an epoch, which aren't synced to the disk. Returns the size and the SHA-256 of the file.

    Raises OSError; then there is no file.
    """
    path, digest, size = folder / file_of(epoch), hashlib.sha256(), 0
    try:
        with path.open("wb") as file:
            for values in weights:
                digest.update(values)
                size += file.write(values)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return size, digest.hexdigest()


def read_layout(folder: Path) -> Layout:
    """Raises DamagedNetwork."""
    check_files(folder, LAYOUT, DamagedNetwork)
    return Layout.from_document(json.loads((folder / LAYOUT).read_bytes()))


def read_epoch(folder: Path, epoch: int, sha256: str) -> dict[str, np.ndarray]:
    """The weights of an epoch by name, read-only. Raises DamagedNetwork if the file isn't what was saved."""
    for fault in find_faults(folder, {file_of(epoch): sha256}):
        raise DamagedNetwork(fault)
    layout = read_layout(folder)
    content = (folder / file_of(epoch)).read_bytes()
    if len(content) != layout.bytes:
        raise DamagedNetwork(f"{file_of(epoch)} has {len(content):,} bytes instead of {layout.bytes:,}.")
    found, start = {}, 0
    for weight in layout.weights:
        values = np.frombuffer(content, np.dtype(weight.dtype).newbyteorder("<"), prod(weight.shape), start)
        found[weight.name], start = values.reshape(weight.shape), start + weight.bytes
    return found


def read_finite(folder: Path, epoch: int, sha256: str) -> dict[str, np.ndarray]:
    """As `read_epoch`. Raises NotServable if a weight is NaN or infinite, as in the last epoch of a training that
    diverged."""
    weights = read_epoch(folder, epoch, sha256)
    for name, values in weights.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise NotServable(f'Its weights "{name}" are NaN or infinite: the training diverged.')
    return weights


def load_predictor(folder: Path, epoch: int, sha256: str, threads: int = 1) -> Predictor:
    """The network with the weights of an epoch. Raises DamagedNetwork; NotServable if the network has no graph, or
    weights that aren't finite."""
    layout = read_layout(folder)
    if layout.served is None:
        raise NotServable(layout.reason or "The network can't be exported to ONNX.")
    weights = read_finite(folder, epoch, sha256)
    return Predictor.load(folder, threads, {name: weights[name] for name in layout.served})


def copy_as_version(folder: Path, epoch: int, sha256: str, target: Path) -> None:
    """Write into an empty folder the files of a version from which a training can start: its preprocessing, the
    description of its network and its weights. Raises DamagedNetwork, OSError; NotServable if weights aren't finite."""
    weights: Mapping[str, Any] = read_finite(folder, epoch, sha256)
    for name in (ARTIFACTS["preprocessing"], TRAINED):
        check_files(folder, name, DamagedNetwork)
        shutil.copyfile(folder / name, target / name)
    np.savez(target / WEIGHTS, **weights)
