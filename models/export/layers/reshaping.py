"""Layers that only move numbers.

The formulas are those of keras/src/layers/reshaping.
"""

import math

import onnx_ir as ir

from models.export.graph import Layer, Tensor
from models.export.registry import builds


@builds("Flatten")
def flatten(layer: Layer, x: Tensor) -> ir.Value:
    """All numbers of a row in one vector."""
    return layer.op.Reshape(x.value, [-1, math.prod(x.shape)])


@builds("Reshape")
def reshape(layer: Layer, x: Tensor) -> ir.Value:
    """The numbers of a row in their order in another shape; a length of -1 follows from the others."""
    shape = list(layer["target_shape"])
    if -1 in shape:
        shape[shape.index(-1)] = math.prod(x.shape) // -math.prod(shape)
    return layer.op.Reshape(x.value, [-1, *shape])


@builds("Permute")
def permute(layer: Layer, x: Tensor) -> ir.Value:
    """The axes of a row in another order; `dims` counts them from 1."""
    return layer.op.Transpose(x.value, perm=[0, *layer["dims"]])


@builds("RepeatVector")
def repeat_vector(layer: Layer, x: Tensor) -> ir.Value:
    """A vector n times: (features) becomes (n, features)."""
    op = layer.op
    return op.Expand(op.Unsqueeze(x.value, [1]), [1, layer["n"], 1])
