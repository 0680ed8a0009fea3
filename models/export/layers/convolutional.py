"""Convolutions.

The formulas are those of keras/src/layers/convolutional and tensorflow/core/kernels/conv_ops; the kernels stay in
Keras's layout, (..., inputs of a group, filters).
"""

from collections.abc import Sequence

import onnx_ir as ir

from models.export.activations import ALONG_LAST_AXIS, activate
from models.export.graph import Layer, Tensor
from models.export.registry import builds
from models.export.sequences import sequences_as_images
from models.export.spatial import (
    channels_first,
    channels_last,
    channels_of,
    lengths_of,
    pads,
    per_dimension,
    same_padding,
)


@builds("Conv1D", "Conv2D", "Conv3D")
@sequences_as_images
def convolution(layer: Layer, x: Tensor) -> ir.Value:
    """activation(x * kernel + bias); kernel (..., inputs / groups, filters). The filters of a group are neighbours."""
    rank = len(x.shape) - 1
    kernel = layer.op.Transpose(weight_of(layer, x, "kernel"), perm=[rank + 1, rank, *range(rank)])
    return activated(layer, convolve(layer, x, kernel, layer["groups"], *bias(layer)))


@builds("DepthwiseConv1D", "DepthwiseConv2D")
@sequences_as_images
def depthwise_convolution(layer: Layer, x: Tensor) -> ir.Value:
    """Each channel with kernels of its own: kernel (..., channels, depth_multiplier). The outputs of a channel are
    neighbours."""
    kernel = depthwise_kernel(layer, x, "kernel")
    return activated(layer, convolve(layer, x, kernel, channels_of(x), *bias(layer)))


@builds("SeparableConv1D", "SeparableConv2D")
@sequences_as_images
def separable_convolution(layer: Layer, x: Tensor) -> ir.Value:
    """A depthwise convolution, then a convolution with the size 1: pointwise_kernel
    (1, ..., channels · depth_multiplier, filters)."""
    rank = len(x.shape) - 1
    kernel = depthwise_kernel(layer, x, "depthwise_kernel")
    y = convolve(layer, x, kernel, channels_of(x))
    pointwise = layer.op.Transpose(weight_of(layer, x, "pointwise_kernel"), perm=[rank + 1, rank, *range(rank)])
    return activated(layer, layer.op.Conv(y, pointwise, *bias(layer)))


@builds("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")
def transposed_convolution(layer: Layer, x: Tensor) -> ir.Value:
    """The gradient of a convolution: out[s · i + k - before] += x[i] · kernel[k], in an output of the length that Keras
    computes (keras/src/backend/common/backend_utils.py); kernel (..., filters, inputs)."""
    rank, padding, sizes = len(x.shape) - 1, [], window_sizes(layer, x)
    strides, dilations = (per_dimension(layer[name], rank) for name in ("strides", "dilation_rate"))
    extra = layer["output_padding"]
    extras: Sequence[int | None] = [None] * rank if extra is None else per_dimension(extra, rank)
    for length, size, stride, dilation, more in zip(lengths_of(x), sizes, strides, dilations, extras, strict=True):
        reach = (size - 1) * dilation + 1
        full, before = (length - 1) * stride + reach, 0
        if layer["padding"] == "valid":
            outputs = full + (max(stride - reach, 0) if more is None else more)
        else:
            outputs = length * stride if more is None else (length - 1) * stride + reach % 2 + more
            before = max(full - outputs, 0) // 2
        padding.append((before, full - outputs - before))
    y = layer.op.ConvTranspose(
        channels_first(layer, x),
        layer.op.Transpose(layer.weight("kernel"), perm=[rank + 1, rank, *range(rank)]),
        *bias(layer),
        strides=strides,
        dilations=dilations,
        pads=pads([(before, max(after, 0)) for before, after in padding]),
        output_padding=[max(-after, 0) for _, after in padding],  # the kernels don't reach the last outputs
    )
    return activated(layer, y)


def convolve(layer: Layer, x: Tensor, kernel: ir.Value, groups: int, *bias: ir.Value) -> ir.Value:
    """A convolution by the layer's `strides`, `dilation_rate` and `padding`; the channels of the result are first.
    `kernel` is in ONNX's layout, (filters, inputs of a group, ...).

    Causal padding is all before the first step (keras/src/layers/convolutional/conv1d.py).
    """
    rank, sizes = len(x.shape) - 1, window_sizes(layer, x)
    strides, dilations = (per_dimension(layer[name], rank) for name in ("strides", "dilation_rate"))
    padding = [(0, 0)] * rank
    if layer["padding"] == "same":
        padding = same_padding(lengths_of(x), sizes, strides, dilations)
    elif layer["padding"] == "causal":
        padding = [((size - 1) * dilation, 0) for size, dilation in zip(sizes, dilations, strict=True)]
    first = channels_first(layer, x)
    return layer.op.Conv(first, kernel, *bias, strides=strides, dilations=dilations, pads=pads(padding), group=groups)


def weight_of(layer: Layer, x: Tensor, name: str) -> ir.Value:
    """A kernel with as many axes as the layer's images: that of a sequence gets the height 1."""
    kernel = layer.weight(name)
    assert kernel.shape is not None
    return kernel if len(kernel.shape) > len(x.shape) else layer.op.Unsqueeze(kernel, [0])


def depthwise_kernel(layer: Layer, x: Tensor, name: str) -> ir.Value:
    """The kernels of all channels (..., channels, depth_multiplier) in ONNX's layout for a group per channel."""
    op, sizes = layer.op, window_sizes(layer, x)
    kernel = op.Transpose(weight_of(layer, x, name), perm=[len(sizes), len(sizes) + 1, *range(len(sizes))])
    return op.Reshape(kernel, [channels_of(x) * layer["depth_multiplier"], 1, *sizes])


def window_sizes(layer: Layer, x: Tensor) -> list[int]:
    return per_dimension(layer["kernel_size"], len(x.shape) - 1)


def bias(layer: Layer) -> list[ir.Value]:
    """The bias, if the layer has one: ONNX Runtime doesn't fuse a convolution whose bias is an empty input."""
    return [layer.weight("bias")] if layer["use_bias"] else []


def activated(layer: Layer, y: ir.Value) -> ir.Value:
    """The layer's output for a result with the channels first. The activation comes before a transposition, so that
    ONNX Runtime fuses it with the convolution, unless it works along the last axis."""
    op, activation = layer.op, layer["activation"]
    if activation in ALONG_LAST_AXIS:
        return activate(op, activation, channels_last(layer, y))
    return channels_last(layer, activate(op, activation, y))
