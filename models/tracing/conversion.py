"""Converts TensorFlow functions to ONNX."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import onnx
import tensorflow as tf
import tf2onnx.convert
import tf2onnx.optimizer
from keras.src.export.tf2onnx_lib import patch_tf2onnx

from models.errors import NotServable
from models.tracing.operators import HANDLERS

OPSET = 18
"""The newest opset that tf2onnx supports."""

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    # tf2onnx's constant folding fails with NumPy 2; Keras has a patch for it.
    patch_tf2onnx()
# It tries all permutations of an equation's letters, which takes minutes for nine; ONNX Runtime supports Einsum.
tf2onnx.optimizer._optimizers.pop("einsum_optimizer")
logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)


def convert(function: Any, signature: list[tf.TensorSpec]) -> Any:
    """Convert a function to an ONNX model, without output to the log."""
    with warnings.catch_warnings(), without_inner_functions():
        warnings.simplefilter("ignore")
        proto, _ = tf2onnx.convert.from_function(function, signature, opset=OPSET, custom_op_handlers=HANDLERS)
    known = {schema.name for schema in onnx.defs.get_all_schemas()}
    unknown = sorted({node.op_type for node in proto.graph.node} - known)
    if unknown:
        raise NotServable(f"ONNX has no equivalent of the TensorFlow operations {', '.join(unknown)}.")
    return proto


@contextmanager
def without_inner_functions() -> Iterator[None]:
    """Inline nested functions when tracing: tf2onnx can't convert those that Keras compiles, such as grouped
    convolutions."""
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)
