"""Layers that merge several tensors.

The formulas are those of keras/src/layers/merging. Tensors of fewer axes get axes of length 1 after that of the rows.
"""

import math
from collections.abc import Sequence
from functools import reduce

import numpy as np
import onnx_ir as ir
from onnxscript import OpBuilder

from models.errors import NotServable
from models.export.graph import Layer, Tensor
from models.export.registry import builds, row_shape

NORMALIZATION_EPSILON = 1e-7
"""keras.backend.epsilon(), which limits the divisors of Dot with `normalize`."""


@builds("Add", "Subtract", "Average")
def add(layer: Layer, *inputs: Tensor) -> Tensor:
    """The sum, the difference or the mean of the inputs. The mask is the union of all masks."""
    op, values = layer.op, aligned(layer.op, inputs)
    y = reduce(op.Sub if layer.type == "Subtract" else op.Add, values)
    if layer.type == "Average":
        y = op.Div(y, float(len(values)))
    return Tensor(y, merged_shape(inputs), union(op, inputs))


@builds("Multiply")
def multiply(layer: Layer, *inputs: Tensor) -> Tensor:
    """The product of the inputs, with 1 for masked factors; 0 where all factors are masked."""
    op, values, masks = layer.op, aligned(layer.op, inputs), step_masks(layer.op, inputs)
    counted = [value if mask is None else op.Where(mask, value, 1.0) for value, mask in zip(values, masks, strict=True)]
    y = reduce(op.Mul, counted)
    known = [mask for mask in masks if mask is not None]
    if len(known) == len(masks):
        y = op.Where(reduce(op.Or, known), y, 0.0)
    return Tensor(y, merged_shape(inputs), union(op, inputs))


@builds("Maximum", "Minimum")
def extreme(layer: Layer, *inputs: Tensor) -> Tensor:
    """The maximum or minimum of the inputs.

    A masked number is replaced by the other one before they are compared; the result of masked numbers is masked.
    """
    op, values, masks = layer.op, aligned(layer.op, inputs), step_masks(layer.op, inputs)
    compare = op.Max if layer.type == "Maximum" else op.Min
    if all(mask is None for mask in masks):
        y = compare(*values)
        return Tensor(y, merged_shape(inputs), union(op, inputs))
    y, counts = values[0], masks[0]
    for value, mask in zip(values[1:], masks[1:], strict=True):
        other = value if mask is None else op.Where(mask, value, y)
        y = compare(y if counts is None else op.Where(counts, y, other), other)
        counts = op.Or(counts, mask) if counts is not None and mask is not None else None
    return Tensor(y, merged_shape(inputs), union(op, inputs))


@builds("Concatenate")
def concatenate(layer: Layer, *inputs: Tensor) -> Tensor:
    """The inputs one after the other along the axis. So are the masks; along the last axis, which masks don't have, the
    mask is the union of all masks."""
    op, dimensions = layer.op, len(inputs[0].shape) + 1
    axis = layer["axis"] % dimensions
    y = op.Concat(*(x.value for x in inputs), axis=axis)
    if axis == dimensions - 1 or all(x.mask is None for x in inputs):
        return Tensor(y, row_shape(y), union(op, inputs))
    if any(len(x.mask.shape or ()) != dimensions - 1 for x in inputs if x.mask is not None):
        raise NotServable("The network can't be exported to ONNX: Concatenate gets a mask of fewer axes than its rows.")
    masks = [op.Expand(layer.graph.constant(True, bool), steps(op, x)) if x.mask is None else x.mask for x in inputs]
    return Tensor(y, row_shape(y), op.Concat(*masks, axis=axis))


@builds("Dot")
def dot(layer: Layer, a: Tensor, b: Tensor) -> Tensor:
    """The sums of the products along one axis of each input: (…, n) and (…, n) become (…, …), the remaining axes of
    both. `normalize` divides the vectors of the axis by their length first. Two vectors become one number."""
    op, axes = layer.op, layer["axes"]
    pair = [axes, axes] if isinstance(axes, int) else axes
    axis_a, axis_b = (axis % (len(x.shape) + 1) for axis, x in zip(pair, (a, b), strict=True))
    values = [a.value, b.value]
    if layer["normalize"]:
        values = [unit(op, value, axis) for value, axis in zip(values, (axis_a, axis_b), strict=True)]
    others_a, others_b = (
        [i for i in range(1, len(x.shape) + 1) if i != axis] for x, axis in ((a, axis_a), (b, axis_b))
    )
    shape_a, shape_b = [a.shape[i - 1] for i in others_a], [b.shape[i - 1] for i in others_b]
    length = a.shape[axis_a - 1]
    left = op.Reshape(moved(op, values[0], [0, *others_a, axis_a]), [-1, math.prod(shape_a), length])
    right = op.Reshape(moved(op, values[1], [0, axis_b, *others_b]), [-1, length, math.prod(shape_b)])
    shape = [*shape_a, *shape_b] or [1]
    return Tensor(op.Reshape(op.MatMul(left, right), [-1, *shape]), tuple(shape))


def moved(op: OpBuilder, value: ir.Value, order: Sequence[int]) -> ir.Value:
    """The value with its axes in this order."""
    return value if list(order) == sorted(order) else op.Transpose(value, perm=list(order))


def unit(op: OpBuilder, value: ir.Value, axis: int) -> ir.Value:
    """The vectors along an axis divided by their length, x / max(‖x‖, ε)."""
    return op.Div(value, op.Max(op.ReduceL2(value, [axis], keepdims=1), NORMALIZATION_EPSILON))


def merged_shape(inputs: Sequence[Tensor]) -> tuple[int, ...]:
    """The shape of a row of the merged tensor: axes of length 1 extend to the length of the others."""
    return np.broadcast_shapes(*(x.shape for x in inputs))


def aligned(op: OpBuilder, inputs: Sequence[Tensor]) -> list[ir.Value]:
    """The values of the inputs with the same number of axes."""
    most = max(len(x.shape) for x in inputs)
    return [expanded(op, x.value, most - len(x.shape)) for x in inputs]


def expanded(op: OpBuilder, value: ir.Value, missing: int) -> ir.Value:
    """The value with axes of length 1 after that of the rows."""
    return op.Unsqueeze(value, list(range(1, missing + 1))) if missing else value


def step_masks(op: OpBuilder, inputs: Sequence[Tensor]) -> list[ir.Value | None]:
    """The masks of the inputs with an axis for the numbers of a step. Inputs that get more axes lose theirs."""
    most = max(len(x.shape) for x in inputs)
    return [None if x.mask is None or len(x.shape) < most else op.Unsqueeze(x.mask, [-1]) for x in inputs]


def union(op: OpBuilder, inputs: Sequence[Tensor]) -> ir.Value | None:
    """The mask of a merged tensor: true where one of the inputs counts; None if all steps of an input count."""
    masks = [x.mask for x in inputs if x.mask is not None]
    return reduce(op.Or, masks) if len(masks) == len(inputs) else None


def steps(op: OpBuilder, x: Tensor) -> ir.Value:
    """The shape of a tensor's mask: all axes except the last."""
    return op.Shape(x.value, end=-1)
