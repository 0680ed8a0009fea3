"""What the layers of sequences, images and volumes share: their dimensions, the order of these, and padding.

In the catalogue the channels are last (`data_format`); in ONNX's operators they are first.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from models.export.graph import Graph, Layer, Tensor
from models.export.registry import row_shape

IMAGE_RANK = 3
"""The number of axes of an image in a row; sequences have fewer, volumes more."""


def lengths_of(x: Tensor) -> tuple[int, ...]:
    """The lengths of a row without its channels: steps; height and width; or depth, height and width."""
    return x.shape[:-1]


def axes_of(x: Tensor) -> list[int]:
    """The axes of lengths_of in a batch."""
    return list(range(1, len(x.shape)))


def channels_of(x: Tensor) -> int:
    return x.shape[-1]


def channels_first(layer: Layer, x: Tensor) -> ir.Value:
    """The tensor as ONNX's operators take it: (rows, channels, ...)."""
    rank = len(x.shape)
    return layer.op.Transpose(x.value, perm=[0, rank, *range(1, rank)])


def channels_last(layer: Layer, value: ir.Value) -> ir.Value:
    """(rows, channels, ...) as (rows, ..., channels). ONNX Runtime removes the pairs of opposite transposes between two
    layers when it loads the network."""
    assert value.shape is not None
    rank = len(value.shape) - 1
    return layer.op.Transpose(value, perm=[0, *range(2, rank + 1), 1])


def comes_channels_first(x: Tensor) -> bool:
    """Whether channels_last gave this tensor: then the channels are first without another transpose."""
    node = x.value.producer()
    perm = [0, *range(2, len(x.shape) + 1), 1]
    return node is not None and node.op_type == "Transpose" and list(node.attributes["perm"].as_ints()) == perm


def per_dimension(value: int | Sequence[int], rank: int) -> list[int]:
    """The values of a parameter that may be one for all dimensions."""
    return [value] * rank if isinstance(value, int) else list(value) * (rank if len(value) == 1 else 1)


def margins(value: Any, rank: int) -> list[tuple[int, int]]:
    """How much to pad or crop before and after each dimension: one number for all ends, one per dimension, or a pair of
    ends per dimension; for sequences a pair of ends."""
    if isinstance(value, int):
        return [(value, value)] * rank
    if rank == 1:
        value = [value]
    return [(ends, ends) if isinstance(ends, int) else tuple(ends) for ends in value]


def same_padding(
    lengths: Sequence[int], sizes: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> list[tuple[int, int]]:
    """The padding of each dimension with which a window of these sizes gives ceil(length / stride) outputs; TensorFlow
    puts the odd cell at the end (https://www.tensorflow.org/api_docs/python/tf/nn, notes on padding)."""
    padding = []
    for length, size, stride, dilation in zip(lengths, sizes, strides, dilations, strict=True):
        outputs = -(-length // stride)
        total = max((outputs - 1) * stride + (size - 1) * dilation + 1 - length, 0)
        padding.append((total // 2, total - total // 2))
    return padding


def pads(padding: Sequence[tuple[int, int]]) -> list[int]:
    """Padding in ONNX's order: what comes before each dimension, then what comes after each."""
    return [before for before, _ in padding] + [after for _, after in padding]


def along(graph: Graph, value: ir.Value, axis: int, matrix: np.ndarray) -> ir.Value:
    """The product of a matrix (new length, length) with a value along an axis after the first."""
    op, shape = graph.op, [-1, *row_shape(value)]
    if axis == len(shape) - 1:
        return op.MatMul(value, graph.constant(matrix.T))
    product = op.MatMul(graph.constant(matrix), op.Reshape(value, [-1, shape[axis], math.prod(shape[axis + 1 :])]))
    return op.Reshape(product, [*shape[:axis], len(matrix), *shape[axis + 1 :]])
