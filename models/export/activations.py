"""The activation functions of the catalogue as ONNX nodes, with the formulas of keras/src/activations."""

from collections.abc import Callable

import onnx_ir as ir
from onnxscript import OpBuilder

ACTIVATIONS: dict[str, Callable[[OpBuilder, ir.Value], ir.Value]] = {
    "linear": lambda op, x: x,
    "relu": lambda op, x: op.Relu(x),
    "softmax": lambda op, x: op.Softmax(x, axis=-1),
    "tanh": lambda op, x: op.Tanh(x),
    "sigmoid": lambda op, x: op.Sigmoid(x),
}
"""Each function by its name in the catalogue."""


def activate(op: OpBuilder, name: str | None, x: ir.Value) -> ir.Value:
    """Apply the activation of this name; None is the identity."""
    return ACTIVATIONS[name or "linear"](op, x)
