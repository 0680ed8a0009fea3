"""Layers that normalize.

The formulas are those of keras/src/layers/normalization and, for predictions, keras/src/ops/nn.py.
"""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from models.export.graph import Layer, Tensor
from models.export.registry import builds
from models.export.sequences import keeps_images
from models.export.spatial import channels_first, channels_last, comes_channels_first

UNIT_EPSILON = 1e-12
"""UnitNormalization divides by no less than this."""


@builds("BatchNormalization", passes_mask=True)
@keeps_images
def batch_normalization(layer: Layer, x: Tensor) -> ir.Value:
    """(x - moving_mean) / √(moving_variance + ε) · gamma + beta, each per index of the axis.

    After a convolution the channels stay first, and ONNX's operator, which ONNX Runtime folds into the kernel, does it.
    Otherwise it is a scale and an offset, which ONNX Runtime computes once.
    """
    op = layer.op
    axis, epsilon = layer["axis"] % (len(x.shape) + 1), float(layer["epsilon"])
    mean, variance = layer.weight("moving_mean"), layer.weight("moving_variance")
    if axis == len(x.shape) > 1 and comes_channels_first(x):
        gamma = layer.weight("gamma") if layer["scale"] else layer.graph.constant(np.ones(x.shape[-1]))
        beta = layer.weight("beta") if layer["center"] else layer.graph.constant(np.zeros(x.shape[-1]))
        y = op.BatchNormalization(channels_first(layer, x), gamma, beta, mean, variance, epsilon=epsilon)
        return channels_last(layer, y)
    scale = op.Reciprocal(op.Sqrt(op.Add(variance, epsilon)))
    if layer["scale"]:
        scale = op.Mul(scale, layer.weight("gamma"))
    offset = op.Neg(op.Mul(mean, scale))
    if layer["center"]:
        offset = op.Add(offset, layer.weight("beta"))
    shape = [-1] + [1] * (len(x.shape) - axis)
    if len(shape) > 1:
        scale, offset = op.Reshape(scale, shape), op.Reshape(offset, shape)
    return op.Add(op.Mul(x.value, scale), offset)


@builds("LayerNormalization", passes_mask=True)
def layer_normalization(layer: Layer, x: Tensor) -> ir.Value:
    """(x - mean) / √(variance + ε) · gamma + beta, with the mean and variance over the axes.

    gamma and beta have the lengths of the axes in the order in which Keras sorts them, negative ones first.
    """
    op, dimensions = layer.op, len(x.shape) + 1
    posted = layer["axis"]
    axes = [axis % dimensions for axis in sorted([posted] if isinstance(posted, int) else posted)]
    epsilon = float(layer["epsilon"])
    if axes == list(range(dimensions - len(axes), dimensions)):
        ones = np.ones([x.shape[axis - 1] for axis in axes])
        gamma = layer.weight("gamma") if layer["scale"] else layer.graph.constant(ones)
        beta = [layer.weight("beta")] if layer["center"] else []
        return op.LayerNormalization(x.value, gamma, *beta, axis=axes[0], epsilon=epsilon)
    shape = [x.shape[axis - 1] if axis in axes else 1 for axis in range(1, dimensions)]
    y = standardized(layer, x.value, sorted(axes), epsilon)
    return scaled(layer, y, shape)


@builds("GroupNormalization", passes_mask=True)
def group_normalization(layer: Layer, x: Tensor) -> ir.Value:
    """(x - mean) / √(variance + ε) · gamma + beta, with the mean and variance of each group of neighbouring channels;
    gamma and beta are per channel. -1 groups are as many as channels."""
    op, axis = layer.op, layer["axis"] % (len(x.shape) + 1)
    channels = x.shape[axis - 1]
    groups = channels if layer["groups"] == -1 else layer["groups"]
    apart = [-1, *x.shape[: axis - 1], groups, channels // groups, *x.shape[axis:]]
    others = [other for other in range(1, len(apart)) if other != axis]
    y = standardized(layer, op.Reshape(x.value, apart), others, float(layer["epsilon"]))
    return scaled(layer, op.Reshape(y, [-1, *x.shape]), [channels] + [1] * (len(x.shape) - axis))


@builds("RMSNormalization")
def rms_normalization(layer: Layer, x: Tensor) -> ir.Value:
    """x / √(mean(x²) + ε) · scale, with the mean along the axis. As in Keras, the scale is along the last axis."""
    op, value = layer.op, x.value
    mean = op.ReduceMean(op.Mul(value, value), [layer["axis"]], keepdims=1)
    return op.Mul(op.Div(value, op.Sqrt(op.Add(mean, float(layer["epsilon"])))), layer.weight("scale"))


@builds("UnitNormalization", passes_mask=True)
def unit_normalization(layer: Layer, x: Tensor) -> ir.Value:
    """x / max(‖x‖, ε), with the Euclidean norm over the axes."""
    op, posted = layer.op, layer["axis"]
    axes = [posted] if isinstance(posted, int) else list(posted)
    return op.Div(x.value, op.Max(op.ReduceL2(x.value, axes, keepdims=1), UNIT_EPSILON))


def standardized(layer: Layer, value: ir.Value, axes: Sequence[int], epsilon: float) -> ir.Value:
    """(x - mean) / √(variance + ε) over the axes."""
    op = layer.op
    centred = op.Sub(value, op.ReduceMean(value, list(axes), keepdims=1))
    variance = op.ReduceMean(op.Mul(centred, centred), list(axes), keepdims=1)
    return op.Div(centred, op.Sqrt(op.Add(variance, epsilon)))


def scaled(layer: Layer, value: ir.Value, shape: Sequence[int]) -> ir.Value:
    """x · gamma + beta, where the layer has them, in a shape that fits the trailing axes of x."""
    op = layer.op
    if layer["scale"]:
        value = op.Mul(value, op.Reshape(layer.weight("gamma"), list(shape)))
    return op.Add(value, op.Reshape(layer.weight("beta"), list(shape))) if layer["center"] else value
