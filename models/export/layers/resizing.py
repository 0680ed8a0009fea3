"""Layers that resize images, and those that repeat cells.

The formulas are those of keras/src/layers/reshaping and keras/src/layers/preprocessing/image_preprocessing.
"""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from models.export.graph import Layer, Tensor
from models.export.interpolation import enlargement, interpolation_matrix, nearest_cells, onnx_agrees
from models.export.layers.padding import crop, pad
from models.export.registry import builds, row_shape
from models.export.spatial import along, axes_of, channels_first, channels_last, lengths_of, per_dimension


@builds("UpSampling1D", "UpSampling2D", "UpSampling3D")
def up_sampling(layer: Layer, x: Tensor) -> ir.Value:
    """Each cell repeated `size` times along each dimension, or with UpSampling2D another interpolation between them."""
    axes, lengths = axes_of(x), lengths_of(x)
    times, method = per_dimension(layer["size"], len(axes)), layer.parameters.get("interpolation", "nearest")
    if method != "nearest":
        return resize(layer, x.value, axes, [n * size for n, size in zip(lengths, times, strict=True)], method)
    repeated = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    scales = layer.graph.constant([1, 1, *times])
    return channels_last(layer, layer.op.Resize(channels_first(layer, x), None, scales, **repeated))


@builds("Resizing")
def resizing(layer: Layer, x: Tensor) -> ir.Value:
    """The image, its central part or the image with margins, interpolated to another height and width."""
    axes, value, size = axes_of(x), x.value, (layer["height"], layer["width"])
    if layer["crop_to_aspect_ratio"]:
        value = crop(layer, value, axes, central_part(lengths_of(x), size))
    elif layer["pad_to_aspect_ratio"]:
        value = pad(layer, value, axes, aspect_padding(lengths_of(x), size), layer["fill_value"])
    return resize(layer, value, axes, size, layer["interpolation"], layer["antialias"])


@builds("CenterCrop")
def center_crop(layer: Layer, x: Tensor) -> ir.Value:
    """The center in this size. If the image is smaller, its largest central part of this aspect ratio, interpolated."""
    axes, lengths, size = axes_of(x), lengths_of(x), (layer["height"], layer["width"])
    if all(length >= new for length, new in zip(lengths, size, strict=True)):
        return crop(layer, x.value, axes, [centered(length, new) for length, new in zip(lengths, size, strict=True)])
    return resize(layer, crop(layer, x.value, axes, central_part(lengths, size)), axes, size, "bilinear")


def resize(
    layer: Layer, value: ir.Value, axes: Sequence[int], sizes: Sequence[int], method: str, antialias: bool = False
) -> ir.Value:
    """The value with other lengths along the axes, interpolated along each as tf.image.resize does; `antialias` has no
    effect on nearest neighbours.

    ONNX's Resize does the same only if it rounds positions equally; otherwise each axis is multiplied by a matrix.
    """
    lengths = [row_shape(value)[axis - 1] for axis in axes]
    resized = list(zip(axes, lengths, sizes, strict=True))
    if method == "bilinear" and not antialias and all(onnx_agrees(length, size) for _, length, size in resized):
        scales = [enlargement(length, size) for _, length, size in resized]
        op, first = layer.op, channels_first(layer, Tensor(value, row_shape(value)))
        # Each channel is an image of its own, because ONNX Runtime 1.31 moves transpositions past a Resize, even to
        # axes along which it can't interpolate, but not past a Reshape.
        images = op.Reshape(first, [-1, 1, *lengths])
        images = op.Resize(images, None, layer.graph.constant([1, 1, *scales]), mode="linear")
        return channels_last(layer, op.Reshape(images, [-1, row_shape(first)[0], *sizes]))
    if method == "nearest":
        for axis, length, size in resized:
            value = layer.op.Gather(value, layer.graph.constant(nearest_cells(length, size), np.int64), axis=axis)
        return value
    y = channels_first(layer, Tensor(value, row_shape(value)))
    for place, (_, length, size) in enumerate(resized):
        if size != length:
            y = along(layer.graph, y, place + 2, interpolation_matrix(length, size, method, antialias))
    return channels_last(layer, y)


def central_part(lengths: Sequence[int], size: Sequence[int]) -> list[tuple[int, int]]:
    """The largest central part of an image that has the aspect ratio of a size."""
    (height, width), (new_height, new_width) = lengths, size
    part_height = max(min(height, width * new_height // new_width), 1)
    part_width = max(min(width, height * new_width // new_height), 1)
    return [centered(height, part_height), centered(width, part_width)]


def aspect_padding(lengths: Sequence[int], size: Sequence[int]) -> list[tuple[int, int]]:
    """The margins that give an image about the aspect ratio of a size; both ends get the same."""
    (height, width), (new_height, new_width) = lengths, size
    above = (max(height, width * new_height // new_width) - height) // 2
    before = (max(width, height * new_width // new_height) - width) // 2
    return [(above, above), (before, before)]


def centered(length: int, part: int) -> tuple[int, int]:
    """The beginning and end of a part in the middle."""
    start = (length - part) // 2
    return start, start + part
