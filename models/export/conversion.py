"""Turns TensorFlow functions into ONNX."""

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
from models.export.operators import HANDLERS

OPSET = 18
"""The newest that tf2onnx writes."""

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    # tf2onnx's own constant folding fails with NumPy 2; Keras brings the cure.
    patch_tf2onnx()
# It tries all orders of an equation's letters, which takes minutes with nine of them; ONNX Runtime has Einsum itself.
tf2onnx.optimizer._optimizers.pop("einsum_optimizer")
logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)


def convert(function: Any, signature: list[tf.TensorSpec]) -> Any:
    """The ONNX model of a function, made without a word."""
    with warnings.catch_warnings(), without_inner_functions():
        warnings.simplefilter("ignore")
        proto, _ = tf2onnx.convert.from_function(function, signature, opset=OPSET, custom_op_handlers=HANDLERS)
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
