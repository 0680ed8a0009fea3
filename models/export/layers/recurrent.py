"""Recurrent layers, in one direction or two.

Keras returns the outputs of a layer with `go_backwards` in the order in which it computes them.
"""

from collections.abc import Callable

import onnx_ir as ir

from models.export.graph import Layer, Tensor
from models.export.layers.cells import cells_of, run_cell
from models.export.layers.conv_lstm import conv_lstm_at_steps
from models.export.recurrence import reverse, run
from models.export.registry import builds


@builds("SimpleRNN", "LSTM", "GRU", "RNN")
def recurrent(layer: Layer, x: Tensor) -> Tensor:
    """The last output of the cells, or with `return_sequences` all of them."""
    return _in_order(layer, recurrent_at_steps(layer, x, layer.parameters.get("zero_output_for_mask", False)))


@builds("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
def conv_lstm(layer: Layer, x: Tensor) -> Tensor:
    """As LSTM, with convolutions instead of products."""
    return _in_order(layer, conv_lstm_at_steps(layer, x, False))


def recurrent_at_steps(layer: Layer, x: Tensor, zero_masked: bool) -> Tensor:
    """The layer's output, each at its input's step."""
    cells = list(cells_of(layer))

    def loop(value: ir.Value, lengths: ir.Value | None, backwards: bool) -> tuple[ir.Value, ir.Value]:
        last = value
        for cell in cells:
            value, last = run_cell(cell, value, lengths, backwards)
        return value, last

    steps = x.shape[:1] if layer["return_sequences"] else ()
    return Tensor(run(layer, x, loop, zero_masked), (*steps, cells[-1]["units"]), x.mask if steps else None)


def at_steps(layer: Layer, x: Tensor, zero_masked: bool) -> Tensor:
    """The output of any recurrent layer, each at its input's step."""
    convolutional = layer.type.startswith("Conv")
    return (conv_lstm_at_steps if convolutional else recurrent_at_steps)(layer, x, zero_masked)


def _in_order(layer: Layer, output: Tensor) -> Tensor:
    if not (layer["return_sequences"] and layer["go_backwards"]):
        return output
    return Tensor(reverse(layer, output.value), output.shape, output.mask)


MERGES: dict[str, Callable[[Layer, ir.Value, ir.Value], ir.Value]] = {
    "concat": lambda layer, a, b: layer.op.Concat(a, b, axis=-1),
    "sum": lambda layer, a, b: layer.op.Add(a, b),
    "ave": lambda layer, a, b: layer.op.Div(layer.op.Add(a, b), 2.0),
    "mul": lambda layer, a, b: layer.op.Mul(a, b),
}


@builds("Bidirectional")
def bidirectional(layer: Layer, x: Tensor) -> Tensor:
    """keras/src/layers/rnn/bidirectional.py: `merge_mode` of the outputs of a layer that goes forward and of its copy,
    or `backward_layer`, that goes backward, the second reversed. Masked steps of both are zeros."""
    name = layer.inner(layer["layer"]).path.rpartition("/")[2]
    forward = layer.inner(layer["layer"], f"forward_{name.removeprefix('forward_')}")
    if layer["backward_layer"] is None:
        backward = layer.inner(layer["layer"] | {"go_backwards": True}, f"backward_{name.removeprefix('backward_')}")
    else:
        backward = layer.inner(layer["backward_layer"])
    sequences = forward["return_sequences"]
    first, second = (at_steps(each, x, zero_masked=sequences) for each in (forward, backward))
    values = [first.value, second.value]
    if sequences and forward["go_backwards"]:
        values = [reverse(layer, value) for value in values]
    *others, length = first.shape
    lengths = length + second.shape[-1] if layer["merge_mode"] == "concat" else length
    return Tensor(MERGES[layer["merge_mode"]](layer, *values), (*others, lengths), first.mask)
