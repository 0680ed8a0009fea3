"""Layers that pad, crop and repeat.

The formulas are those of keras/src/layers/reshaping.
"""

from collections.abc import Sequence

import onnx_ir as ir

from models.export.graph import Layer, Tensor
from models.export.registry import builds, row_shape
from models.export.spatial import axes_of, lengths_of, margins, pads


@builds("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D")
def zero_padding(layer: Layer, x: Tensor) -> ir.Value:
    """Zeros before and after each dimension."""
    axes = axes_of(x)
    return pad(layer, x.value, axes, margins(layer["padding"], len(axes)))


@builds("Cropping1D", "Cropping2D", "Cropping3D")
def cropping(layer: Layer, x: Tensor) -> ir.Value:
    """Without the cells at both ends of each dimension."""
    axes, lengths = axes_of(x), lengths_of(x)
    cropped = margins(layer["cropping"], len(axes))
    spans = [(before, length - after) for length, (before, after) in zip(lengths, cropped, strict=True)]
    return crop(layer, x.value, axes, spans)


def pad(
    layer: Layer, value: ir.Value, axes: Sequence[int], padding: Sequence[tuple[int, int]], fill: float = 0
) -> ir.Value:
    """`fill` before and after each of the axes.

    The node gets the padding of all axes: ONNX Runtime 1.31 moves transpositions past it as if it always did.
    """
    around = dict(zip(axes, padding, strict=True))
    every = [around.get(axis, (0, 0)) for axis in range(len(row_shape(value)) + 1)]
    return layer.op.Pad(value, pads(every), layer.graph.constant(fill))


def crop(layer: Layer, value: ir.Value, axes: Sequence[int], spans: Sequence[tuple[int, int]]) -> ir.Value:
    """The cells of each of the axes from one to before another."""
    return layer.op.Slice(value, [start for start, _ in spans], [end for _, end in spans], list(axes))
