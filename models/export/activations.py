"""The activation functions of the catalogue as ONNX nodes, with the formulas of keras/src/activations.

The functions' own parameters have the defaults of Keras: a layer's `activation` is only a name.
"""

from collections.abc import Callable

import onnx_ir as ir
from onnxscript import OpBuilder


def sparsemax(op: OpBuilder, x: ir.Value) -> ir.Value:
    """max(x - τ, 0) along the last axis, with τ = (Σ c_i - 1) / k over the k first i of the sorted x_i for which
    x_i > (c_i - 1) / i, c being the cumulative sums of the sorted x.

    τ is the one that Keras computes, with the sum of all c_i instead of the last.
    """
    assert x.shape is not None
    width = x.shape[-1]
    assert isinstance(width, int)
    largest, _ = op.TopK(x, [width], axis=-1, _outputs=2)
    sums = op.CumSum(largest, -1)
    in_support = op.Greater(largest, op.Div(op.Sub(sums, 1.0), [float(rank) for rank in range(1, width + 1)]))
    size = op.ReduceSum(op.CastLike(in_support, x), [-1], keepdims=1)
    total = op.ReduceSum(op.Where(in_support, sums, 0.0), [-1], keepdims=1)
    return op.Relu(op.Sub(x, op.Div(op.Sub(total, 1.0), size)))


def sparse_plus(op: OpBuilder, x: ir.Value) -> ir.Value:
    """0 up to -1, (x + 1)² / 4 up to 1, then x."""
    bent = op.Add(op.Clip(x, -1.0, 1.0), 1.0)
    return op.Add(op.Mul(op.Mul(bent, bent), 0.25), op.Relu(op.Sub(x, 1.0)))


def squareplus(op: OpBuilder, x: ir.Value) -> ir.Value:
    """(x + √(x² + 4)) / 2."""
    return op.Mul(op.Add(x, op.Sqrt(op.Add(op.Mul(x, x), 4.0))), 0.5)


def hard_sigmoid(op: OpBuilder, x: ir.Value) -> ir.Value:
    """min(max(x / 6 + 1/2, 0), 1)."""
    return op.HardSigmoid(x, alpha=1 / 6, beta=0.5)


ACTIVATIONS: dict[str, Callable[[OpBuilder, ir.Value], ir.Value]] = {
    "celu": lambda op, x: op.Elu(x),
    "elu": lambda op, x: op.Elu(x),
    "exponential": lambda op, x: op.Exp(x),
    "gelu": lambda op, x: op.Gelu(x),
    "hard_shrink": lambda op, x: op.Shrink(x, lambd=0.5, bias=0.0),
    "hard_sigmoid": hard_sigmoid,
    "hard_silu": lambda op, x: op.Mul(x, hard_sigmoid(op, x)),
    "hard_tanh": lambda op, x: op.Clip(x, -1.0, 1.0),
    "leaky_relu": lambda op, x: op.LeakyRelu(x, alpha=0.2),
    "linear": lambda op, x: x,
    "log_sigmoid": lambda op, x: op.Neg(op.Softplus(op.Neg(x))),
    "log_softmax": lambda op, x: op.LogSoftmax(x, axis=-1),
    "mish": lambda op, x: op.Mish(x),
    "relu": lambda op, x: op.Relu(x),
    "relu6": lambda op, x: op.Clip(x, 0.0, 6.0),
    "selu": lambda op, x: op.Selu(x),
    "sigmoid": lambda op, x: op.Sigmoid(x),
    "silu": lambda op, x: op.Mul(x, op.Sigmoid(x)),
    "soft_shrink": lambda op, x: op.Shrink(x, lambd=0.5, bias=0.5),
    "softmax": lambda op, x: op.Softmax(x, axis=-1),
    "softplus": lambda op, x: op.Softplus(x),
    "softsign": lambda op, x: op.Softsign(x),
    "sparse_plus": sparse_plus,
    "sparse_sigmoid": lambda op, x: op.HardSigmoid(x, alpha=0.5, beta=0.5),
    "sparsemax": sparsemax,
    "squareplus": squareplus,
    "tanh": lambda op, x: op.Tanh(x),
    "tanh_shrink": lambda op, x: op.Sub(x, op.Tanh(x)),
}
"""Each function by its name in the catalogue. "celu" and "elu" are one function for Keras's default alpha, 1."""

ALONG_LAST_AXIS = {"log_softmax", "softmax", "sparsemax"}
"""Those that don't take each number by itself."""


def activate(op: OpBuilder, name: str | None, x: ir.Value) -> ir.Value:
    """Apply the activation of this name in the catalogue; None is the identity."""
    return ACTIVATIONS[name or "linear"](op, x)
