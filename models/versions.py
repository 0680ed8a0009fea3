"""The files of a trained network: written once, described with their checksums."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from models.errors import NotServable
from models.export import compare_with_keras, export_onnx
from models.predictor import write_preprocessing
from models.preprocessing import Preprocessing
from models.spec import NetworkSpec
from models.targets import TargetEncoding
from models.version_files import ARTIFACTS, WEIGHTS

COMPARED_ROWS = 1000


@dataclass(frozen=True)
class TrainedNetwork:
    """A network after training, with all that is needed to predict from raw values."""

    network: keras.Model
    spec: NetworkSpec
    preprocessing: Preprocessing
    encoding: TargetEncoding
    metrics: dict[str, dict[str, float] | None]
    """By split; None for a split without rows."""


def save_version(folder: Path, trained: TrainedNetwork, rows: dict[str, np.ndarray]) -> dict[str, Any]:
    """Write all files of a version into an empty folder and describe them.

    `rows` are processed inputs, rows first, on which the exported network is compared with Keras. A network that
    can't be exported, or disagrees, is kept with `servable: false` and the reason.
    """
    trained.network.save(folder / ARTIFACTS["keras"])
    weights: dict[str, Any] = {variable.path: np.asarray(variable) for variable in trained.network.weights}
    np.savez(folder / WEIGHTS, **weights)
    write_preprocessing(folder / ARTIFACTS["preprocessing"], trained.spec, trained.preprocessing, trained.encoding)
    reason = _export(folder / ARTIFACTS["onnx"], trained.network, rows)
    return {
        "servable": reason is None,
        "reason": reason,
        "metrics": trained.metrics,
        "classes": trained.encoding.classes,
        "inputs": [{"name": name, **input_.to_document()} for name, input_ in trained.spec.inputs.items()],
        "artifacts": [
            _describe(format_, folder / name) for format_, name in ARTIFACTS.items() if (folder / name).exists()
        ],
    }


def _export(path: Path, network: keras.Model, rows: dict[str, np.ndarray]) -> str | None:
    try:
        export_onnx(network, path)
        compare_with_keras(network, path, {name: values[:COMPARED_ROWS] for name, values in rows.items()})
    except NotServable as error:
        return error.detail
    return None


def _describe(format_: str, path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"format": format_, "bytes": path.stat().st_size, "sha256": digest}
