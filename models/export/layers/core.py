"""Dense layers, embeddings and masking.

The formulas are those of keras/src/layers/core.
"""

import onnx_ir as ir

from models.export.activations import activate
from models.export.bias import add_bias
from models.export.graph import Layer, Tensor
from models.export.registry import builds


@builds("Dense", passes_mask=True)
def dense(layer: Layer, x: Tensor) -> ir.Value:
    """activation(x · kernel + bias) along the last axis; kernel (inputs, units), bias (units,)."""
    op = layer.op
    y = op.MatMul(x.value, layer.weight("kernel"))
    if layer["use_bias"]:
        y = op.Add(y, layer.weight("bias"))
    return activate(op, layer["activation"], y)


@builds("EinsumDense")
def einsum_dense(layer: Layer, x: Tensor) -> ir.Value:
    """activation(einsum(equation, x, kernel) + bias); the bias has the trailing axes of the output."""
    op, kernel = layer.op, layer.weight("kernel")
    equation = layer["equation"]
    y = op.MatMul(x.value, kernel) if is_matrix_product(equation) else op.Einsum(x.value, kernel, equation=equation)
    if layer["bias_axes"] is not None:
        y = add_bias(op, y, layer.weight("bias"))
    return activate(op, layer["activation"], y)


def is_matrix_product(equation: str) -> bool:
    """Whether an equation, such as `abc,cd->abd`, multiplies the last axis by a matrix: MatMul is faster."""
    inputs, output = equation.split("->")
    x, kernel = inputs.split(",")
    new = kernel[1:]
    return len(kernel) == 2 and new not in x and kernel[0] == x[-1] and output == x[:-1] + new


@builds("Embedding", "ReversibleEmbedding")
def embedding(layer: Layer, x: Tensor) -> Tensor:
    """The rows of the embeddings (input_dim, output_dim) for the integers x. With `mask_zero`, zeros are masked.

    Gather fails for numbers from input_dim on, and its name says in which layer (models/runtime.py, LOOKUP). As in
    Keras, negative numbers count from the end.
    """
    op = layer.op
    y = op.Gather(layer.weight("embeddings"), op.Cast(x.value, to=ir.DataType.INT32), axis=0)
    lookup = y.producer()
    assert lookup is not None
    lookup.name = f"{layer.path}/lookup"
    mask = op.Not(op.Equal(x.value, 0.0)) if layer["mask_zero"] else None
    return Tensor(y, (*x.shape, layer["output_dim"]), mask)


@builds("Masking")
def masking(layer: Layer, x: Tensor) -> Tensor:
    """x, with zeros in the steps in which all numbers are mask_value; these steps are masked."""
    op = layer.op
    differs = op.Not(op.Equal(x.value, float(layer["mask_value"])))
    counts = op.ReduceMax(differs, [-1], keepdims=1)
    return Tensor(op.Where(counts, x.value, 0.0), x.shape, op.Squeeze(counts, [-1]))


@builds("Identity", passes_mask=True)
def identity(layer: Layer, x: Tensor) -> ir.Value:
    """x."""
    return x.value
