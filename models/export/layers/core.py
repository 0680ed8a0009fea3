"""Dense layers and plain activations.

The formulas are those of keras/src/layers/core.
"""

import onnx_ir as ir

from models.export.activations import activate
from models.export.graph import Layer, Tensor
from models.export.registry import builds


@builds("Dense", passes_mask=True)
def dense(layer: Layer, x: Tensor) -> ir.Value:
    """activation(x · kernel + bias) along the last axis; kernel (inputs, units), bias (units,)."""
    op = layer.op
    y = op.MatMul(x.value, layer.weight("kernel"))
    if layer["use_bias"]:
        y = op.Add(y, layer.weight("bias"))
    return activate(op, layer["activation"], y)


@builds("Activation", passes_mask=True)
def activation(layer: Layer, x: Tensor) -> ir.Value:
    """The activation of this name, elementwise or along the last axis."""
    return activate(layer.op, layer["activation"], x.value)


@builds("Identity", passes_mask=True)
def identity(layer: Layer, x: Tensor) -> ir.Value:
    """x."""
    return x.value
