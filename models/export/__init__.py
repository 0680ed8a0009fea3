"""Exports Keras networks to ONNX, and compares the outputs of both for the same rows."""

import os
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from models.building import rows_at_once
from models.errors import NotServable
from models.export.conversion import convert
from models.export.layers import exportable
from models.runtime import OnnxNetwork
from models.spec import OUTPUT

TOLERANCE = 1e-5
VOCABULARIES = ("input_dim", "num_tokens")
"""The names of the attributes that set the size of a layer's vocabulary."""


def export_onnx(network: keras.Model, path: Path) -> None:
    """Write the network in inference mode, for any number of rows; inputs keep their names, the output is "output".

    Raises NotServable if TensorFlow or tf2onnx can't convert one of the layers; then there is no file at `path`.
    """
    signature = [tf.TensorSpec((None, *tensor.shape[1:]), tf.float32, tensor.name) for tensor in network.inputs]

    def predict(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {OUTPUT: network(inputs[0] if len(inputs) == 1 else list(inputs), training=False)}

    try:
        with exportable(network):
            proto = convert(tf.function(predict, autograph=False), signature)
    except NotServable:
        raise
    except Exception as error:
        raise NotServable(f"The network can't be exported to ONNX: {error}.") from error
    written = path.with_name(f"{path.name}.part")
    with written.open("wb") as file:
        file.write(proto.SerializeToString())
        file.flush()
        os.fsync(file.fileno())
    written.replace(path)


def compare_with_keras(network: keras.Model, path: Path, rows: dict[str, np.ndarray]) -> None:
    """Raise NotServable unless both outputs for `rows` (by input) agree: |a - b| <= 1e-5 * max(1, max |b|), b of Keras.

    The largest output sets the scale: where large numbers cancel out, a result near zero has their rounding error.
    """
    total, most = len(next(iter(rows.values()))), rows_at_once(network)
    served = OnnxNetwork(path, rows_at_once=most)
    parts = [{name: v[start : start + most] for name, v in rows.items()} for start in range(0, total, most)]
    actual = np.concatenate([served.run(part) for part in parts])
    expected = np.concatenate([run_keras(network, part) for part in parts])
    if actual.shape != expected.shape:
        raise NotServable(f"The exported network outputs the shape {actual.shape}, Keras {expected.shape}.")
    with np.errstate(invalid="ignore"):
        scale = np.max(np.abs(expected), where=np.isfinite(expected), initial=1)
        differences = np.abs(actual - expected) / scale
    same = (actual == expected) | (np.isnan(actual) & np.isnan(expected)) | (differences <= TOLERANCE)
    if not same.all():
        largest = float(np.max(differences, where=~same, initial=0))
        raise NotServable(f"The exported network differs from Keras by {largest:.1e}, more than {TOLERANCE:.0e}.")


def run_keras(network: keras.Model, rows: dict[str, np.ndarray]) -> np.ndarray:
    """The network's raw outputs for rows of every input, by name."""
    tensors = [tf.convert_to_tensor(rows[tensor.name]) for tensor in network.inputs]
    predict = tf.function(lambda given: network(given, training=False), autograph=False)  # eager loops are slow
    return np.asarray(predict(tensors[0] if len(tensors) == 1 else tensors))


def random_rows(network: keras.Model, rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Random rows for every input of an untrained network: normally distributed, or integers that all layers accept if
    it has layers that require them."""
    generator = np.random.default_rng(seed)
    known = [
        getattr(layer, name) for layer in network._flatten_layers() for name in VOCABULARIES if hasattr(layer, name)
    ]

    def draw(shape: tuple[int, ...]) -> np.ndarray:
        drawn = generator.integers(0, min(known), shape) if known else generator.standard_normal(shape)
        return drawn.astype(np.float32)

    return {tensor.name: draw((rows, *tensor.shape[1:])) for tensor in network.inputs}
