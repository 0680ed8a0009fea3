"""Small networks in the forms in which Keras saves them, written without Keras: also ones that Keras never writes."""

import json
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np

KERNEL, BIAS = np.array([[1.0, -1.0], [0.5, 2.0], [0.0, 3.0]], np.float32), np.array([0.1, 0.2], np.float32)


def layer(class_name: str, name: str, module: str | None = "keras.layers", **config: Any) -> dict[str, Any]:
    """A serialized layer as Keras 3 writes it."""
    serialized = {"class_name": class_name, "config": {"name": name, **config}, "registered_name": None}
    return serialized if module is None else {"module": module, **serialized}


def input_layer(*shape: int | None, name: str = "numbers", **config: Any) -> dict[str, Any]:
    return layer("InputLayer", name, batch_shape=[None, *shape], dtype="float32", **config)


def dense(name: str = "scores", **config: Any) -> dict[str, Any]:
    return layer("Dense", name, **{"units": 2, "activation": "softmax", **config})


def sequential(*layers: Mapping[str, Any], **config: Any) -> dict[str, Any]:
    """A serialized network: its layers, or an input of 3 numbers and a Dense layer of 2."""
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "network", "layers": list(layers or (input_layer(3), dense())), **config},
        "registered_name": None,
    }


def tensor(name: str) -> dict[str, Any]:
    """The output of a layer, as an argument in a functional network of Keras 3."""
    return {"class_name": "__keras_tensor__", "config": {"shape": [None], "keras_history": [name, 0, 0]}}


def called(serialized: Mapping[str, Any], *arguments: Any, **options: Any) -> dict[str, Any]:
    """A layer of a functional network with its only call."""
    nodes = [{"args": list(arguments), "kwargs": options}] if arguments else []
    return {**serialized, "name": serialized["config"]["name"], "inbound_nodes": nodes}


def functional(*layers: Mapping[str, Any], inputs: Any, outputs: Any) -> dict[str, Any]:
    config = {"name": "network", "layers": list(layers), "input_layers": inputs, "output_layers": outputs}
    return {"module": "keras", "class_name": "Functional", "config": config, "registered_name": None}


def stored(arrays: Mapping[str, np.ndarray] | None = None) -> bytes:
    """An HDF5 file with arrays by path: those of the layer `scores`, unless others are given."""
    file = BytesIO()
    with h5py.File(file, "w") as weights:
        chosen = {"layers/dense/vars/0": KERNEL, "layers/dense/vars/1": BIAS} if arrays is None else arrays
        for path, values in chosen.items():
            weights[path] = values
    return file.getvalue()


def keras_file(
    path: Path,
    network: Any = None,
    weights: bytes | None = None,
    version: str = "3.15.1",
    others: Mapping[str, bytes] | None = None,
) -> Path:
    """Write a `.keras` file; `others` replace or add entries of the ZIP by name."""
    entries = {
        "metadata.json": json.dumps({"keras_version": version}).encode(),
        "config.json": json.dumps(sequential() if network is None else network).encode(),
        "model.weights.h5": stored() if weights is None else weights,
        **(others or {}),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path
