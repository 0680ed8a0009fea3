"""Writes the files of a trained network, describes them with their checksums, and loads them."""

import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np

from models.building import build_network, compile_network, rows_at_once, with_target_units
from models.building.complaints import first_sentence
from models.datasets import Dataset
from models.errors import NotServable
from models.export import export_onnx
from models.limits import Limits
from models.naive_guess import NaiveGuess
from models.parity import check_export
from models.predictor import Predictor, write_preprocessing
from models.preprocessing import Preprocessing, fit_to_dataset
from models.runtime import OnnxNetwork
from models.saved_model import write_saved_model
from models.spec import NetworkSpec
from models.targets import TargetEncoding
from models.training.evaluation import NetworkEvaluation
from models.version_details import VersionDetails
from models.version_files import ARTIFACTS, TRAINED, WEIGHTS, describe_artifacts, read_document, read_spec
from models.weights import assign_weights, named_weights, read_weights, save_weights, weight_values

COMPARED_ROWS = 1000
"""The number of rows on which an exported network is compared with Keras."""


@dataclass(frozen=True)
class TrainedNetwork:
    """A network after training, with everything that is needed to predict from raw values."""

    network: keras.Model
    spec: NetworkSpec
    preprocessing: Preprocessing
    encoding: TargetEncoding
    metrics: dict[str, dict[str, float] | None]
    """Metrics by split; None for a split without rows."""
    guess: NaiveGuess | None = None
    """The naive guess with which results are compared; None for a version of an older release."""
    baseline: dict[str, dict[str, float] | None] = field(default_factory=dict)
    """The metrics of the naive guess, as `metrics`."""

    @cached_property
    def evaluation(self) -> NetworkEvaluation:
        """Evaluates the network, which is traced once for all splits."""
        return NetworkEvaluation(self.network)


def save_version(folder: Path, trained: TrainedNetwork, rows: dict[str, np.ndarray]) -> VersionDetails:
    """Write all files of a version into an empty folder and describe them.

    `rows` are processed inputs, rows first, on which the exported network is compared with Keras. A network that can't
    be exported, or whose export differs, is saved with `servable` false and the reason; one that TensorFlow can't
    write as a SavedModel is saved without it. The exported network outputs the target's own units; the weights, from
    which trainings start, are those of the trained one.
    """
    exported = _in_target_units(trained)
    exported.save(folder / ARTIFACTS["keras"])
    weights = weight_values(trained.network)
    save_weights(folder / WEIGHTS, weights)
    described = trained.spec, trained.preprocessing, trained.encoding
    write_preprocessing(folder / ARTIFACTS["preprocessing"], *described, rows_at_once(trained.network))
    document = json.dumps(describe_trained(trained), ensure_ascii=False)
    (folder / TRAINED).write_text(document, encoding="utf-8")
    _save_model(folder / ARTIFACTS["saved_model"], exported)
    reason, difference = _export(folder / ARTIFACTS["onnx"], trained, weights, exported, rows)
    return VersionDetails(
        servable=reason is None,
        reason=reason,
        difference=difference,
        metrics=trained.metrics,
        baseline=trained.baseline or None,
        classes=trained.encoding.classes,
        inputs=[{"name": name, **input_.to_document()} for name, input_ in trained.spec.inputs.items()],
        artifacts=describe_artifacts(folder),
    )


def load_version(folder: Path, limits: Limits) -> TrainedNetwork:
    """Load the trained network from a version's folder: rebuilt from its spec and compiled, with a fresh optimizer.

    Its outputs equal those of the saved network bit for bit, and it draws the same random numbers in training. Raises
    DamagedNetwork, IncompleteVersion if files are missing or inconsistent, InvalidSpec for a network beyond `limits`.
    """
    document = read_document(folder / TRAINED)
    preprocessing = read_document(folder / ARTIFACTS["preprocessing"])
    spec = NetworkSpec.from_document(document["spec"])
    encoding = TargetEncoding.from_document(preprocessing["target"])
    network = build_network(spec, limits, scale=encoding.scale)
    assign_weights(named_weights(network), read_weights(folder / WEIGHTS))
    for state, value in zip(_random_states(network), document["random_states"], strict=True):
        state.assign(value)
    return TrainedNetwork(
        network,
        spec,
        Preprocessing.from_document(preprocessing["inputs"]),
        encoding,
        document["metrics"],
        NaiveGuess.from_document(document["guess"]) if document.get("guess") else None,
    )


@dataclass(frozen=True)
class ServedNetwork:
    """A version from an ONNX file: it has no weights that Keras could load, and is evaluated as it is served."""

    predictor: Predictor
    spec: NetworkSpec
    preprocessing: Preprocessing
    encoding: TargetEncoding
    guess: NaiveGuess | None = None

    @property
    def network(self) -> OnnxNetwork:
        return self.predictor.network


def load_evaluated(folder: Path, dataset: Dataset, limits: Limits, threads: int) -> TrainedNetwork | ServedNetwork:
    """Load a version to evaluate it on a dataset that fits. Raises what `load_version` raises."""
    preprocessing = read_document(folder / ARTIFACTS["preprocessing"])
    if not preprocessing.get("imported"):
        trained = load_version(folder, limits)
        return replace(trained, preprocessing=fit_to_dataset(trained.preprocessing, dataset))
    return load_served(folder, Predictor.load(folder, threads), dataset)


def load_served(folder: Path, predictor: Predictor, dataset: Dataset) -> ServedNetwork:
    """A version to evaluate it on a dataset that fits, with the outputs of `predictor`: those of the version as it is
    served, or of a variant. Raises IncompleteVersion, DamagedNetwork."""
    target = read_document(folder / ARTIFACTS["preprocessing"])["target"]
    encoding = replace(TargetEncoding.from_document(target), scale=None)  # what is served is in the target's own units
    return ServedNetwork(predictor, read_spec(folder), fit_to_dataset(predictor.preprocessing, dataset), encoding)


def _in_target_units(trained: TrainedNetwork) -> keras.Model:
    """The trained network with outputs in the target's own units, compiled to learn such targets."""
    if trained.encoding.scale is None:
        return trained.network
    exported = with_target_units(trained.network, trained.encoding.scale)
    compile_network(exported, trained.spec)
    exported.optimizer.build(exported.trainable_variables)
    return exported


def describe_trained(trained: TrainedNetwork) -> dict[str, Any]:
    """What is needed to rebuild the trained network besides its weights and preprocessing, as a document."""
    return {
        "spec": trained.spec.to_document(),
        "metrics": trained.metrics,
        "guess": None if trained.guess is None else trained.guess.to_document(),
        "random_states": [state.numpy().tolist() for state in _random_states(trained.network)],
    }


def _random_states(network: keras.Model) -> list[keras.Variable]:
    """The states of layers that draw random numbers; in Keras they are variables but not weights."""
    weights = {id(weight) for weight in network.weights}
    return [variable for variable in network.variables if id(variable) not in weights]


def _save_model(path: Path, network: keras.Model) -> None:
    try:
        write_saved_model(network, path)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # whatever TensorFlow raises, the trained weights must be saved
        path.unlink(missing_ok=True)
        print(f"The version has no SavedModel: {first_sentence(error)}.")


def _export(
    path: Path,
    trained: TrainedNetwork,
    weights: dict[str, np.ndarray],
    exported: keras.Model,
    rows: dict[str, np.ndarray],
) -> tuple[str | None, float | None]:
    """Why the network can't be served, or the largest difference of its outputs from those of Keras."""
    try:
        export_onnx(trained.spec, weights, path, trained.encoding.scale)
        return None, check_export(exported, path, rows)
    except NotServable as error:
        return error.detail, None
