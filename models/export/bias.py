"""Adds a bias as keras.ops.add does with TensorFlow (keras/src/backend/tensorflow/numpy.py)."""

import onnx_ir as ir
from onnxscript import OpBuilder


def add_bias(op: OpBuilder, value: ir.Value, bias: ir.Value) -> ir.Value:
    """value + bias, with the bias on the trailing axes.

    Keras takes a bias with only one axis longer than 1 for one of the channels: if its length is that of the value's
    last axis it is added there, else if it is that of the second axis, there; wherever the bias has that axis.
    """
    assert value.shape is not None
    assert bias.shape is not None
    second, last, axes = value.shape[1], value.shape[-1], len(value.shape)
    long = [length for length in bias.shape if length != 1]
    if len(long) == 1 and long[0] in (second, last):
        place = axes - 1 if long[0] == last else 1
        if len(bias.shape) > 1 or place != axes - 1:
            bias = op.Reshape(bias, [-1] + [1] * (axes - 1 - place))
    return op.Add(value, bias)
