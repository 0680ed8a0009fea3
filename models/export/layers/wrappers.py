"""Layers that apply another layer."""

import onnx_ir as ir

from models.errors import NotServable
from models.export.graph import Layer, Tensor
from models.export.registry import build, builds

TAKE_MASKS = (
    "SimpleRNN", "LSTM", "GRU", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Bidirectional", "TimeDistributed",
    "GlobalAveragePooling1D", "Softmax",
)  # fmt: skip
"""The layers whose output depends on a mask that they are called with."""


@builds("TimeDistributed")
def time_distributed(layer: Layer, x: Tensor) -> Tensor:
    """keras/src/layers/rnn/time_distributed.py: the layer applied to each step, here to all steps as if they were rows,
    since no layer mixes rows when it predicts.

    A mask of the steps doesn't change them; a mask with further dimensions is one of the layer's rows.
    """
    inner, op, (steps, *shape) = layer.inner(layer["layer"]), layer.op, x.shape
    rows = Tensor(op.Reshape(x.value, [-1, *shape]), tuple(shape), _mask_of_rows(inner, x))
    output = build(inner, rows)
    return Tensor(op.Reshape(output.value, [-1, steps, *output.shape]), (steps, *output.shape), x.mask)


def _mask_of_rows(inner: Layer, x: Tensor) -> ir.Value | None:
    if x.mask is None or inner.type not in TAKE_MASKS:
        return None
    assert x.mask.shape is not None
    _, _, *lengths = x.mask.shape
    if not lengths:
        raise NotServable(f"The network can't be exported to ONNX: {inner.type} can't take a mask of single steps.")
    return inner.op.Reshape(x.mask, [-1, *lengths])


@builds("SpectralNormalization")
def spectral_normalization(layer: Layer, x: Tensor) -> Tensor:
    """keras/src/layers/normalization/spectral_normalization.py: the layer; training has normalized its kernel."""
    return build(layer.inner(layer["layer"]), x)
