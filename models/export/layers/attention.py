"""Attention layers without heads.

The formulas are those of keras/src/layers/attention; inputs are query, value and key (the value if omitted).
"""

import onnx_ir as ir

from models.export.graph import Layer, Tensor
from models.export.registry import builds


@builds("Attention")
def attention(layer: Layer, query: Tensor, value: Tensor, key: Tensor | None = None) -> Tensor:
    """attention.py: softmax(scale · query · keyᵀ) · value, or with the `score_mode` "concat" the softmax of
    concat_score_weight · Σ tanh(scale · (query + key)). `scale` and `concat_score_weight` are numbers."""
    op, of = layer.op, key or value
    if layer["score_mode"] == "dot":
        scores = op.MatMul(query.value, _swapped(layer, of))
        return _weighted(layer, query, value, op.Mul(scores, layer.weight("scale")) if layer["use_scale"] else scores)
    pairs = _sums_of_pairs(layer, query, of)
    if layer["use_scale"]:
        pairs = op.Mul(pairs, layer.weight("scale"))
    scores = op.ReduceSum(op.Tanh(pairs), [-1], keepdims=0)
    return _weighted(layer, query, value, op.Mul(scores, layer.weight("concat_score_weight")))


@builds("AdditiveAttention")
def additive_attention(layer: Layer, query: Tensor, value: Tensor, key: Tensor | None = None) -> Tensor:
    """additive_attention.py: softmax(Σ scale · tanh(query + key)) · value; `scale` (features,)."""
    op = layer.op
    scores = op.Tanh(_sums_of_pairs(layer, query, key or value))
    if layer["use_scale"]:
        scores = op.Mul(scores, layer.weight("scale"))
    return _weighted(layer, query, value, op.ReduceSum(scores, [-1], keepdims=0))


def _swapped(layer: Layer, x: Tensor) -> ir.Value:
    """x with its last two dimensions swapped."""
    rank = len(x.shape)
    return layer.op.Transpose(x.value, perm=[*range(rank - 1), rank, rank - 1])


def _sums_of_pairs(layer: Layer, query: Tensor, key: Tensor) -> ir.Value:
    """(..., query steps, key steps, features)."""
    op = layer.op
    return op.Add(op.Unsqueeze(query.value, [-2]), op.Unsqueeze(key.value, [-3]))


def _weighted(layer: Layer, query: Tensor, value: Tensor, scores: ir.Value) -> Tensor:
    """softmax(scores) · value. Masked steps of the value have scores lower by 1e9; those of the query are zeros."""
    op = layer.op
    if value.mask is not None:
        assert value.mask.shape is not None
        mask = op.Unsqueeze(value.mask, [-2]) if len(value.mask.shape) == 2 else value.mask
        scores = op.Where(mask, scores, op.Sub(scores, 1e9))
    output = op.MatMul(op.Softmax(scores, axis=-1), value.value)
    if query.mask is not None:
        output = op.Where(op.Unsqueeze(query.mask, [-1]), output, 0.0)
    return Tensor(output, (*query.shape[:-1], value.shape[-1]), query.mask)
