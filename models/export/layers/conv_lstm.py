"""ConvLSTM layers: an LSTM whose products with the kernels are convolutions.

The formula is that of keras/src/layers/rnn/conv_lstm.py.
"""

from collections.abc import Sequence
from functools import partial

import onnx_ir as ir
from onnxscript import OpBuilder

from models.errors import NotServable
from models.export.activations import activate
from models.export.graph import Layer, Tensor
from models.export.layers.cells import lstm_states
from models.export.recurrence import steps_first
from models.export.scan import scan, zeros
from models.export.spatial import pads, per_dimension, same_padding

ALONG_CHANNELS = ("softmax", "log_softmax", "sparsemax")
"""The activations that aren't elementwise."""


def conv_lstm_at_steps(layer: Layer, x: Tensor, zero_masked: bool) -> Tensor:
    """The layer's last output or, with `return_sequences`, all of them, each at its input's step.

    Between the convolutions the channels come first, as ONNX takes them. The inputs of all steps are convolved before
    the loop.
    """
    cell = Layer(layer.graph, layer.type, layer.parameters, f"{layer.path}/conv_lstm_cell")
    op, rank, units = layer.op, len(x.shape) - 2, layer["filters"]
    gates, lengths = _convolve_inputs(cell, x)
    recurrent = op.Transpose(cell.weight("recurrent_kernel"), perm=[rank + 1, rank, *range(rank)])
    padding = pads(same_padding(lengths, per_dimension(layer["kernel_size"], rank), [1] * rank, [1] * rank))

    def step(op: OpBuilder, given: Sequence[ir.Value], states: Sequence[ir.Value]) -> Sequence[ir.Value]:
        inner = op.Add(given[0], op.Conv(states[0], recurrent, pads=padding))
        parts = op.Split(inner, axis=1, num_outputs=4, _outputs=4)
        new = lstm_states(op, cell, parts, states[1], partial(_activate_channels, rank))
        return new if len(given) == 1 else [op.Where(given[1], *pair) for pair in zip(new, states, strict=True)]

    mask = None if x.mask is None else _mask_of_steps(layer, x.mask, lengths)
    initial = [zeros(layer, gates, [units, *lengths]) for _ in range(2)]
    sequences = [gates] if mask is None else [gates, mask]
    outputs, last = scan(cell, step, sequences, initial, layer["go_backwards"])
    if layer["return_sequences"]:
        if mask is not None and zero_masked:
            outputs = op.Where(mask, outputs, 0.0)
        value = op.Transpose(outputs, perm=[1, 0, *range(3, rank + 3), 2])
        return Tensor(value, (x.shape[0], *lengths, units), x.mask)
    return Tensor(op.Transpose(last, perm=[0, *range(2, rank + 2), 1]), (*lengths, units))


def _activate_channels(rank: int, op: OpBuilder, name: str | None, x: ir.Value) -> ir.Value:
    """The activation of (rows, channels, ...); some of them need the channels at the end."""
    if name not in ALONG_CHANNELS:
        return activate(op, name, x)
    last = op.Transpose(x, perm=[0, *range(2, rank + 2), 1])
    return op.Transpose(activate(op, name, last), perm=[0, rank + 1, *range(1, rank + 1)])


def _convolve_inputs(cell: Layer, x: Tensor) -> tuple[ir.Value, list[int]]:
    """All gates' inputs (steps, rows, 4 · filters, ...), and the lengths of their dimensions."""
    op, (steps, *before, channels) = cell.op, x.shape
    rank = len(before)
    sizes, strides, dilations = (
        per_dimension(cell[name], rank) for name in ("kernel_size", "strides", "dilation_rate")
    )
    padding = [(0, 0)] * rank
    if cell["padding"] == "same":
        padding = same_padding(before, sizes, strides, dilations)
    lengths = [
        (length + sum(ends) - (size - 1) * dilation - 1) // stride + 1
        for length, ends, size, dilation, stride in zip(before, padding, sizes, dilations, strides, strict=True)
    ]
    pictures = op.Reshape(steps_first(cell, x.value, rank + 2), [-1, *before, channels])
    convolved = op.Conv(
        op.Transpose(pictures, perm=[0, rank + 1, *range(1, rank + 1)]),
        op.Transpose(cell.weight("kernel"), perm=[rank + 1, rank, *range(rank)]),
        cell.weight("bias") if cell["use_bias"] else None,
        pads=pads(padding),
        strides=strides,
        dilations=dilations,
    )
    gates = op.Reshape(convolved, [steps, -1, 4 * cell["filters"], *lengths])
    gates.shape = ir.Shape([steps, None, 4 * cell["filters"], *lengths])
    return gates, lengths


def _mask_of_steps(layer: Layer, mask: ir.Value, lengths: Sequence[int]) -> ir.Value:
    """The mask (rows, steps) or (rows, steps, ...), of some of the dimensions, as (steps, rows, 1, ..., 1)."""
    assert mask.shape is not None
    _, _, *given = mask.shape
    if any(own not in (1, length) for own, length in zip(given, lengths, strict=False)):
        raise NotServable(f"The network can't be exported to ONNX: the mask of {layer.type} has another shape than it.")
    mask = layer.op.Transpose(mask, perm=[1, 0, *range(2, len(given) + 2)])
    return layer.op.Unsqueeze(mask, [2, *range(len(given) + 3, len(lengths) + 3)])
