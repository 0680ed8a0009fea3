"""Networks of keras.applications that were saved without trained weights: imported, they predict as Keras does, can be
evaluated, and are the bases of new networks, each through the task of its job.

MobileNetV2 is always read. FITSERVE_TEST_KERAS_FILES=all also reads EfficientNetB0 and ResNet50, and trains on each.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from models.datasets import Dataset
from models.jobs.assignment import Runtime
from models.jobs.build import BuildAssignment
from models.jobs.evaluation import EvaluationAssignment
from models.jobs.model_import import ModelImportAssignment, ModelImportResult
from models.jobs.training import TrainingAssignment, TrainingRequest, TrainingResult
from models.limits import Limits
from models.model_files.formats import ModelFormat
from models.model_files.imported import ImportFields
from models.parity import SAME_MAGNITUDE, TOLERANCE, run_keras
from models.predictor import Predictor
from models.pretrained import NETWORK, take_layers
from models.spec import NetworkSpec
from models.tasks import build, evaluation, model_import, training
from models.version_files import WEIGHTS, read_spec
from models.weights import read_weights
from tests.models.made_datasets import make_dataset
from tests.models.test_tasks_checkpoints import RecordingChannel

pytestmark = pytest.mark.usefixtures("task_in_this_process")

SHAPE = (64, 64, 3)
CLASSES = 10
ROWS = 20
TARGETS = np.arange(ROWS) % CLASSES
ALL = os.environ.get("FITSERVE_TEST_KERAS_FILES") == "all"


@dataclass(frozen=True)
class Application:
    build: Callable[..., keras.Model]
    format: ModelFormat
    until: str
    """The layer whose outputs a new network takes."""
    takes_pixels: bool = False
    """Whether it takes numbers from 0 to 255, as it scales them itself; the others take numbers around 0."""


APPLICATIONS = {
    "MobileNetV2": Application(keras.applications.MobileNetV2, ModelFormat.KERAS, "global_average_pooling2d"),
    "ResNet50": Application(keras.applications.ResNet50, ModelFormat.H5, "avg_pool"),
    "EfficientNetB0": Application(keras.applications.EfficientNetB0, ModelFormat.KERAS, "avg_pool", takes_pixels=True),
}
READ = [name for name in APPLICATIONS if ALL or name == "MobileNetV2"]


@dataclass(frozen=True)
class Imported:
    """An application's version, pictures for it, and what Keras predicts for them."""

    until: str
    pictures: np.ndarray
    folder: Path
    result: ModelImportResult
    expected: np.ndarray


def make_pictures(takes_pixels: bool) -> np.ndarray:
    """Squares of random colours: noise would look the same to all layers after the first, up to rounding errors."""
    colours = np.random.default_rng(1).uniform(-1, 1, (ROWS, 8, 8, 3))
    pictures = colours.repeat(8, axis=1).repeat(8, axis=2).astype(np.float32)
    return np.round(127.5 * (pictures + 1)) if takes_pixels else pictures


@pytest.fixture(scope="module", params=READ)
def imported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Imported:
    application, folder = APPLICATIONS[request.param], tmp_path_factory.mktemp("imported")
    keras.utils.set_random_seed(1)
    network = application.build(weights=None, input_shape=SHAPE, classes=CLASSES)
    pictures = make_pictures(application.takes_pixels)
    learn_statistics(network, pictures)
    file = folder / f"network.{application.format}"
    network.save(file)
    version = folder / "version"
    version.mkdir()
    assignment = ModelImportAssignment(
        file=file, format=application.format, fields=ImportFields(), limits=Limits(), runtime=Runtime()
    )
    result = model_import.run(assignment, version, RecordingChannel())
    expected = run_keras(network, {network.inputs[0].name: pictures})
    return Imported(application.until, pictures, version, result, expected)


def learn_statistics(network: keras.Model, pictures: np.ndarray) -> None:
    """Give each BatchNormalization the statistics of the pictures, and a scale and an offset of its own: with the
    initial ones the outputs would hardly depend on the picture."""
    generator = np.random.default_rng(2)
    normalizations = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in normalizations]
    for layer in normalizations:
        layer.momentum = 0.0
        layer.gamma.assign(generator.uniform(0.8, 1.2, layer.gamma.shape))
        layer.beta.assign(generator.normal(0, 0.1, layer.beta.shape))
    network(pictures, training=True)
    for layer, momentum in zip(normalizations, momenta, strict=True):
        layer.momentum = momentum


@pytest.fixture(scope="module")
def dataset(imported: Imported, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    split = {"validation": 0, "test": 0}
    folder, inputs = tmp_path_factory.mktemp("dataset"), imported.pictures.tolist()
    return make_dataset(folder, "inline", inputs=inputs, targets=TARGETS.tolist(), split=split)


def test_it_predicts_as_keras_does(imported: Imported) -> None:
    assert imported.result.trainable
    assert imported.result.version.servable, imported.result.version.reason
    (name,) = imported.result.document["inputs"]
    served = Predictor.load(imported.folder).network.run({name: imported.pictures})
    assert np.ptp(imported.expected, axis=0).max() > 0.01, "the outputs hardly depend on the picture"
    difference = imported.result.version.difference
    assert difference is not None
    assert difference < 1e-3
    most = TOLERANCE if difference <= TOLERANCE else SAME_MAGNITUDE * difference  # it is of other rows, if by rounding
    np.testing.assert_allclose(served, imported.expected, atol=most, rtol=0)


def test_it_is_evaluated(imported: Imported, dataset: Dataset, tmp_path: Path) -> None:
    assignment = EvaluationAssignment(
        version=imported.folder, dataset=dataset.folder, split="train", limits=Limits(), runtime=Runtime()
    )
    result = evaluation.run(assignment, tmp_path, RecordingChannel())
    assert result.metrics["accuracy"] == np.mean(imported.expected.argmax(axis=1) == TARGETS)
    of_targets = imported.expected[np.arange(ROWS), TARGETS]
    assert result.loss == pytest.approx(-np.log(of_targets).mean(), rel=1e-3)


def on_base(imported: Imported) -> NetworkSpec:
    """A network of the application's layers, which stay as they are, and a new head."""
    taken = take_layers(read_spec(imported.folder), imported.until, "#/layers/0")
    base = {"type": "Pretrained", "name": "base", "model": "m", "version": 1, "trainable": False, NETWORK: taken}
    document: dict[str, Any] = {
        "task": "multiclass",
        "input": {"shape": list(SHAPE)},
        "layers": [base, {"type": "Dense", "name": "head", "units": CLASSES, "activation": "softmax"}],
        "optimizer": "adam",
        "loss": "sparse_categorical_crossentropy",
    }
    return NetworkSpec.from_document(document)


@pytest.mark.skipif(not ALL, reason="FITSERVE_TEST_KERAS_FILES isn't all: training on each takes half a minute")
def test_it_is_the_base_of_a_training(imported: Imported, dataset: Dataset, tmp_path: Path) -> None:
    spec, model, version = on_base(imported), tmp_path / "model", tmp_path / "version"
    model.mkdir()
    version.mkdir()
    made = BuildAssignment(spec=spec, sources={0: imported.folder}, limits=Limits(), runtime=Runtime())
    build.run(made, model, RecordingChannel())
    request, channel = TrainingRequest("m", "d", epochs=1, seed=3), RecordingChannel()
    assignment = TrainingAssignment(
        spec=spec, request=request, dataset=dataset.folder, pretrained=model, limits=Limits(), runtime=Runtime()
    )
    result = training.run(assignment, version, channel)
    assert isinstance(result, TrainingResult)
    assert result.version.servable, result.version.reason
    assert channel.epochs == [1]
    known, trained = read_weights(imported.folder / WEIGHTS), read_weights(version / WEIGHTS)
    kept = [name for name in trained if name.startswith("base/")]
    assert set(trained) - set(kept) == {"head/kernel", "head/bias"}
    assert np.any(trained["head/bias"] != 0)
    for name in kept:
        np.testing.assert_array_equal(trained[name], known[name.removeprefix("base/")], err_msg=name)
