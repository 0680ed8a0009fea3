"""Versions whose weights are made for tests: exported and described as trained ones, without training a network."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from models.datasets import Dataset
from models.export import export_onnx
from models.predictor import write_preprocessing
from models.preprocessing import Preprocessing
from models.preprocessing.dataset_inputs import inputs_from_dataset
from models.spec import NetworkSpec
from models.targets import TargetEncoding
from models.version_files import ARTIFACTS, TRAINED


def make_version(
    folder: Path,
    dataset: Dataset,
    task: str,
    loss: str,
    layers: list[dict[str, Any]],
    weights: dict[str, np.ndarray],
    outputs: int,
) -> Path:
    """Write the files from which a version is served and evaluated into the new folder, and return it."""
    folder.mkdir()
    types = [layer["type"] for layer in layers]
    inputs = inputs_from_dataset(dataset.descriptor, "d", layers=types)
    spec = NetworkSpec.from_document(
        {
            "task": task,
            "inputs": {name: input_.to_document() for name, input_ in inputs.items()},
            "layers": layers,
            "optimizer": "sgd",
            "loss": loss,
        }
    )
    encoding = TargetEncoding.for_network(spec, dataset.descriptor, outputs)
    export_onnx(spec, {name: values.astype(np.float32) for name, values in weights.items()}, folder / ARTIFACTS["onnx"])
    write_preprocessing(folder / ARTIFACTS["preprocessing"], spec, Preprocessing.fit(spec, dataset), encoding)
    trained: dict[str, Any] = {"spec": spec.to_document(), "metrics": {}, "guess": None, "random_states": []}
    (folder / TRAINED).write_text(json.dumps(trained))
    return folder


def random_weights(seed: int = 1, **shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Weights of these shapes; `dense__kernel` is that of `dense/kernel`."""
    rng = np.random.default_rng(seed)
    return {name.replace("__", "/"): rng.normal(0, 0.5, shape) for name, shape in shapes.items()}
