"""Pooling.

The formulas are those of keras/src/layers/pooling and of its TensorFlow backend.
"""

import numpy as np
import onnx_ir as ir

from models.export.graph import Layer, Tensor
from models.export.layers.padding import crop
from models.export.registry import builds
from models.export.sequences import sequences_as_images
from models.export.spatial import (
    IMAGE_RANK,
    along,
    axes_of,
    channels_first,
    channels_last,
    lengths_of,
    per_dimension,
)


@builds("MaxPooling1D", "MaxPooling2D", "MaxPooling3D")
@sequences_as_images
def max_pooling(layer: Layer, x: Tensor) -> ir.Value:
    """The maximum of each window; the stride is its size by default."""
    return pool(layer, x, "MaxPool")


@builds("AveragePooling1D", "AveragePooling2D", "AveragePooling3D")
@sequences_as_images
def average_pooling(layer: Layer, x: Tensor) -> ir.Value:
    """The mean of each window, without the padded cells."""
    return pool(layer, x, "AveragePool", count_include_pad=0)


def pool(layer: Layer, x: Tensor, operator: str, **attributes: int) -> ir.Value:
    """A pooling operator by the layer's `pool_size`, `strides` and `padding`.

    The node's padding has a name, not numbers: to numbers ONNX Runtime 1.31 adds those of a ZeroPadding layer before
    it, though its own padding isn't of zeros and must be less than the window. From a name it would compute negative
    padding for a dimension whose last cells no window reaches: these are cut off.
    """
    y, lengths = channels_first(layer, x), lengths_of(x)
    sizes = per_dimension(layer["pool_size"], len(lengths))
    strides = sizes if layer["strides"] is None else per_dimension(layer["strides"], len(lengths))
    padded = layer["padding"] == "same"
    if padded:
        spans = zip(lengths, sizes, strides, strict=True)
        reached = [min(length, (-(-length // stride) - 1) * stride + size) for length, size, stride in spans]
        if reached != list(lengths):
            y = crop(layer, y, range(2, len(lengths) + 2), [(0, end) for end in reached])
    padding = "SAME_UPPER" if padded else "VALID"
    y = getattr(layer.op, operator)(y, kernel_shape=sizes, strides=strides, auto_pad=padding, **attributes)
    return channels_last(layer, y)


@builds("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D")
def global_max_pooling(layer: Layer, x: Tensor) -> ir.Value:
    """The maximum of each channel."""
    return reduce(layer, x, "ReduceMax")


@builds("GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D")
def global_average_pooling(layer: Layer, x: Tensor) -> ir.Value:
    """The mean of each channel; for sequences that of the steps that the mask keeps, which is NaN if it keeps none."""
    if x.mask is None or layer.type != "GlobalAveragePooling1D":  # the others take no mask
        return reduce(layer, x, "ReduceMean")
    op, axes, keepdims = layer.op, axes_of(x), int(layer["keepdims"])
    kept = op.Unsqueeze(x.mask, [2])
    total = op.ReduceSum(op.Where(kept, x.value, layer.graph.constant(0)), axes, keepdims=keepdims)
    return op.Div(total, op.ReduceSum(op.Cast(kept, to=ir.DataType.FLOAT), axes, keepdims=keepdims))


def reduce(layer: Layer, x: Tensor, operator: str) -> ir.Value:
    """One number per channel. Those of images and volumes are taken with the channels first, as the convolution before
    gives them."""
    reduced, keepdims = getattr(layer.op, operator), layer["keepdims"]
    if len(x.shape) < IMAGE_RANK:
        return reduced(x.value, axes_of(x), keepdims=int(keepdims))
    y = reduced(channels_first(layer, x), list(range(2, len(x.shape) + 1)), keepdims=int(keepdims))
    return channels_last(layer, y) if keepdims else y


@builds("AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D")
def adaptive_max_pooling(layer: Layer, x: Tensor) -> ir.Value:
    """The maximum of each window of adaptive_windows, one dimension after the other."""
    op, y = layer.op, x.value
    for axis, spans in zip(axes_of(x), adaptive_windows(layer, x), strict=True):
        longest = max(end - start for start, end in spans)
        # A window that is shorter than the longest repeats its last cell.
        cells = [[min(start + place, end - 1) for place in range(longest)] for start, end in spans]
        y = op.ReduceMax(op.Gather(y, layer.graph.constant(cells, np.int64), axis=axis), [axis + 1], keepdims=0)
    return y


@builds("AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D")
def adaptive_average_pooling(layer: Layer, x: Tensor) -> ir.Value:
    """The mean of each window of adaptive_windows, one dimension after the other: the product with a matrix."""
    y, lengths = x.value, lengths_of(x)
    for axis, length, spans in zip(axes_of(x), lengths, adaptive_windows(layer, x), strict=True):
        shares = np.zeros((len(spans), length), np.float32)
        for place, (start, end) in enumerate(spans):
            shares[place, start:end] = 1 / (end - start)
        y = along(layer.graph, y, axis, shares)
    return y


def adaptive_windows(layer: Layer, x: Tensor) -> list[list[tuple[int, int]]]:
    """Of each dimension the cells, from one to before another, of its `output_size` windows, which may overlap:
    floor(i · length / size) to ceil((i + 1) · length / size)."""
    lengths = lengths_of(x)
    sizes = per_dimension(layer["output_size"], len(lengths))
    return [
        [(i * length // size, -(-(i + 1) * length // size)) for i in range(size)]
        for length, size in zip(lengths, sizes, strict=True)
    ]
