"""Layers that only move numbers.

The formulas are those of keras/src/layers/reshaping.
"""

import math

import onnx_ir as ir

from models.export.graph import Layer, Tensor
from models.export.registry import builds


@builds("Flatten")
def flatten(layer: Layer, x: Tensor) -> ir.Value:
    """All numbers of a row in one vector; `channels_first` moves the channels to the end first."""
    op, value = layer.op, x.value
    if layer["data_format"] == "channels_first" and len(x.shape) > 1:
        value = op.Transpose(value, perm=[0, *range(2, len(x.shape) + 1), 1])
    return op.Reshape(value, [-1, math.prod(x.shape)])
