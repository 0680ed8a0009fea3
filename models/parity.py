"""Compares an exported network with Keras: the outputs of both for the same rows."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from models.building import rows_at_once
from models.errors import NotServable
from models.runtime import OnnxNetwork, explain

TOLERANCE = 1e-5
VOCABULARIES = ("input_dim", "num_tokens")
"""The names of the attributes that set the size of a layer's vocabulary."""


def compare_with_keras(network: keras.Model, path: Path, rows: dict[str, np.ndarray]) -> None:
    """Raise NotServable unless both outputs for `rows` (by input) agree: |a - b| <= 1e-5 * max(1, max |b|), b of Keras;
    also if ONNX Runtime can't load or run the exported network.

    The largest output sets the scale: where large numbers cancel out, a result near zero has their rounding error.
    """
    total, most = len(next(iter(rows.values()))), rows_at_once(network)
    parts = [{name: v[start : start + most] for name, v in rows.items()} for start in range(0, total, most)]
    try:
        served = OnnxNetwork(path, rows_at_once=most)
        actual = np.concatenate([served.run(part) for part in parts])
    except (NotServable, MemoryError):
        raise
    except Exception as error:  # ONNX Runtime has a dozen exception classes without a common base
        raise NotServable(f"ONNX Runtime can't run the exported network: {explain(error)}.") from error
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
    """The network's raw outputs for rows of every input, by name.

    As in trainings, the number of rows is variable in the graph: keras.ops.add takes a tensor for a bias if that number
    happens to equal a width.
    """
    inputs = [tf.convert_to_tensor(rows[tensor.name]) for tensor in network.inputs]
    variable = [tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in inputs]

    def predict(*given: tf.Tensor) -> tf.Tensor:
        return network(given[0] if len(given) == 1 else list(given), training=False)

    return np.asarray(tf.function(predict, variable, autograph=False)(*inputs))  # eager loops are slow


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
