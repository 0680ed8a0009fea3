"""The cells of recurrent layers over all steps of a sequence: by ONNX's operator, or by a loop.

The formulas are those of keras/src/layers/rnn: `simple_rnn.py`, `lstm.py` and `gru.py`. The gates are neighbours along
the last axis of `kernel` (inputs, gates · units), `recurrent_kernel` (units, gates · units) and `bias`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir
from onnxscript import OpBuilder

from models.export.activations import activate
from models.export.graph import Layer
from models.export.scan import scan, zeros


@dataclass(frozen=True)
class Operator:
    """ONNX's operator of a cell (https://onnx.ai/onnx/operators)."""

    name: str
    gates: tuple[int, ...]
    """Keras's gates in ONNX's order."""
    activations: tuple[str, ...]
    """Keras's parameters with ONNX's activations f, g and h."""


Activate = Callable[[OpBuilder, str | None, ir.Value], ir.Value]

OPERATORS = {
    # Keras: input, forget, candidate, output. ONNX: input, output, forget, candidate.
    "LSTMCell": Operator("LSTM", (0, 3, 1, 2), ("recurrent_activation", "activation", "activation")),
    # Both: update, reset, candidate.
    "GRUCell": Operator("GRU", (0, 1, 2), ("recurrent_activation", "activation")),
}
"""The operators that are faster than a loop. RNN isn't: ONNX Runtime takes 5 times as long for 256 rows of 32 units."""

ACTIVATIONS: dict[str, tuple[str, *tuple[float, ...]]] = {
    "tanh": ("Tanh",),
    "sigmoid": ("Sigmoid",),
    "relu": ("Relu",),
    "linear": ("Affine", 1.0, 0.0),
    "hard_sigmoid": ("HardSigmoid", 1 / 6, 0.5),
}
"""The activations that ONNX's operators have, with alpha and beta of those that take them. A loop computes others."""


def cells_of(layer: Layer) -> Iterator[Layer]:
    """The cells of a recurrent layer, each of which takes the output of the one before."""
    if layer.type != "RNN":
        name = {"SimpleRNN": "simple_rnn_cell", "LSTM": "lstm_cell", "GRU": "gru_cell"}[layer.type]
        yield Layer(layer.graph, f"{layer.type}Cell", layer.parameters, f"{layer.path}/{name}")
    else:
        yield from _flattened(layer.inner(layer["cell"], kind="cell"))


def _flattened(cell: Layer) -> Iterator[Layer]:
    if cell.type != "StackedRNNCells":
        yield cell
        return
    for index, document in enumerate(cell["cells"]):
        yield from _flattened(cell.inner(document, index=index, kind="cell"))


def run_cell(cell: Layer, x: ir.Value, lengths: ir.Value | None, backwards: bool) -> tuple[ir.Value, ir.Value]:
    """The outputs (steps, rows, units) of a cell for all steps of x (steps, rows, inputs), and the last one (rows,
    units). `backwards` begins with the last step; each output stays at its input's step.

    The states are zeros before the first step. `lengths` (rows,) int32: the number of steps of each row, at least 1;
    outputs after it have no meaning.
    """
    operator = OPERATORS.get(cell.type)
    if operator is not None:
        names = [cell[parameter] or "linear" for parameter in operator.activations]
        if all(name in ACTIVATIONS for name in names):
            return _by_operator(cell, operator, names, x, lengths, backwards)
    return _by_loop(cell, x, backwards)


def _by_operator(
    cell: Layer, operator: Operator, names: Sequence[str], x: ir.Value, lengths: ir.Value | None, backwards: bool
) -> tuple[ir.Value, ir.Value]:
    op, functions = cell.op, [ACTIVATIONS[name] for name in names]
    options: dict[str, Any] = {
        "hidden_size": cell["units"],
        "direction": "reverse" if backwards else "forward",
        "activations": [name for name, *_ in functions],
    }
    if parameters := [values for _, *values in functions if values]:
        options["activation_alpha"], options["activation_beta"] = map(list, zip(*parameters, strict=True))
    if operator.name == "GRU":
        options["linear_before_reset"] = int(cell["reset_after"])
    kernels = (_in_onnx_order(cell, operator, cell.weight(name)) for name in ("kernel", "recurrent_kernel"))
    w, r = (op.Unsqueeze(op.Transpose(kernel, perm=[1, 0]), [0]) for kernel in kernels)
    make = getattr(op, operator.name)
    outputs, last = make(x, w, r, _bias(cell, operator), lengths, _outputs=2, **options)
    return op.Squeeze(outputs, [1]), op.Squeeze(last, [0])


def _bias(cell: Layer, operator: Operator) -> ir.Value | None:
    """The biases of the input and of the state in a row, (1, 2 · gates · units). Keras has two only in a GRU with
    `reset_after`, (2, gates · units)."""
    op, length = cell.op, 2 * len(operator.gates) * cell["units"]
    if not cell["use_bias"]:
        return None
    if operator.name == "GRU" and cell["reset_after"]:
        return op.Reshape(cell.weight("bias"), [1, length])
    bias = _in_onnx_order(cell, operator, op.Reshape(cell.weight("bias"), [1, length // 2]))
    return op.Pad(bias, [0, 0, 0, length // 2])


def _in_onnx_order(cell: Layer, operator: Operator, weight: ir.Value) -> ir.Value:
    if list(operator.gates) == sorted(operator.gates):
        return weight
    gates = _split(cell.op, weight, len(operator.gates))
    return cell.op.Concat(*(gates[gate] for gate in operator.gates), axis=1)


def _split(op: OpBuilder, value: ir.Value, parts: int, axis: int = 1) -> Sequence[ir.Value]:
    return op.Split(value, axis=axis, num_outputs=parts, _outputs=parts)


def _by_loop(cell: Layer, x: ir.Value, backwards: bool) -> tuple[ir.Value, ir.Value]:
    """The inputs of all steps are projected before the loop."""
    op, kernel, bias = cell.op, cell.weight("kernel"), None
    assert kernel.shape is not None
    projected = op.MatMul(x, kernel)
    if cell["use_bias"]:
        bias = cell.weight("bias")
        if cell.type == "GRUCell" and cell["reset_after"]:
            input_bias, bias = _split(op, bias, 2, axis=0)
            projected = op.Add(projected, input_bias)
        else:
            projected, bias = op.Add(projected, bias), None
    projected.shape = ir.Shape([None, None, kernel.shape[-1]])
    step, states = STEPS[cell.type]
    initial = [zeros(cell, x, [cell["units"]]) for _ in range(states)]
    recurrent = cell.weight("recurrent_kernel")
    return scan(
        cell,
        lambda op, given, states: step(op, cell, given[0], states, recurrent, bias),
        [projected],
        initial,
        backwards,
    )


def _simple_step(
    op: OpBuilder, cell: Layer, x: ir.Value, states: Sequence[ir.Value], kernel: ir.Value, _: ir.Value | None
) -> list[ir.Value]:
    """h' = activation(x + h · kernel)."""
    return [activate(op, cell["activation"], op.Add(x, op.MatMul(states[0], kernel)))]


def _lstm_step(
    op: OpBuilder, cell: Layer, x: ir.Value, states: Sequence[ir.Value], kernel: ir.Value, _: ir.Value | None
) -> list[ir.Value]:
    """i, f, g, o = the quarters of x + h · kernel; see lstm_states."""
    h, c = states
    return lstm_states(op, cell, _split(op, op.Add(x, op.MatMul(h, kernel)), 4), c)


def lstm_states(
    op: OpBuilder, cell: Layer, gates: Sequence[ir.Value], c: ir.Value, activate: Activate = activate
) -> list[ir.Value]:
    """c' = σ(f) · c + σ(i) · activation(g), h' = σ(o) · activation(c'), with σ = recurrent_activation."""
    i, f, g, o = gates
    activation, recurrent = cell["activation"], cell["recurrent_activation"]
    new = op.Add(op.Mul(activate(op, recurrent, f), c), op.Mul(activate(op, recurrent, i), activate(op, activation, g)))
    return [op.Mul(activate(op, recurrent, o), activate(op, activation, new)), new]


def _gru_step(
    op: OpBuilder, cell: Layer, x: ir.Value, states: Sequence[ir.Value], kernel: ir.Value, bias: ir.Value | None
) -> list[ir.Value]:
    """z = σ(x_z + h · kernel_z), r = σ(x_r + h · kernel_r), h' = z · h + (1 - z) · activation(x_g + candidate); the
    candidate is r · (h · kernel_g) with `reset_after`, otherwise (r · h) · kernel_g. `bias` is added after the kernel.
    """
    (h,), recurrent = states, cell["recurrent_activation"]
    x_z, x_r, x_g = _split(op, x, 3)
    if cell["reset_after"]:
        inner = op.MatMul(h, kernel)
        h_z, h_r, h_g = _split(op, inner if bias is None else op.Add(inner, bias), 3)
        candidate = op.Mul(activate(op, recurrent, op.Add(x_r, h_r)), h_g)
    else:
        k_z, k_r, k_g = _split(op, kernel, 3)
        h_z = op.MatMul(h, k_z)
        candidate = op.MatMul(op.Mul(activate(op, recurrent, op.Add(x_r, op.MatMul(h, k_r))), h), k_g)
    z = activate(op, recurrent, op.Add(x_z, h_z))
    new = activate(op, cell["activation"], op.Add(x_g, candidate))
    return [op.Add(op.Mul(z, h), op.Mul(op.Sub(1.0, z), new))]


STEPS: Mapping[str, tuple[Callable[..., list[ir.Value]], int]] = {
    "SimpleRNNCell": (_simple_step, 1),
    "LSTMCell": (_lstm_step, 2),
    "GRUCell": (_gru_step, 1),
}
"""The step of each cell, and the number of its states."""
