"""Files that can't be imported: each is refused with the reason, before anything is built or written."""

import json
import pickle
import zipfile
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from models.errors import Fault, InvalidSpec
from models.limits import Limits
from models.model_files.imported import ImportFields
from models.model_files.keras import import_keras
from models.spec import Task
from tests.models.made_keras_files import (
    BIAS,
    KERNEL,
    called,
    dense,
    functional,
    input_layer,
    keras_file,
    layer,
    sequential,
    stored,
    tensor,
)


def refused(path: Path, fields: ImportFields | None = None, limits: Limits | None = None) -> Fault:
    """The first fault of a file that can't be imported; nothing is left in the version's folder."""
    folder = path.parent / "version"
    folder.mkdir()
    with pytest.raises(InvalidSpec) as caught:
        import_keras(path, fields or ImportFields(), folder, limits or Limits())
    assert list(folder.iterdir()) == []
    return caught.value.faults[0]


def network_with(*layers: dict[str, Any]) -> dict[str, Any]:
    return sequential(input_layer(3), *layers, dense())


NETWORKS: dict[str, tuple[dict[str, Any], str]] = {
    "Lambda": (
        network_with(layer("Lambda", "trick", function={"class_name": "__lambda__", "config": {"code": "4wEA"}})),
        "The layer `trick` is of the type `Lambda`, which can't be imported: runs code.",
    ),
    "a custom class": (
        network_with({**layer("Swirl", "mine", "my_package.layers"), "registered_name": "my>Swirl"}),
        "The layer `mine` is of the class `Swirl`, which isn't Keras's own: custom layers run code from the file's "
        "author, so they are refused.",
    ),
    "a class that only pretends to be Keras's": (
        network_with({**layer("Dense", "mine"), "module": "os", "class_name": "system"}),
        "The layer `mine` is of the class `system`, which isn't Keras's own: custom layers run code from the file's "
        "author, so they are refused.",
    ),
    "Fitserve's own layer": (
        network_with(layer("Pretrained", "mine", model="other", version=1)),
        "The layer `mine` is of the type `Pretrained`, which can't be imported.",
    ),
    "an unknown layer": (
        network_with(layer("Dens", "mine")),
        "The layer `mine` is of the type `Dens`, which can't be imported.",
    ),
    "texts": (
        network_with(layer("TextVectorization", "words", max_tokens=10)),
        "The layer `words` is of the type `TextVectorization`, which can't be imported: see StringLookup.",
    ),
    "a custom activation": (
        network_with(dense("mine", activation={"module": "builtins", "class_name": "function", "config": "relu"})),
        "The layer `mine` has the activation `relu`, which isn't in the catalogue: custom functions and layers as "
        "activations can't be imported.",
    ),
    "half precision": (
        network_with(dense("mine", dtype={"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}})),
        "The layer `mine` computes in `mixed_float16`, but networks are served in float32: set its dtype policy to "
        "float32, and save the network again.",
    ),
    "a layer with a state between batches": (
        network_with(layer("LSTM", "memory", units=2, stateful=True)),
        "The layer `memory` (LSTM) has `stateful` True, which isn't supported.",
    ),
    "a layer with several outputs": (
        network_with(layer("LSTM", "memory", units=2, return_state=True)),
        "The layer `memory` (LSTM) has `return_state` True, which isn't supported.",
    ),
    "a network that is a class": (
        {"module": "me", "class_name": "MyModel", "config": {}, "registered_name": "MyModel"},
        "The network is of the class `MyModel`: only Sequential and functional networks can be imported, because a "
        "class of one's own is code.",
    ),
    "a parameter out of range": (
        sequential(input_layer(3), dense(units=0)),
        "The layer `scores` can't be imported: `units` must be an integer, at least 1.",
    ),
    "no list of layers": (
        {"module": "keras", "class_name": "Sequential", "config": {"name": "network"}},
        "The configuration of the network has no list of layers.",
    ),
    "too many layers": (
        sequential(input_layer(3), *(layer("Flatten", f"flat_{number}") for number in range(700)), dense()),
        "The network has 702 layers, more than the limit of 500.",
    ),
    "a control character in a name": (
        network_with(layer("Lambda", "a\x1b[31mb\n")),
        "The layer `a\ufffd[31mb\ufffd` is of the type `Lambda`, which can't be imported: runs code.",
    ),
    "no shape": (
        sequential(dense()),
        "The file doesn't say which shape of input its network takes: build the network, and save it.",
    ),
    "texts as input": (
        sequential(layer("InputLayer", "words", batch_shape=[None, 1], dtype="string"), dense()),
        "The input `words` takes texts, but networks here take numbers.",
    ),
    "a cycle": (
        functional(
            called(input_layer(3)),
            called(layer("Add", "one"), [tensor("numbers"), tensor("two")]),
            called(layer("Flatten", "two"), tensor("one")),
            inputs=[["numbers", 0, 0]],
            outputs=[["two", 0, 0]],
        ),
        "These layers take layers that don't exist, or form a cycle: `one`, `two`.",
    ),
    "shared weights": (
        functional(
            called(input_layer(3)),
            {
                **called(dense("twice", units=3), tensor("numbers")),
                "inbound_nodes": [
                    {"args": [tensor("numbers")], "kwargs": {}},
                    {"args": [tensor("numbers")], "kwargs": {}},
                ],
            },
            inputs=["numbers", 0, 0],
            outputs=["twice", 0, 0],
        ),
        "The layer `twice` is called 2 times, so its weights are shared; a layer here is called once.",
    ),
    "an operation without a layer": (
        functional(
            called(input_layer(3)),
            called(layer("Einsum", "sum", "keras.src.ops.numpy"), "ij->i", tensor("numbers")),
            inputs=["numbers", 0, 0],
            outputs=["sum", 0, 0],
        ),
        "The operation `Einsum` of the layer `sum` has no equivalent in the catalogue: build the network from layers.",
    ),
    "an argument of a call": (
        functional(
            called(input_layer(3, 2)),
            called(
                layer("MultiHeadAttention", "mha", num_heads=1, key_dim=2),
                *[tensor("numbers")] * 2,
                use_causal_mask=True,
            ),
            inputs=["numbers", 0, 0],
            outputs=["mha", 0, 0],
        ),
        "The layer `mha` is called with `use_causal_mask`, which isn't supported: it changes the layer's output.",
    ),
    "a mask of one's own": (
        functional(
            called(input_layer(3, 2)),
            called(layer("NotEqual", "mask", "keras.src.ops.numpy"), tensor("numbers"), 7),
            called(layer("LSTM", "memory", units=2), tensor("numbers"), mask=tensor("mask")),
            inputs=["numbers", 0, 0],
            outputs=["memory", 0, 0],
        ),
        "The mask `mask` isn't computed by a Masking or Embedding layer, which isn't supported.",
    ),
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_network_that_the_catalogue_does_not_have_is_refused_with_its_layer(kind: str, tmp_path: Path) -> None:
    network, detail = NETWORKS[kind]
    fault = refused(keras_file(tmp_path / "network.keras", network))
    assert (fault.detail, fault.pointer) == (detail, "#/file")


def test_what_keras_3_computes_otherwise_than_keras_2_is_refused(tmp_path: Path) -> None:
    path = keras_file(tmp_path / "old.keras", network_with(dense("gate", activation="hard_sigmoid")), version="2.15.0")
    assert (
        "`gate` has the activation `hard_sigmoid` of Keras 2. Keras 3 computes another function" in refused(path).detail
    )


def write(content: bytes) -> Callable[[Path], Path]:
    def written(folder: Path) -> Path:
        path = folder / "file.keras"
        path.write_bytes(content)
        return path

    return written


def in_zip(entries: Mapping[str, bytes]) -> Callable[[Path], Path]:
    return lambda folder: keras_file(folder / "file.keras", others=entries)


def in_weights(content: bytes) -> Callable[[Path], Path]:
    return in_zip({"model.weights.h5": content})


def only(name: str, content: bytes = b"") -> Callable[[Path], Path]:
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(name, content)
    return write(archive.getvalue())


def twice(name: str) -> Callable[[Path], Path]:
    def written(folder: Path) -> Path:
        path = keras_file(folder / "file.keras")
        with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as archive:
            archive.writestr(name, json.dumps(network_with(layer("Lambda", "trick"))))
        return path

    return written


def hdf5(make: Callable[[h5py.File], None]) -> bytes:
    content = BytesIO()
    with h5py.File(content, "w") as file:
        make(file)
    return content.getvalue()


def link_outside(file: h5py.File) -> None:
    file["layers/dense/vars/0"] = h5py.ExternalLink("/etc/secrets.h5", "/weights")
    file["layers/dense/vars/1"] = BIAS


def link_softly(file: h5py.File) -> None:
    file["elsewhere"] = KERNEL
    file["layers/dense/vars/0"] = h5py.SoftLink("/elsewhere")
    file["layers/dense/vars/1"] = BIAS


def lie_outside(file: h5py.File) -> None:
    group = file.create_group("layers/dense/vars")
    group.create_dataset("0", KERNEL.shape, "f4", external=[("/etc/passwd", 0, 24)])
    group["1"] = BIAS


def compress(file: h5py.File) -> None:
    file.create_dataset("layers/dense/vars/0", data=KERNEL, compression="gzip")
    file["layers/dense/vars/1"] = BIAS


def declare_much(file: h5py.File) -> None:
    file.create_dataset("layers/dense/vars/0", (10**7, 10**7), "f4", chunks=(1000, 1000))
    file["layers/dense/vars/1"] = BIAS


def refer(file: h5py.File) -> None:
    file["layers/dense/vars/1"] = BIAS
    file.create_dataset("layers/dense/vars/0", (3, 2), h5py.ref_dtype)


FILES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "nothing": (write(b""), "it is neither ZIP nor HDF5 but empty."),
    "a pickle": (write(pickle.dumps({"a": 1})), "a Python pickle, which is never read."),
    "a text": (write(b"# my network"), "The file isn't a network that Keras saved: it is neither ZIP nor HDF5."),
    "half a ZIP": (lambda folder: truncated(keras_file(folder / "half.keras")), "The file isn't a valid ZIP"),
    "two files of a name": (twice("config.json"), "The ZIP has two files with the name `config.json`."),
    "another ZIP": (only("data.csv"), "The ZIP has no `config.json`, so it isn't a network that Keras saved"),
    "a SavedModel": (only("network/saved_model.pb"), "but TensorFlow's SavedModel: load it with Keras"),
    "a name that leads out of the ZIP": (in_zip({"../../etc/cron.d/job": b"x"}), "leads out of the ZIP"),
    "a ZIP bomb": (in_zip({"assets/zeros": b"\0" * 40_000_000}), "times larger when it is unpacked"),
    "JSON that isn't": (in_zip({"config.json": b"{"}), "`config.json` isn't valid JSON"),
    "JSON of a list": (in_zip({"config.json": b"[]"}), "`config.json` isn't a JSON object."),
    "deep JSON": (in_zip({"config.json": b'{"a":' * 200_000}), "`config.json` is nested too deeply."),
    "half an HDF5 file": (in_weights(stored()[:200]), "The file isn't readable as HDF5"),
    "no weights": (in_weights(stored({})), "The file has 0 weights of the layer `scores`"),
    "a weight too few": (
        in_weights(stored({"layers/dense/vars/0": KERNEL})),
        "The file has 1 weights of the layer `scores`, but it needs 2.",
    ),
    "a weight of another shape": (
        in_weights(stored({"layers/dense/vars/0": KERNEL.T, "layers/dense/vars/1": BIAS})),
        "of the layer `scores` has the shape [2, 3], but the layer needs [3, 2].",
    ),
    "texts as weights": (
        in_weights(stored({"layers/dense/vars/0": np.full((3, 2), b"x"), "layers/dense/vars/1": BIAS})),
        "doesn't hold numbers.",
    ),
    "a link to another file": (in_weights(hdf5(link_outside)), "is a link, possibly to another file"),
    "a soft link": (in_weights(hdf5(link_softly)), "is a link, possibly to another file"),
    "data in another file": (in_weights(hdf5(lie_outside)), "lies in another file"),
    "a compressed array": (in_weights(hdf5(compress)), "is compressed within the HDF5 file"),
    "an enormous array": (in_weights(hdf5(declare_much)), "has the shape [10000000, 10000000]"),
    "references": (in_weights(hdf5(refer)), "doesn't hold numbers."),
    "weights alone": (write(stored()), "it holds weights, but not the network. Save the whole network"),
}  # fmt: skip


def truncated(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-40])
    return path


@pytest.mark.parametrize("kind", FILES)
def test_a_damaged_or_hostile_file_is_refused_with_the_reason(kind: str, tmp_path: Path) -> None:
    make, reason = FILES[kind]
    fault = refused(make(tmp_path), ImportFields(task=Task.MULTICLASS))
    assert reason in fault.detail
    assert fault.pointer == "#/file"


def test_hard_links_that_form_a_cycle_do_no_harm(tmp_path: Path) -> None:
    def circle(file: h5py.File) -> None:
        for number, values in enumerate((KERNEL.T, BIAS)):
            file[f"layers/dense/vars/{number}"] = values
        file["layers/dense/vars/again"] = file["layers"]

    path = keras_file(tmp_path / "network.keras", weights=hdf5(circle))
    assert refused(path).detail == "The file has 3 weights of the layer `scores`, but it needs 2."


FIELDS: dict[str, tuple[dict[str, Any], ImportFields, str, str]] = {
    "too few classes": (
        sequential(),
        ImportFields(classes=["a"]),
        "#/classes",
        "The network has 2 classes, but `classes` has 1.",
    ),
    "a class twice": (
        sequential(),
        ImportFields(classes=["a", "a"]),
        "#/classes/1",
        "The class `a` is listed twice.",
    ),
    "classes of a regression": (
        sequential(input_layer(3), dense(activation="linear")),
        ImportFields(task=Task.REGRESSION, classes=["a", "b"]),
        "#/classes",
        "The network is a regression, which has no classes: omit them, or send another `task`.",
    ),
    "no task": (
        sequential(input_layer(3), dense(activation="linear")),
        ImportFields(),
        "#/task",
        "The file has no loss that says what the network's output means, and its last activation is `linear`: send "
        "`task`.",
    ),
    "a binary network with two outputs": (
        sequential(),
        ImportFields(task=Task.BINARY),
        "#/task",
        "A binary network must have 1 output, but the file's has 2.",
    ),
    "a shape that varies": (
        sequential(input_layer(None, None, 3), layer("GlobalAveragePooling2D", "pool"), dense()),
        ImportFields(),
        "#/input/shape",
        "The input `numbers` has the shape [null, null, 3] in the file, in which null varies: send the shape of a row, "
        "such as [32, 32, 3].",
    ),
    "another shape than the file's": (
        sequential(),
        ImportFields(input={"shape": [4]}),
        "#/input/shape",
        "The input `numbers` has the shape [3] in the file, which a row of the shape [4] doesn't fit.",
    ),
    "a scaling that must be learned": (
        sequential(),
        ImportFields(input={"scaling": "standard"}),
        "#/input/scaling",
        "`standard` scaling is learned from training rows, which a file doesn't have.",
    ),
    "an unknown member of the input": (
        sequential(),
        ImportFields(input={"columns": []}),
        "#/input/columns",
        "The input of a network from a file has no member `columns`.",
    ),
}


@pytest.mark.parametrize("kind", FIELDS)
def test_a_field_that_does_not_fit_the_file_is_refused(kind: str, tmp_path: Path) -> None:
    network, fields, pointer, detail = FIELDS[kind]
    fault = refused(keras_file(tmp_path / "network.keras", network), fields)
    assert (fault.pointer, fault.detail) == (pointer, detail)


def test_a_network_beyond_the_limits_is_refused(tmp_path: Path) -> None:
    fault = refused(keras_file(tmp_path / "network.keras"), limits=Limits(parameters=5))
    assert fault.pointer == "#/file"
    assert "has 8 parameters, more than the limit of 5" in fault.detail
