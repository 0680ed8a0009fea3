"""Attention layers with heads.

The formulas are those of keras/src/layers/attention; inputs are query, value and key (the value if omitted).
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from models.errors import NotServable
from models.export.graph import Layer, Tensor
from models.export.registry import builds

LARGE_NEGATIVE = -(2.0**126)
"""The score of a masked step where Keras calls ops.dot_product_attention."""


@builds("MultiHeadAttention")
def multi_head_attention(layer: Layer, query: Tensor, value: Tensor, key: Tensor | None = None) -> Tensor:
    """multi_head_attention.py: each head projects query, key and value, and softmax(query · keyᵀ / √key_dim) · value of
    all heads is projected again. Kernels: query and key (features, heads, key_dim), value and gate (features, heads,
    value_dim), attention_output (heads, value_dim, *output_shape).

    Keras takes the masks away from the inputs: layers that take them later see none.
    """
    key = key or value
    heads = Heads(
        layer, layer["num_heads"], layer["num_heads"], layer["key_dim"], layer["value_dim"] or layer["key_dim"]
    )
    lengths = layer["output_shape"] or query.shape[-1]
    output = heads.project_back(
        query, heads.attend(query, value, key), [lengths] if isinstance(lengths, int) else lengths
    )
    layer.graph.take_masks(query, value, key)
    return output


@builds("GroupQueryAttention")
def group_query_attention(layer: Layer, query: Tensor, value: Tensor, key: Tensor | None = None) -> Tensor:
    """grouped_query_attention.py: as MultiHeadAttention, but several neighbouring heads of the query share one of key
    and value. Kernels: query and gate (features, query heads, head_dim), key and value (features, key heads, head_dim),
    attention_output (query heads, head_dim, features)."""
    size = layer["head_dim"]
    heads = Heads(layer, layer["num_query_heads"], layer["num_key_value_heads"], size, size)
    return heads.project_back(query, heads.attend(query, value, key or value), query.shape[-1:])


@dataclass(frozen=True)
class Heads:
    """The heads of a layer: their numbers, and the sizes of their vectors."""

    layer: Layer
    query: int
    shared: int
    """Heads of key and value."""
    key_size: int
    value_size: int

    def attend(self, query: Tensor, value: Tensor, key: Tensor) -> ir.Value:
        """The outputs of all heads (rows, ..., heads, value size), with the query's dimensions.

        The dimensions that attention is applied to move to the end and become one. The heads are a dimension like the
        others.
        """
        op, heads = self.layer.op, len(query.shape)
        axes = self._axes(heads)
        free = [axis for axis in range(1, heads + 1) if axis not in axes]
        order = [0, *free, *axes, heads + 1]
        before, after = (*query.shape[:-1], self.query), (*value.shape[:-1], self.shared)
        lengths, shared = [before[axis - 1] for axis in free], [after[axis - 1] for axis in free]
        asking, answering = (math.prod(shape[axis - 1] for axis in axes) for shape in (before, after))
        queries = op.Transpose(self._project("query", query, self.query, self.key_size), perm=order)
        keys = op.Transpose(self._project("key", key, self.shared, self.key_size), perm=[0, *free, heads + 1, *axes])
        values = op.Transpose(self._project("value", value, self.shared, self.value_size), perm=order)
        if len(axes) > 1 or self.query > self.shared:
            # The heads of the query that share one of the key become steps of a single one.
            queries = op.Reshape(queries, [-1, *shared, asking * self.query // self.shared, self.key_size])
            keys = op.Reshape(keys, [-1, *shared, self.key_size, answering])
            values = op.Reshape(values, [-1, *shared, answering, self.value_size])
        scores = op.Mul(op.MatMul(queries, keys), 1 / math.sqrt(self.key_size))
        mask = self._mask(query, value, key, (*lengths, asking, answering), len(axes))
        if mask is None:
            weights = op.Softmax(scores, axis=-1)
        elif self.query == self.shared:
            weights = self._masked_softmax(scores, mask)
        else:
            weights = self._masked_softmax(op.Reshape(scores, [-1, *lengths, asking, answering]), mask)
            weights = op.Reshape(weights, [-1, *shared, asking * self.query // self.shared, answering])
        outputs = op.MatMul(weights, values)
        if len(axes) > 1 or self.query > self.shared:
            outputs = op.Reshape(outputs, [-1, *lengths, *(before[axis - 1] for axis in axes), self.value_size])
        return op.Transpose(outputs, perm=[order.index(axis) for axis in range(heads + 2)])

    def project_back(self, query: Tensor, outputs: ir.Value, lengths: Sequence[int]) -> Tensor:
        """The product with `attention_output`, (rows, ..., *lengths)."""
        op, size = self.layer.op, self.query * self.value_size
        if self.layer["use_gate"]:
            gate = self._project("gate", query, self.query, self.value_size)
            outputs = op.Mul(outputs, op.Sigmoid(gate))
        outputs = op.Reshape(outputs, [-1, *query.shape[:-1], size])
        shape = (*query.shape[:-1], *lengths)
        value = self._product("attention_output", outputs, size, lengths, query.shape[:-1])
        return Tensor(op.Reshape(value, [-1, *shape]) if len(lengths) > 1 else value, shape, query.mask)

    def _axes(self, heads: int) -> list[int]:
        """The dimensions that attention is applied to; a negative one counts from the heads, whose index is `heads`.

        Keras ignores `attention_axes` where it calls ops.dot_product_attention.
        """
        chosen = self.layer.parameters.get("attention_axes")
        if chosen is None or self._by_keras_operation(heads):
            return list(range(1, heads))
        axes = [axis % (heads + 1) for axis in ([chosen] if isinstance(chosen, int) else chosen)]
        if 0 in axes:
            raise NotServable("The network can't be exported to ONNX: a row's attention would depend on other rows.")
        return axes

    def _by_keras_operation(self, heads: int) -> bool:
        """Whether Keras calls ops.dot_product_attention."""
        return heads == 2 and not self.layer["dropout"]

    def _project(self, name: str, x: Tensor, heads: int, size: int) -> ir.Value:
        """(rows, ..., heads, size)."""
        product = self._product(name, x.value, x.shape[-1], (heads, size), x.shape[:-1])
        return self.layer.op.Reshape(product, [-1, *x.shape[:-1], heads, size])

    def _product(self, name: str, x: ir.Value, inputs: int, lengths: Sequence[int], steps: Sequence[int]) -> ir.Value:
        """x · kernel + bias for x (rows, *steps, inputs): (rows, *steps, outputs), where Keras has several `lengths`.

        If only one of the lengths isn't 1, is equal to the first of `steps`, and isn't the last, then Keras adds the
        bias (*lengths,) along the steps (keras/src/backend/tensorflow/numpy.py, add).
        """
        op, layer, outputs = self.layer.op, self.layer, math.prod(lengths)
        product = op.MatMul(x, op.Reshape(layer.weight(f"{name}/kernel"), [inputs, outputs]))
        if not layer["use_bias"]:
            return product
        along_steps = [length for length in lengths if length > 1] == [steps[0]] != [lengths[-1]]
        shape = [outputs, *[1] * len(steps)] if along_steps else [outputs]
        return op.Add(product, op.Reshape(layer.weight(f"{name}/bias"), shape))

    def _mask(self, query: Tensor, value: Tensor, key: Tensor, scores: tuple[int, ...], axes: int) -> ir.Value | None:
        """What counts among the scores (rows, *scores), from the masks and `sliding_window`; None if all do."""
        op, window, masks = self.layer.op, self.layer["sliding_window"], []
        if query.mask is not None:
            masks.append(op.Unsqueeze(query.mask, [-1]))
        masks += [op.Unsqueeze(x.mask, [-2]) for x in {id(x): x for x in (value, key)}.values() if x.mask is not None]
        if window is not None:
            places = np.subtract.outer(np.arange(query.shape[0]), np.arange(value.shape[0]))
            masks.append(self.layer.graph.constant(np.abs(places)[None] < window, bool))
        if not masks:
            return None
        mask = functools.reduce(op.And, masks)
        dimensions = [] if mask.shape is None else list(mask.shape)
        missing = 1 + len(scores) - len(dimensions)
        dimensions[-2:-2] = [1] * missing
        if (
            axes > 1
            or missing < 0
            or any(length not in (1, scored) for length, scored in zip(dimensions[1:], scores, strict=True))
        ):
            raise NotServable(f"The network can't be exported to ONNX: {self.layer.type} can't take masks here.")
        return op.Unsqueeze(mask, list(range(len(scores) - 1 - missing, len(scores) - 1))) if missing else mask

    def _masked_softmax(self, scores: ir.Value, mask: ir.Value) -> ir.Value:
        """Where nothing counts, Keras's operation weights all steps equally, and its softmax of masks none."""
        op = self.layer.op
        assert scores.shape is not None
        if self._by_keras_operation(len(scores.shape) - 2):
            return op.Softmax(op.Where(mask, scores, LARGE_NEGATIVE), axis=-1)
        return op.Where(mask, op.Softmax(op.Where(mask, scores, -1e9), axis=-1), 0.0)
