"""Files of networks that Keras saved, as `.keras` and as HDF5: edited as bytes, in their JSON, and in their arrays."""

import io
import json
import zipfile
from collections.abc import Callable
from functools import cache
from typing import Any

import h5py
import numpy as np
from hypothesis import strategies as st

from tests.fuzzing.arrays import zip_files
from tests.fuzzing.edits import EDIT_COUNTS, edited, edited_document
from tests.fuzzing.request import Request, upload
from tests.models.made_keras_files import dense, functional, input_layer, layer, sequential, stored
from tests.running_service import ROOT

SAVED = ROOT / "tests" / "models" / "keras_files"
ARCHITECTURES = (
    "dense", "two_inputs", "convolution", "separable", "gru", "embedding", "residual", "normalization", "two_outputs",
)  # fmt: skip
CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
CODE = layer("Lambda", "trick", function={"class_name": "__lambda__", "config": {"code": "4wEA"}})
CONFIG_WORDS: tuple[Any, ...] = (
    "Dense", "Lambda", "InputLayer", "Sequential", "Functional", "Model", "keras", "keras.layers", "builtins", "os",
    "float16", "string", "softmax", "relu", "linear", "numbers", "scores", "network", "config", "layers", "shape",
    "Normalization", "Embedding", "TimeDistributed", "Bidirectional", "Reshape", "StringLookup", "IntegerLookup",
    "__keras_tensor__", "__tensor__", "__numpy__", "inbound_nodes", "keras_history", "units", "batch_shape",
    [None, 3], [None, None, 3], [None] * 70, CODE, input_layer(3), dense(), dense(units=2**31), sequential(),
)  # fmt: skip
SIGNATURE = b"\x89HDF\r\n\x1a\n"
HDF5_WORDS = (SIGNATURE, b"TREE", b"HEAP", b"SNOD", b"GCOL", b"OHDR", b"\xff" * 8, b"\0" * 8, b"layers", b"\0" * 600)
"""The signatures of the parts of an HDF5 file (its File Format Specification, section III), and unset addresses."""
MEMBERS = (
    ("../../etc/passwd", b"x"), ("assets/words/vocabulary.txt", b"a\nb\n"), ("assets/words/vocabulary.txt", b"\xff"),
    ("saved_model.pb", b""), ("data.pkl", b"\x80\x04."), ("zeros", bytes(2**22)), ("", b"x"), ("layers/", b""),
)  # fmt: skip
PATH = "/v1/models"
VERSIONS = "/v1/models/imported/versions"
FIELDS: tuple[dict[str, Any], ...] = (
    {}, {"task": "multiclass"}, {"task": "regression"}, {"classes": ["a", "b"]}, {"classes": ["a", "b", "c"]},
    {"input": {"shape": [3]}}, {"input": {"shape": [8, 8, 1], "scaling": "unit"}}, {"metadata": {"from": "elsewhere"}},
)  # fmt: skip
Entries = dict[str, bytes]
"""The files of a ZIP by their names."""


@cache
def saved(ending: str) -> tuple[bytes, ...]:
    """Files that a version of Keras 2 and one of Keras 3 saved."""
    found = []
    for version in ("2.15", "3.15"):
        with zipfile.ZipFile(SAVED / f"keras-{version}.zip") as archive:
            found += [archive.read(f"{name}.{ending}") for name in ARCHITECTURES]
    return tuple(found)


@cache
def archives() -> tuple[Entries, ...]:
    """The files in valid `.keras` files, of which the first are small."""
    chain = functional(input_layer(3), dense(), inputs=[["numbers", 0, 0]], outputs=[["scores", 0, 0]])
    made = [
        {METADATA: b'{"keras_version": "3.15.1"}', CONFIG: json.dumps(network).encode(), WEIGHTS: stored()}
        for network in (sequential(), sequential(input_layer(3), layer("Dropout", "drop", rate=0.5), dense()), chain)
    ]
    for data in saved("keras"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            made.append({name: archive.read(name) for name in archive.namelist()})
    return tuple(made)


@st.composite
def archive_files(draw: st.DrawFn) -> bytes:
    """A `.keras` file, of which entries are edited, replaced, removed, doubled or added."""
    valid = draw(st.sampled_from(archives()))
    entries = dict(valid)
    for _ in range(draw(st.sampled_from((0, 1, 1, 1, 2)))):
        name = draw(st.sampled_from((CONFIG, CONFIG, CONFIG, METADATA, WEIGHTS, WEIGHTS)))
        if name in valid:
            entries[name] = draw(_edited_entry(name, valid[name]))
    listed = list(entries.items())
    change = draw(st.sampled_from((*("",) * 6, "remove", "double", "add", "swap", "reverse")))
    if change == "remove":
        listed.pop(draw(st.integers(0, len(listed) - 1)))
    elif change == "double":
        listed.append((draw(st.sampled_from(listed))[0], draw(st.sampled_from(listed))[1]))
    elif change == "add":
        listed.append(draw(st.sampled_from(MEMBERS)))
    elif change == "swap":
        contents = draw(st.permutations([content for _, content in listed]))
        listed = [(name, content) for (name, _), content in zip(listed, contents, strict=True)]
    elif change == "reverse":
        listed.reverse()
    return draw(zip_files(listed))


def _edited_entry(name: str, content: bytes) -> st.SearchStrategy[bytes]:
    other = st.sampled_from([entries[name] for entries in archives()])
    if name == WEIGHTS:
        return st.one_of(edited([content], HDF5_WORDS), edited_arrays(content), other)
    document = edited_document([json.loads(content)], CONFIG_WORDS).map(lambda value: json.dumps(value).encode())
    return st.one_of(document, document, document, edited([content], (b'"', b"{", b"[", b"\xff")), other)


@st.composite
def hdf5_files(draw: st.DrawFn) -> bytes:
    """An HDF5 file with a network, of which bytes, arrays or texts are edited."""
    data = draw(st.sampled_from(saved("h5")))
    if draw(st.booleans()):
        data = draw(_edited_texts(data))
    if draw(st.integers(0, 2)) == 2:
        data = draw(edited_arrays(data))
    return draw(edited([data], HDF5_WORDS)) if draw(st.booleans()) else data


@st.composite
def _edited_texts(draw: st.DrawFn, data: bytes) -> bytes:
    """A legacy file whose serialized network, or how it was compiled, is edited."""
    copied = io.BytesIO()
    # Attributes of more than 64 KiB need the newest form of the file.
    with h5py.File(io.BytesIO(data)) as old, h5py.File(copied, "w", libver="latest") as new:
        for name in old:
            old.copy(name, new)
        for name, value in old.attrs.items():
            new.attrs[name] = value
        name = draw(st.sampled_from(("model_config", "model_config", "training_config")))
        if name in new.attrs:
            document = draw(edited_document([json.loads(new.attrs[name])], CONFIG_WORDS))
            new.attrs[name] = json.dumps(document)
    return copied.getvalue()


@st.composite
def edited_arrays(draw: st.DrawFn, data: bytes) -> bytes:
    """An HDF5 file of which arrays and groups are edited; the data itself if it can't be read any more."""
    copied = io.BytesIO(data)
    with h5py.File(copied, "r+") as file:
        for _ in range(draw(st.sampled_from(EDIT_COUNTS))):
            places: list[str] = []
            file.visit(places.append)
            if places:
                draw(st.sampled_from(ARRAY_EDITS))(draw, file, draw(st.sampled_from(places)))
    return copied.getvalue()


def _remove(draw: st.DrawFn, file: h5py.File, place: str) -> None:
    del file[place]


def _move(draw: st.DrawFn, file: h5py.File, place: str) -> None:
    file[f"{place} moved"] = file[place]
    del file[place]


def _replace(draw: st.DrawFn, file: h5py.File, place: str) -> None:
    """Replace an array by another, also by texts, by nothing, and by numbers of no size."""
    values = (
        np.zeros((3, 2), "f8"), np.full((3, 2), np.nan, "f4"), np.ones((2,), "i1"), np.float32(1), np.zeros((0, 3)),
        np.full((3, 2), b"x"), np.ones((3, 2), "c8"), h5py.Empty("f4"), np.zeros(1, "f4,f4"), np.ones((3, 2), "?"),
    )  # fmt: skip
    value = draw(st.sampled_from(values))
    del file[place]
    file[place] = value


def _declare(draw: st.DrawFn, file: h5py.File, place: str) -> None:
    """Replace an array by one of which no values are stored, as many as it may have, or more."""
    item = file[place]
    shape = item.shape if isinstance(item, h5py.Dataset) and item.shape else (3, 2)
    shape = draw(st.sampled_from((shape, shape[::-1], (2**20, 2**20), (2**40,))))
    options: tuple[dict[str, Any], ...] = (
        {"chunks": True}, {"chunks": True, "compression": "gzip"}, {"external": [("/etc/passwd", 0, 2**62)]},
    )  # fmt: skip
    del file[place]
    file.create_dataset(place, shape, "f4", **draw(st.sampled_from(options)))


def _link(draw: st.DrawFn, file: h5py.File, place: str) -> None:
    """Replace an item by a link: to another file, to itself, or to a group that contains it."""
    links = (h5py.ExternalLink("/etc/passwd", "/"), h5py.SoftLink(f"/{place}"), h5py.SoftLink("/"), file["/"])
    del file[place]
    file[place] = draw(st.sampled_from(links))


ARRAY_EDITS: tuple[Callable[[Any, h5py.File, str], None], ...] = (_remove, _move, _replace, _replace, _declare, _link)


@st.composite
def imports(draw: st.DrawFn, files: st.SearchStrategy[bytes], ending: str) -> Request:
    """The import of a network's file as a model, or as a version of `imported`; its name may be wrong."""
    fields = draw(st.sampled_from(FIELDS))
    if draw(st.integers(0, 3)) == 3:
        document = draw(edited_document([fields or {"task": "binary"}], ("task", "classes", "input", "shape")))
        fields = document if isinstance(document, dict) else {}
    name = f"network.{draw(st.sampled_from((*(ending,) * 12, 'keras', 'h5', 'onnx', 'zip')))}"
    if draw(st.integers(0, 3)) == 3:
        return upload(VERSIONS, draw(files), name, {key: fields[key] for key in fields if key != "name"})
    return upload(PATH, draw(files), name, {"name": "fuzzed", **fields})


KERAS_ARCHIVE = imports(archive_files(), "keras")
KERAS_HDF5 = imports(hdf5_files(), "h5")
GROWING = upload(PATH, saved("keras")[0], "first.keras", {"name": "imported"})
"""The request for a model that gets versions."""
