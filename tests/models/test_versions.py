"""The trained network can be loaded from a version's folder."""

import json
from pathlib import Path

import numpy as np
import pytest

from models import versions
from models.building import build_network
from models.datasets import Dataset
from models.errors import IncompleteVersion
from models.limits import Limits
from models.preprocessing import Preprocessing
from models.spec import NetworkSpec
from models.targets import TargetEncoding
from models.training.loop import train
from models.training.plan import Arrays
from models.version_files import TRAINED, WEIGHTS
from models.versions import TrainedNetwork, load_version, save_version
from models.weights import named_weights, read_weights, save_weights, weight_values
from tests.models.made_datasets import make_dataset
from tests.models.training_networks import Recorder, plan

# Keras itself, when it saves a network, calls NumPy as NumPy 1 wanted it.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

DOCUMENT = {
    "task": "multiclass",
    "input": {"shape": [4, 4, 1], "scaling": "standard"},
    "layers": [
        {"type": "Conv2D", "filters": 3, "kernel_size": 3, "name": "look"},
        {"type": "BatchNormalization"},
        {"type": "Flatten"},
        {"type": "Dropout", "rate": 0.5},
        {"type": "Dense", "units": 3, "activation": "softmax"},
    ],
    "optimizer": {"type": "Adam", "learning_rate": 0.01},
    "loss": "categorical_crossentropy",
    "metrics": ["accuracy"],
}


def pictures(folder: Path) -> Dataset:
    rows = np.random.default_rng(1).normal(3, 2, size=(12, 4, 4, 1)).tolist()
    return make_dataset(folder, "inline", inputs=rows, targets=["a", "b", "c"] * 4)


def trained_network(dataset: Dataset) -> tuple[TrainedNetwork, Arrays]:
    """The network after three epochs, and the rows that it was trained on."""
    spec = NetworkSpec.from_document(DOCUMENT)
    network = build_network(spec, Limits(), seed=5)
    preprocessing = Preprocessing.fit(spec, dataset)
    encoding = TargetEncoding.for_network(spec, dataset.descriptor, 3)
    split = dataset.split("train")
    arrays = Arrays(preprocessing.network_inputs(split), encoding.encode(split.targets))
    train(network, arrays, None, plan(epochs=3), Recorder())
    return TrainedNetwork(network, spec, preprocessing, encoding, {"train": {"loss": 0.5}, "test": None}), arrays


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, TrainedNetwork, Arrays]:
    trained, arrays = trained_network(pictures(tmp_path))
    folder = tmp_path / "version"
    folder.mkdir()
    assert save_version(folder, trained, arrays.processed()).servable
    return folder, trained, arrays


def test_it_puts_out_and_trains_on_as_the_one_that_was_saved(saved: tuple[Path, TrainedNetwork, Arrays]) -> None:
    folder, trained, arrays = saved
    loaded = load_version(folder, Limits())
    rows = arrays.inputs["input"]
    assert np.array_equal(loaded.network(rows), trained.network(rows))
    # Dropout stands where it stood: its next mask is the same
    assert np.array_equal(loaded.network(rows, training=True), trained.network(rows, training=True))
    assert (loaded.spec, loaded.encoding, loaded.metrics) == (trained.spec, trained.encoding, trained.metrics)
    assert loaded.preprocessing.to_document() == trained.preprocessing.to_document()
    assert loaded.network.optimizer.learning_rate == trained.network.optimizer.learning_rate
    assert loaded.network.optimizer.iterations == 0


def test_a_version_of_which_tensorflow_makes_no_saved_model_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_network: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise ValueError("no such signature")

    monkeypatch.setattr(versions, "write_saved_model", fail)
    trained, arrays = trained_network(pictures(tmp_path))
    described = save_version(tmp_path / "inline", trained, arrays.processed())
    assert described.servable
    assert [file.format for file in described.artifacts] == ["keras", "onnx", "preprocessing"]


def test_a_version_without_its_spec_says_so(saved: tuple[Path, TrainedNetwork, Arrays]) -> None:
    folder, *_ = saved
    (folder / TRAINED).unlink()
    with pytest.raises(IncompleteVersion, match=r"trained\.json of the version is missing"):
        load_version(folder, Limits())


@pytest.mark.parametrize("content", [b"", b"no arrays"])
def test_damaged_weights_say_so(content: bytes, saved: tuple[Path, TrainedNetwork, Arrays]) -> None:
    folder, *_ = saved
    (folder / WEIGHTS).write_bytes(content)
    with pytest.raises(IncompleteVersion, match=r"weights\.npz is missing or damaged"):
        load_version(folder, Limits())


def test_weights_of_another_network_are_refused(saved: tuple[Path, TrainedNetwork, Arrays]) -> None:
    folder, *_ = saved
    document = json.loads((folder / TRAINED).read_text())
    document["spec"]["layers"][0]["filters"] = 4
    (folder / TRAINED).write_text(json.dumps(document))
    with pytest.raises(IncompleteVersion, match=r"look/kernel .* \[3, 3, 1, 3\] in the version, \[3, 3, 1, 4\]"):
        load_version(folder, Limits())


def test_weights_of_the_same_path_are_all_kept(tmp_path: Path) -> None:
    network = build_network(NetworkSpec.from_document(DOCUMENT), Limits(), seed=1)
    twice = [*network.weights, *network.weights]
    names = list(named_weights(type("Doubled", (), {"weights": twice})()))
    assert len(names) == len(twice)
    assert names[:2] == ["look/kernel", "look/bias"]
    save_weights(tmp_path / WEIGHTS, weight_values(network))
    assert [array.shape for array in read_weights(tmp_path / WEIGHTS).values()] == [w.shape for w in network.weights]
