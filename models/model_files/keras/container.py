"""Opens a file that Keras saved: its configuration as JSON, and the HDF5 file with its weights."""

import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py

from models.errors import InvalidData, describe_problem
from models.files.zip_files import open_zip, read_entry
from models.limits import Limits
from models.model_files.keras import hdf5
from models.model_files.keras.refusal import refusal, shown

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
MOST_JSON = 32 * 1024**2
"""Bytes of a configuration: that of 500 layers has about 0.5 MiB."""
MOST_BYTES_A_PARAMETER = 16
"""Bytes of a weights file for each parameter: a 32-bit float, three more of the optimizer's state."""
FREE_WEIGHTS = 64 * 1024**2
"""A weights file of at most this size is read, however few parameters are allowed."""
VOCABULARY = "vocabulary.txt"
ENDINGS = {".keras": "keras", ".h5": "h5", ".hdf5": "h5"}
FORMATS = {"keras": "a `.keras` file", "h5": "legacy HDF5 (`.h5`)"}


@dataclass(frozen=True)
class KerasFile:
    """A network's file. The weights are open only within `open_keras`."""

    network: dict[str, Any]
    """The serialized network: `class_name`, `config`."""
    compiled: dict[str, Any] | None
    """How it was compiled: `optimizer`, `loss`, `metrics`; None if it wasn't."""
    keras_version: str
    weights: h5py.Group
    is_legacy: bool
    """Whether the weights lie by the names of layers, as in HDF5 files, or by types of layers, as in `.keras` files."""
    vocabularies: Mapping[str, bytes] = field(default_factory=dict)
    """The files of learned vocabularies, by the path of the layer."""
    optimizer: h5py.Group | None = None
    """The optimizer's state."""
    notes: tuple[str, ...] = ()

    @property
    def is_keras_2(self) -> bool:
        return self.keras_version.startswith("2.")


@contextmanager
def open_keras(path: Path, limits: Limits) -> Iterator[KerasFile]:
    """Open a file that Keras saved, whatever its name says. Raises InvalidSpec for any other file."""
    with path.open("rb") as file:
        start = file.read(8)
    is_zip = start.startswith(b"PK\3\4")
    if not is_zip and start != hdf5.SIGNATURE:
        raise refusal(f"The file isn't a network that Keras saved: it is neither ZIP nor HDF5{_guess(start)}.")
    notes = _name_notes(path, "keras" if is_zip else "h5")
    with _open_archive(path, limits, notes) if is_zip else _open_legacy(path, notes) as opened:
        yield opened


def _guess(start: bytes) -> str:
    if not start:
        return " but empty"
    if start.startswith(b"\x80"):
        return " but a Python pickle, which is never read"
    return ""


def _name_notes(path: Path, found: str) -> tuple[str, ...]:
    named = ENDINGS.get(path.suffix.lower(), found)
    return () if named == found else (f"The file is named {path.suffix}, but it was read as {FORMATS[found]}.",)


@contextmanager
def _open_archive(path: Path, limits: Limits, notes: tuple[str, ...]) -> Iterator[KerasFile]:
    try:
        with open_zip(path, "The file", limits) as archive:
            entries = _by_name(archive)
            for name in (CONFIG, WEIGHTS):
                if name not in entries:
                    raise refusal(_missing_entry(name, entries))
            config = _read_json(archive, entries[CONFIG])
            metadata = _read_json(archive, entries[METADATA]) if METADATA in entries else {}
            most = max(FREE_WEIGHTS, limits.parameters * MOST_BYTES_A_PARAMETER)
            if entries[WEIGHTS].file_size > most:
                size = entries[WEIGHTS].file_size
                raise refusal(f"`{WEIGHTS}` has {size:,} bytes, more than the limit of {most:,}.")
            vocabularies = {
                name.removeprefix("assets/").removesuffix(f"/{VOCABULARY}"): _read_small(archive, entry)
                for name, entry in entries.items()
                if name.startswith("assets/") and name.endswith(f"/{VOCABULARY}")
            }
            weights = BytesIO(read_entry(archive, entries[WEIGHTS]))
    except InvalidData as error:
        raise refusal(error.detail) from error
    with hdf5.open_hdf5(weights) as file:
        version = str(metadata.get("keras_version", "")) if isinstance(metadata, dict) else ""
        compiled = config.get("compile_config")
        optimizer = hdf5.find_group(file, "optimizer/vars")
        yield KerasFile(config, _object_or_none(compiled), version, file, False, vocabularies, optimizer, notes)


def _by_name(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The entries of the ZIP. Raises InvalidSpec if two have the same name, of which another reader may take the other
    one."""
    entries: dict[str, zipfile.ZipInfo] = {}
    for entry in archive.infolist():
        if entry.filename in entries:
            raise refusal(f"The ZIP has two files with the name `{shown(entry.filename)}`.")
        entries[entry.filename] = entry
    return entries


def _missing_entry(name: str, entries: Mapping[str, Any]) -> str:
    detail = f"The ZIP has no `{name}`, so it isn't a network that Keras saved"
    if any(entry.endswith("saved_model.pb") for entry in entries):
        return f"{detail}, but TensorFlow's SavedModel: load it with Keras, and save it as `.keras`."
    if any(entry.endswith(".pkl") for entry in entries):
        return f"{detail}. It looks like weights of PyTorch: export the network as ONNX."
    return f'{detail}: save it with `model.save("model.keras")`.'


@contextmanager
def _open_legacy(path: Path, notes: tuple[str, ...]) -> Iterator[KerasFile]:
    with hdf5.open_hdf5(path) as file:
        text = hdf5.read_text(file, "model_config")
        weights = hdf5.find_group(file, "model_weights")
        if text is None or weights is None:
            detail = "The HDF5 file has no `model_config`: it holds weights, but not the network."
            raise refusal(f'{detail} Save the whole network with `model.save("model.keras")`.')
        compiled = hdf5.read_text(file, "training_config")
        yield KerasFile(
            _parse(text.encode(), "model_config"),
            None if compiled is None else _parse(compiled.encode(), "training_config"),
            hdf5.read_text(file, "keras_version") or "",
            weights,
            True,
            optimizer=hdf5.find_group(file, "optimizer_weights"),
            notes=notes,
        )


def _read_small(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    if entry.file_size > MOST_JSON:
        raise refusal(f"`{shown(entry.filename)}` has more than {MOST_JSON:,} bytes.")
    return read_entry(archive, entry)


def _read_json(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> dict[str, Any]:
    return _parse(_read_small(archive, entry), entry.filename)


def _parse(text: bytes, name: str) -> dict[str, Any]:
    """The JSON object in a text. Raises InvalidSpec."""
    if len(text) > MOST_JSON:
        raise refusal(f"`{name}` has more than {MOST_JSON:,} bytes.")
    try:
        document = json.loads(text)
    except RecursionError as problem:
        raise refusal(f"`{name}` is nested too deeply.") from problem
    except ValueError as problem:
        raise refusal(f"`{name}` isn't valid JSON ({describe_problem(problem)}).") from problem
    if not isinstance(document, dict):
        raise refusal(f"`{name}` isn't a JSON object.")
    return document


def _object_or_none(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None
