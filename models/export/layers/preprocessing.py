"""Layers that scale or encode raw values.

The formulas are those of keras/src/layers/preprocessing; the encodings are those of encode_categorical_inputs in
keras/src/utils/numerical_utils.py.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from models.export.graph import Layer, Tensor
from models.export.registry import build, builds, row_shape

LEAST_DEVIATION = 1e-7
"""keras.backend.epsilon(): Normalization divides by no less than this."""


@builds("Pipeline")
def pipeline(layer: Layer, x: Tensor) -> Tensor:
    """The layers one after the other."""
    for index, document in enumerate(layer["layers"]):
        x = build(layer.inner(document, index=index), x)
    return x


@builds("Rescaling", passes_mask=True)
def rescaling(layer: Layer, x: Tensor) -> ir.Value:
    """x · scale + offset; lists are along the trailing axes."""
    op, constant = layer.op, layer.graph.constant
    return op.Add(op.Mul(x.value, constant(layer["scale"])), constant(layer["offset"]))


@builds("Normalization", passes_mask=True)
def normalization(layer: Layer, x: Tensor) -> ir.Value:
    """(x - mean) / max(√variance, ε), or inverted mean + x · max(√variance, ε); lists are along the axis.

    Without a mean, which is learned from the rows before the training, it is the identity.
    """
    op = layer.op
    if layer["mean"] is None:
        return x.value
    mean, variance = (along_axis(layer[name], layer["axis"], len(x.shape) + 1) for name in ("mean", "variance"))
    deviation = np.maximum(np.sqrt(variance), np.float32(LEAST_DEVIATION))
    if layer["invert"]:
        return op.Add(layer.graph.constant(mean), op.Mul(x.value, layer.graph.constant(deviation)))
    return op.Div(op.Sub(x.value, layer.graph.constant(mean)), layer.graph.constant(deviation))


def along_axis(values: Any, axis: int | None, dimensions: int) -> np.ndarray:
    """A number or numbers as an array that applies along the axis of a tensor of so many dimensions."""
    array = np.asarray(values, np.float32)
    if array.ndim == 0 or axis is None:
        return array
    return array.reshape([-1] + [1] * (dimensions - 1 - axis % dimensions))


@builds("Discretization")
def discretization(layer: Layer, x: Tensor) -> Tensor:
    """The number of boundaries that x has reached, encoded."""
    op, boundaries = layer.op, layer["bin_boundaries"]
    reached = op.Not(op.Less(op.Unsqueeze(x.value, [-1]), layer.graph.constant(boundaries)))
    bins = op.ReduceSum(op.Cast(reached, to=ir.DataType.INT32), [-1], keepdims=0)
    return encoded(layer, op.Cast(bins, to=ir.DataType.INT64), x.shape, len(boundaries) + 1)


@builds("CategoryEncoding")
def category_encoding(layer: Layer, x: Tensor) -> Tensor:
    """The integers x, encoded."""
    integers = layer.op.Cast(x.value, to=ir.DataType.INT64)
    return encoded(layer, integers, x.shape, layer["num_tokens"])


@builds("IntegerLookup")
def integer_lookup(layer: Layer, x: Tensor) -> Tensor:
    """The places of integers in the vocabulary, encoded.

    With output_mode "int", 0 is the mask_token if there is one. Then there are num_oov_indices places for unknown
    numbers, which are distributed by their remainder (0 places: -1), then the vocabulary. The other modes ignore the
    mask_token. A vocabulary may begin with the mask_token and -1 for each place of unknown numbers.
    """
    op, unknown, token = layer.op, layer["num_oov_indices"], layer["mask_token"]
    start = 1 if token is not None and layer["output_mode"] == "int" else 0
    vocabulary, special = list(layer["vocabulary"]), [token] * start + [-1] * unknown
    if vocabulary[: len(special)] == special:
        vocabulary = vocabulary[len(special) :]
    places = {number: len(special) + index for index, number in enumerate(vocabulary)}
    if token is not None:
        places[token] = 0 if start else np.iinfo(np.int64).max
    numbers = op.Cast(x.value, to=ir.DataType.INT64)
    found = layer.graph.ml_op.LabelEncoder(
        numbers,
        keys_int64s=list(places),
        values_int64s=list(places.values()),
        default_int64=start if unknown == 1 else -1,
    )
    if unknown > 1:
        remainder = op.Add(op.Mod(numbers, unknown), start)
        found = op.Where(op.Equal(found, -1), remainder, found)
    return encoded(layer, found, x.shape, len(special) + len(vocabulary))


def encoded(layer: Layer, integers: ir.Value, shape: Sequence[int], depth: int) -> Tensor:
    """Integers of this shape per row as output_mode wants them: as they are ("int"), each as a vector with a 1 in its
    place ("one_hot", without a last axis of length 1), or a vector per row that counts them ("count") or has a 1 for
    each that occurs ("multi_hot"). Integers outside of 0 to depth - 1 don't occur in vectors.

    Of several axes, "count" and "multi_hot" reduce the first, as Keras does.
    """
    op, mode = layer.op, layer["output_mode"]
    if mode == "int":
        return Tensor(op.Cast(integers, to=ir.DataType.FLOAT), tuple(shape))
    if mode != "one_hot" and len(shape) == 1:
        return scattered(layer, integers, depth)
    if mode == "one_hot" and shape[-1] == 1:
        integers = op.Squeeze(integers, [-1])
    places = layer.graph.constant(np.arange(depth), np.int64)
    vectors = op.Cast(op.Equal(op.Unsqueeze(integers, [-1]), places), to=ir.DataType.FLOAT)
    if mode == "count":
        vectors = op.ReduceSum(vectors, [1], keepdims=0)
    if mode == "multi_hot":
        vectors = op.ReduceMax(vectors, [1], keepdims=0)
    return Tensor(vectors, row_shape(vectors))


def scattered(layer: Layer, integers: ir.Value, depth: int) -> Tensor:
    """The counts or occurrences of the integers of a vector, without a vector for each: one more place takes the
    integers that don't occur."""
    op = layer.op
    occurs = op.And(op.GreaterOrEqual(integers, 0), op.Less(integers, depth))
    places = op.Where(occurs, integers, depth)
    shape = op.Concat(op.Shape(integers, end=1), layer.graph.constant([depth + 1], np.int64), axis=0)
    ones = op.Cast(op.GreaterOrEqual(places, 0), to=ir.DataType.FLOAT)
    reduction = "add" if layer["output_mode"] == "count" else "max"
    counted = op.ScatterElements(op.Expand(0.0, shape), places, ones, axis=1, reduction=reduction)
    return Tensor(op.Slice(counted, [0], [depth], [1]), (depth,))
