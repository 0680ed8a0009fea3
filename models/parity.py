"""Compares an exported network with Keras: the outputs of both for the same rows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.building import rows_at_once
from models.errors import NotServable
from models.runtime import OnnxNetwork, explain

TOLERANCE = 1e-5
FLOAT32, FLOAT64 = "float32", "float64"
SAME_MAGNITUDE = 4
"""How many times as large as Keras's the largest rounding error of the exported network may be."""
MOST_BY_ROUNDING = 1e-2
"""The largest difference that rounding can explain. Beyond it, not even Keras's own outputs have a meaning."""
VOCABULARIES = ("input_dim", "num_tokens")
"""The names of the attributes that set the size of a layer's vocabulary."""


class Differs(NotServable):
    """The outputs of an exported network differ from those of Keras by more than TOLERANCE."""

    def __init__(self, actual: np.ndarray, expected: np.ndarray, difference: float) -> None:
        super().__init__(f"The exported network differs from Keras by {difference:.1e}, more than {TOLERANCE:.0e}.")
        self.actual, self.expected, self.difference = actual, expected, difference


def check_export(network: keras.Model, path: Path, rows: dict[str, np.ndarray]) -> float:
    """As `compare_with_keras`, but also accept a larger difference, up to MOST_BY_ROUNDING, if rounding explains it.

    The layers of a deep network can amplify rounding errors beyond TOLERANCE, in Keras too. Then both are compared with
    the same network in float64, and the exported one is accepted if its largest error is of the same magnitude. Raises
    NotServable.
    """
    try:
        return compare_with_keras(network, path, rows)
    except Differs as error:
        if not (error.difference <= MOST_BY_ROUNDING and _is_rounding(network, rows, error)):
            raise
        return error.difference


def compare_with_keras(network: keras.Model, path: Path, rows: dict[str, np.ndarray]) -> float:
    """The largest difference of the outputs for `rows` (by input), |a - b| / max(1, max |b|), b of Keras.

    Raises Differs if it is larger than TOLERANCE, and NotServable if ONNX Runtime can't load or run the network. The
    largest output sets the scale: where large numbers cancel out, a result near zero has their rounding error.
    """
    most = rows_at_once(network)
    try:
        served = OnnxNetwork(path, rows_at_once=most)
        actual = np.concatenate([served.run(part) for part in _parts(rows, most)])
    except (NotServable, MemoryError):
        raise
    except Exception as error:  # ONNX Runtime has a dozen exception classes without a common base
        raise NotServable(f"ONNX Runtime can't run the exported network: {explain(error)}.") from error
    expected = np.concatenate([run_keras(network, part) for part in _parts(rows, most)])
    if actual.shape != expected.shape:
        raise NotServable(f"The exported network outputs the shape {actual.shape}, Keras {expected.shape}.")
    with np.errstate(invalid="ignore"):
        scale = np.max(np.abs(expected), where=np.isfinite(expected), initial=1)
        differences = np.abs(actual - expected) / scale
    largest = float(np.max(differences, where=~_are_same(actual, expected), initial=0))
    if not largest <= TOLERANCE:
        raise Differs(actual, expected, largest)
    return largest


def _parts(rows: dict[str, np.ndarray], most: int) -> Iterator[dict[str, np.ndarray]]:
    """The rows, at most so many at once."""
    for start in range(0, len(next(iter(rows.values()))), most):
        yield {name: values[start : start + most] for name, values in rows.items()}


def _are_same(actual: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Which outputs are equal, or both not a number."""
    same: np.ndarray = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
    return same


def _is_rounding(network: keras.Model, rows: dict[str, np.ndarray], found: Differs) -> bool:
    """Whether the exported network is about as close to the network in float64 as Keras is."""
    try:
        exact = run_in_float64(network, rows)
    except MemoryError:
        raise
    except Exception as error:  # whatever Keras raises, the difference remains unexplained
        print(f"The network can't be computed in float64: {explain(error)}.")
        return False
    comparable = np.isfinite(found.actual) & np.isfinite(found.expected) & np.isfinite(exact)
    if not (comparable | _are_same(found.actual, found.expected)).all():
        return False
    of_export, of_keras = (
        np.max(np.abs(outputs - exact), where=comparable, initial=0) for outputs in (found.actual, found.expected)
    )
    print(f"Rounding errors, by the network in float64: {of_export:.1e} exported, {of_keras:.1e} in Keras.")
    return bool(of_export <= SAME_MAGNITUDE * of_keras)


def run_in_float64(network: keras.Model, rows: dict[str, np.ndarray]) -> np.ndarray:
    """The outputs of a copy of the network that computes in float64, with the same weights.

    Raises what Keras raises, and ValueError if a layer computes in float32 nevertheless.
    """
    twin = type(network).from_config(_in_float64(network.get_config()))
    if any(each.dtype == FLOAT32 for each in twin._flatten_layers() if not isinstance(each, keras.Model)):
        raise ValueError("a layer computes in float32")
    twin.set_weights([weight.astype(np.float64) for weight in network.get_weights()])
    exact = {name: values.astype(np.float64) for name, values in rows.items()}
    return np.concatenate([run_keras(twin, part) for part in _parts(exact, rows_at_once(network))])


def _in_float64(config: Any) -> Any:
    """A network's config with float64 in place of float32, also in the configs of layers within layers."""
    if isinstance(config, list | tuple):
        return type(config)(map(_in_float64, config))
    if not isinstance(config, dict):
        return config
    return {
        name: FLOAT64 if name == "dtype" and _is_float32(value) else _in_float64(value)
        for name, value in config.items()
    }


def _is_float32(dtype: Any) -> bool:
    """Whether a config's dtype, or that of its policy, is float32."""
    return FLOAT32 in (dtype, dtype.get("config", {}).get("name") if isinstance(dtype, dict) else None)


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
