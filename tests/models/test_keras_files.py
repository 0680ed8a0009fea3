"""Files that Keras 2.15, 3.0, 3.5 and 3.15 saved: they are imported, and predict as Keras did.

`tests/models/keras_files/make.py` made them. Each architecture is read in two versions of Keras, once in each format;
FITSERVE_TEST_KERAS_FILES=all reads all files. The network with two outputs is refused.
"""

import os
import zipfile
from itertools import product
from pathlib import Path

import h5py
import numpy as np
import pytest

from models.errors import InvalidSpec
from models.limits import Limits
from models.model_files.imported import ImportFields
from models.model_files.keras import import_keras
from models.model_files.keras.container import open_keras
from models.model_files.keras.importing import read_network
from models.parity import run_keras
from models.predictor import Predictor
from models.versions import load_version

FOLDER = Path(__file__).parent / "keras_files"
VERSIONS = ("2.15", "3.0", "3.5", "3.15")
ARCHITECTURES = (
    "dense", "two_inputs", "convolution", "separable", "lstm", "gru", "bidirectional", "embedding", "residual",
    "attention", "normalization", "encoder_decoder",
)  # fmt: skip
FORMATS = ("keras", "h5")
NOT_SAVED = {("3.0", f"{name}.h5") for name in ("attention", "bidirectional", "residual")}
"""What Keras 3.0 itself can't save."""
ALL = os.environ.get("FITSERVE_TEST_KERAS_FILES") == "all"


def cases() -> list[tuple[str, str]]:
    numbered = product(enumerate(ARCHITECTURES), enumerate(VERSIONS), enumerate(FORMATS))
    chosen = [
        (version, f"{name}.{ending}")
        for (first, name), (second, version), (third, ending) in numbered
        if ALL or (first + second + 2 * third) % len(VERSIONS) == 0
    ]
    return [case for case in chosen if case not in NOT_SAVED]


def extract(version: str, name: str, folder: Path) -> Path:
    with zipfile.ZipFile(FOLDER / f"keras-{version}.zip") as archive:
        return Path(archive.extract(name, folder))


def expected(version: str, name: str, folder: Path) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The rows by the names of the inputs, and what Keras predicted for them."""
    with np.load(extract(version, f"{Path(name).stem}.npz", folder)) as arrays:
        rows = {key.removeprefix("input_"): arrays[key] for key in arrays.files if key.startswith("input_")}
        return rows, arrays["output"]


@pytest.mark.parametrize(("version", "name"), cases())
def test_a_network_that_a_version_of_keras_saved_predicts_as_it_did(version: str, name: str, tmp_path: Path) -> None:
    path = extract(version, name, tmp_path)
    with open_keras(path, Limits()) as file:
        document, network, _ = read_network(file, ImportFields(), Limits())
    rows, outputs = expected(version, name, tmp_path)
    named = dict(zip(document["inputs"], rows.values(), strict=True))
    np.testing.assert_allclose(run_keras(network, named), outputs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_network_with_two_outputs_is_refused(version: str, ending: str, tmp_path: Path) -> None:
    path = extract(version, f"two_outputs.{ending}", tmp_path)
    with pytest.raises(InvalidSpec, match="has 2 outputs"), open_keras(path, Limits()) as file:
        read_network(file, ImportFields(), Limits())


def test_an_imported_network_is_a_version_like_a_trained_one(tmp_path: Path) -> None:
    path, folder = extract("3.5", "dense.keras", tmp_path), tmp_path / "version"
    folder.mkdir()

    imported = import_keras(path, ImportFields(classes=["low", "middle", "high"]), folder, Limits())

    assert imported.trainable
    assert imported.version.servable, imported.version.reason
    assert imported.version.classes == ["low", "middle", "high"]
    assert imported.document == {
        "task": "multiclass",
        "inputs": {"measurements": {"shape": [5]}},
        "layers": [
            {"name": "first", "inputs": ["measurements"], "type": "Dense", "units": 6, "activation": "relu",
             "kernel_regularizer": {"type": "L2"}},
            {"name": "dropout", "inputs": ["first"], "type": "Dropout", "rate": 0.2},
            {"name": "dense", "inputs": ["dropout"], "type": "Dense", "units": 4, "activation": "tanh",
             "kernel_initializer": {"type": "HeNormal"}},
            {"name": "leaky_re_lu", "inputs": ["dense"], "type": "LeakyReLU"},
            {"name": "classes", "inputs": ["leaky_re_lu"], "type": "Dense", "units": 3, "activation": "softmax"},
        ],
        "optimizer": {"type": "Adam", "learning_rate": 0.01},
        "loss": {"type": "SparseCategoricalCrossentropy"},
        "metrics": ["Accuracy"],
    }  # fmt: skip
    assert imported.notes == (
        "The task is multiclass: inferred from the loss SparseCategoricalCrossentropy and the number of outputs, 3.",
        "The optimizer's state is in the version's `.keras` file; training jobs start with a fresh optimizer.",
    )
    rows, outputs = expected("3.5", "dense.keras", tmp_path)
    served = Predictor.load(folder).network.run(rows)
    np.testing.assert_allclose(served, outputs, atol=1e-5, rtol=0)
    loaded = load_version(folder, Limits())
    np.testing.assert_allclose(run_keras(loaded.network, rows), outputs, atol=1e-5, rtol=0)


def test_the_state_of_the_optimizer_is_that_of_the_file(tmp_path: Path) -> None:
    path = extract("2.15", "convolution.h5", tmp_path)
    with open_keras(path, Limits()) as file:
        _, network, notes = read_network(file, ImportFields(), Limits())
    assert any(note.startswith("The optimizer's state is in the version's `.keras` file") for note in notes)
    with h5py.File(path) as saved:
        names = saved["optimizer_weights"].attrs["weight_names"]
        states = [np.asarray(saved["optimizer_weights"][name]) for name in names]
    ours = [variable for variable in network.optimizer.variables if variable.name != "learning_rate"]
    assert [variable.numpy().tolist() for variable in ours] == [state.tolist() for state in states]
