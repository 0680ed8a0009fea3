"""Layers that apply a function with parameters of their own.

The formulas are those of keras/src/layers/activations.
"""

import onnx_ir as ir

from models.export.activations import activate
from models.export.graph import Layer, Tensor
from models.export.registry import builds
from models.export.sequences import keeps_images

MASKED = -1e9
"""What Softmax takes instead of a masked number, as in Keras."""


@builds("Activation", passes_mask=True)
@keeps_images
def activation(layer: Layer, x: Tensor) -> ir.Value:
    """The activation of this name, elementwise or along the last axis."""
    return activate(layer.op, layer["activation"], x.value)


@builds("ReLU", passes_mask=True)
@keeps_images
def relu(layer: Layer, x: Tensor) -> ir.Value:
    """min(x, max_value) above the threshold, else negative_slope · (x - threshold)."""
    op, threshold, slope, most = layer.op, layer["threshold"], layer["negative_slope"], layer["max_value"]
    if threshold:
        y = op.ThresholdedRelu(x.value, alpha=float(threshold))
    elif slope and most is None:
        return op.LeakyRelu(x.value, alpha=float(slope))
    else:
        y = op.Relu(x.value)
    if most is not None:
        y = op.Clip(x.value if not threshold else y, 0.0, float(most))
    return op.Sub(y, op.Mul(op.Relu(op.Sub(float(threshold), x.value)), float(slope))) if slope else y


@builds("LeakyReLU", passes_mask=True)
@keeps_images
def leaky_relu(layer: Layer, x: Tensor) -> ir.Value:
    """x if it is positive, else negative_slope · x."""
    return layer.op.LeakyRelu(x.value, alpha=float(layer["negative_slope"]))


@builds("PReLU", passes_mask=True)
def prelu(layer: Layer, x: Tensor) -> ir.Value:
    """x if it is positive, else alpha · x; alpha has the shape of a row, with 1 for shared axes."""
    return layer.op.PRelu(x.value, layer.weight("alpha"))


@builds("ELU", passes_mask=True)
@keeps_images
def elu(layer: Layer, x: Tensor) -> ir.Value:
    """x if it is positive, else alpha · (e^x - 1)."""
    return layer.op.Elu(x.value, alpha=float(layer["alpha"]))


@builds("Softmax", passes_mask=True)
def softmax(layer: Layer, x: Tensor) -> Tensor:
    """e^x / Σ e^x along the axis. Masked numbers don't count and become 0; the mask has the trailing axes of x."""
    op, value = layer.op, x.value
    if x.mask is None:
        return Tensor(op.Softmax(value, axis=layer["axis"]), x.shape)
    y = op.Softmax(op.Where(x.mask, value, MASKED), axis=layer["axis"])
    return Tensor(op.Where(x.mask, y, 0.0), x.shape, x.mask)
