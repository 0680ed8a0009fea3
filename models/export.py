"""Exports Keras networks to ONNX, and compares what both make of the same rows."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx.convert
from keras.src.export.tf2onnx_lib import patch_tf2onnx

from models.building import rows_at_once
from models.errors import NotServable
from models.runtime import OnnxNetwork
from models.spec import OUTPUT

OPSET = 18
"""The newest that tf2onnx writes."""

TOLERANCE = 1e-5

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    # tf2onnx's own constant folding fails with NumPy 2; Keras brings the cure.
    patch_tf2onnx()
logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)


def export_onnx(network: keras.Model, path: Path) -> None:
    """Write the network as it predicts, with any number of rows; inputs keep their names, the output is "output".

    Raises NotServable where TensorFlow or tf2onnx has no ONNX for one of the layers; then nothing is left at `path`.
    """
    signature = [tf.TensorSpec((None, *tensor.shape[1:]), tf.float32, tensor.name) for tensor in network.inputs]

    def predict(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {OUTPUT: network(inputs[0] if len(inputs) == 1 else list(inputs), training=False)}

    try:
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


def convert(function: Any, signature: list[tf.TensorSpec]) -> Any:
    """The ONNX model of a function, made without a word."""
    handlers: dict[str, Any] = {"Erfc": (replace_erfc, []), "Expm1": (replace_expm1, [])}
    with warnings.catch_warnings(), without_inner_functions():
        warnings.simplefilter("ignore")
        proto, _ = tf2onnx.convert.from_function(function, signature, opset=OPSET, custom_op_handlers=handlers)
    known = {schema.name for schema in onnx.defs.get_all_schemas()}
    unknown = sorted({node.op_type for node in proto.graph.node} - known)
    if unknown:
        raise NotServable(f"ONNX has nothing for what TensorFlow calls {', '.join(unknown)}.")
    return proto


@contextmanager
def without_inner_functions() -> Iterator[None]:
    """Trace functions within functions as part of the outer one: tf2onnx can't look into those that Keras compiles,
    such as grouped convolutions."""
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


def replace_erfc(graph: Any, node: Any, name: str, _: list[Any]) -> None:
    """Write erfc(x), which is part of gelu and not of ONNX, as 1 - erf(x)."""
    erf = graph.make_node("Erf", node.input)
    one = graph.make_const(f"{name}_one", np.array(1, np.float32))
    replace_with_difference(graph, node, name, one.output[0], erf.output[0])


def replace_expm1(graph: Any, node: Any, name: str, _: list[Any]) -> None:
    """Write expm1(x), which is part of celu and not of ONNX, as exp(x) - 1."""
    exp = graph.make_node("Exp", node.input)
    one = graph.make_const(f"{name}_one", np.array(1, np.float32))
    replace_with_difference(graph, node, name, exp.output[0], one.output[0])


def replace_with_difference(graph: Any, node: Any, name: str, minuend: str, subtrahend: str) -> None:
    shape, dtype = graph.get_shape(node.output[0]), graph.get_dtype(node.output[0])
    graph.remove_node(name)
    graph.make_node("Sub", [minuend, subtrahend], outputs=node.output, name=name, shapes=[shape], dtypes=[dtype])


def compare_with_keras(network: keras.Model, path: Path, rows: dict[str, np.ndarray]) -> None:
    """Raise NotServable unless both give the same for `rows` (by input): |a - b| <= 1e-5 * max(1, max |b|), b of Keras.

    The largest output sets the scale: where large numbers cancel out, one near zero is as rounded as they are.
    """
    served = OnnxNetwork(path)
    total, most = len(next(iter(rows.values()))), rows_at_once(network)
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
    tensors = [rows[tensor.name] for tensor in network.inputs]
    return np.asarray(network(tensors[0] if len(tensors) == 1 else tensors, training=False))


def random_rows(network: keras.Model, rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Rows drawn from the normal distribution for every input, for a network that has seen no data yet."""
    generator = np.random.default_rng(seed)
    return {
        tensor.name: generator.standard_normal((rows, *tensor.shape[1:])).astype(np.float32)
        for tensor in network.inputs
    }
