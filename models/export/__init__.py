"""Exports Keras networks to ONNX, and compares what both make of the same rows."""

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
"""How layers call the number from which on they know no whole number."""


def export_onnx(network: keras.Model, path: Path) -> None:
    """Write the network as it predicts, with any number of rows; inputs keep their names, the output is "output".

    Raises NotServable where TensorFlow or tf2onnx has no ONNX for one of the layers; then nothing is left at `path`.
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
    """Raise NotServable unless both give the same for `rows` (by input): |a - b| <= 1e-5 * max(1, max |b|), b of Keras.

    The largest output sets the scale: where large numbers cancel out, one near zero is as rounded as they are.
    """
    total, most = len(next(iter(rows.values()))), rows_at_once(network)
    served = OnnxNetwork(path, rows_at_once=most)
    parts = [{name: v[start : start + most] for name, v in rows.items()} for start in range(0, total, most)]
    actual = np.concatenate([served.run(part) for part in parts])
    expected = np.concatenate([run_keras(network, part) for part in parts])
    if actual.shape != expected.shape:
        raise NotServable(f"The exported network's output has the shape {actual.shape}, in Keras {expected.shape}.")
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
    predict = tf.function(lambda given: network(given, training=False), autograph=False)  # eager loops take long
    return np.asarray(predict(tensors[0] if len(tensors) == 1 else tensors))


def random_rows(network: keras.Model, rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Rows for every input of a network that has seen no data yet: drawn from the normal distribution, or whole numbers
    that all its layers know where it has layers that take nothing else."""
    generator = np.random.default_rng(seed)
    known = [
        getattr(layer, name) for layer in network._flatten_layers() for name in VOCABULARIES if hasattr(layer, name)
    ]

    def draw(shape: tuple[int, ...]) -> np.ndarray:
        drawn = generator.integers(0, min(known), shape) if known else generator.standard_normal(shape)
        return drawn.astype(np.float32)

    return {tensor.name: draw((rows, *tensor.shape[1:])) for tensor in network.inputs}
