"""Loops over the steps of a sequence, as ONNX's Scan."""

from collections.abc import Callable, Sequence

import onnx_ir as ir
from onnxscript import OpBuilder

from models.export.graph import Layer

Step = Callable[[OpBuilder, Sequence[ir.Value], Sequence[ir.Value]], Sequence[ir.Value]]
"""One step: takes what arrives at this step and the states, returns the new states. It makes nodes with the given
OpBuilder; values from outside the loop are visible to it."""


def zeros(layer: Layer, rows_of: ir.Value, shape: Sequence[int]) -> ir.Value:
    """Zeros (rows, *shape), with as many rows as `rows_of` (steps, rows, ...) has."""
    op = layer.op
    lengths = op.Concat(op.Shape(rows_of, start=1, end=2), layer.graph.constant(shape, "int64"), axis=0)
    value = op.Expand(layer.graph.constant(0), lengths)
    value.shape = ir.Shape([None, *shape])
    return value


def scan(
    layer: Layer, step: Step, sequences: Sequence[ir.Value], states: Sequence[ir.Value], backwards: bool
) -> tuple[ir.Value, ir.Value]:
    """Run `step` over `sequences` (steps, rows, ...); `backwards` begins with the last one.

    Returns the first state after each step, (steps, rows, ...) in the order of the sequences, and after all of them.
    """
    graph, direction = layer.graph, int(backwards)
    inputs = [
        ir.Value(name=f"{layer.path}/state_{i}", type=state.type, shape=state.shape) for i, state in enumerate(states)
    ]
    for i, each in enumerate(sequences):
        shape = None if each.shape is None else ir.Shape(each.shape[1:])
        inputs.append(ir.Value(name=f"{layer.path}/step_{i}", type=each.type, shape=shape))

    def body(op: OpBuilder, *given: ir.Value) -> Sequence[ir.Value]:
        new = step(op, given[len(states) :], given[: len(states)])
        return [*new, op.Identity(new[0])]

    # A name of a value in the loop must differ from those outside.
    graph.builder.push_module(layer.path)
    outputs = [ir.Value() for _ in (*states, None)]
    subgraph = graph.builder.subgraph(body, inputs, outputs, name=f"{layer.path}/step")
    graph.builder.pop_module()
    *final, all_ = layer.op.Scan(
        *states,
        *sequences,
        body=subgraph,
        num_scan_inputs=len(sequences),
        scan_input_directions=[direction] * len(sequences),
        scan_output_directions=[direction],
        _outputs=len(states) + 1,
    )
    return all_, final[0]
