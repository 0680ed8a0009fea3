"""Recurrent layers over masked sequences.

keras/src/backend/tensorflow/rnn.py: at a masked step the states stay as they were, and the output repeats the one
before (zeros at the beginning), or is zero with `zero_output_for_mask`. So a masked step is as if it weren't there: the
other steps of each row move together, a layer runs over them, and the outputs move back.
"""

from collections.abc import Callable
from dataclasses import dataclass

import onnx_ir as ir

from models.errors import NotServable
from models.export.graph import Layer, Tensor

Loop = Callable[[ir.Value, ir.Value | None, bool], tuple[ir.Value, ir.Value]]
"""Runs over x (steps, rows, ...): takes x, the lengths of the rows (or None), and whether it begins with the last step;
returns the outputs (steps, rows, ...), each at its input's step, and the last output (rows, ...)."""


def steps_first(layer: Layer, x: ir.Value, rank: int) -> ir.Value:
    """(rows, steps, ...) as (steps, rows, ...), or back. `rank` counts the dimensions of a row."""
    return layer.op.Transpose(x, perm=[1, 0, *range(2, rank + 1)])


def reverse(layer: Layer, x: ir.Value) -> ir.Value:
    """(rows, steps, ...) with the last step first."""
    return layer.op.Slice(x, [-1], [-(2**31)], [1], [-1])


def run(layer: Layer, x: Tensor, loop: Loop, zero_masked: bool) -> ir.Value:
    """The layer's last output (rows, ...) or, with `return_sequences`, all of them (rows, steps, ...), each at its
    input's step. With `go_backwards` Keras's order is the reverse of it."""
    rank, backwards = len(x.shape), layer["go_backwards"]
    if x.mask is None:
        outputs, last = loop(steps_first(layer, x.value, rank), None, backwards)
        return steps_first(layer, outputs, rank) if layer["return_sequences"] else last
    if x.mask.shape is None or len(x.mask.shape) != 2:
        raise NotServable(f"The network can't be exported to ONNX: the mask of {layer.type} isn't one of steps.")
    together = Together.of(layer, x.mask, x.shape[0])
    outputs, _ = loop(steps_first(layer, together.move(x.value), rank), together.lengths(), False)
    outputs = steps_first(layer, outputs, rank)
    if layer["return_sequences"]:
        return together.move_back(outputs, zero_masked)
    return together.last(outputs, zero_masked)


@dataclass(frozen=True)
class Together:
    """Moves the steps that aren't masked to the beginning, in the order in which the layer takes them."""

    layer: Layer
    mask: ir.Value
    """(rows, steps) bool."""
    taken: ir.Value
    """(rows, steps) int64: how many steps that aren't masked the layer has taken after each step."""
    order: ir.Value
    """(rows, steps, 1) int64: the steps that aren't masked in their order, then the others."""

    @classmethod
    def of(cls, layer: Layer, mask: ir.Value, steps: int) -> "Together":
        op, backwards = layer.op, layer["go_backwards"]
        counted = op.Cast(mask, to=ir.DataType.INT64)
        taken = op.CumSum(counted, layer.graph.constant(1, "int64"), reverse=int(backwards))
        places = [step if backwards else -step for step in range(steps)]
        keys = op.Add(op.Mul(counted, 2 * steps), layer.graph.constant([places], "int64"))
        _, order = op.TopK(keys, [steps], _outputs=2)
        return cls(layer, mask, taken, op.Unsqueeze(order, [-1]))

    def lengths(self) -> ir.Value:
        """(rows,) int32: how many steps the layer takes, at least 1, since ONNX's operators need one."""
        op = self.layer.op
        return op.Max(op.Cast(self._total(), to=ir.DataType.INT32), self.layer.graph.constant(1, "int32"))

    def _total(self) -> ir.Value:
        end = 0 if self.layer["go_backwards"] else -1
        return self.layer.op.Gather(self.taken, self.layer.graph.constant(end, "int64"), axis=1)

    def move(self, x: ir.Value) -> ir.Value:
        """(rows, steps, ...)."""
        return self.layer.op.GatherND(x, self.order, batch_dims=1)

    def move_back(self, outputs: ir.Value, zero_masked: bool) -> ir.Value:
        """(rows, steps, units), and at masked steps the output before or zeros."""
        op, kept = self.layer.op, is_positive(self.layer, self.taken)
        if zero_masked:
            mask = self.mask
            if self.layer.parameters.get("unroll") and self.layer["go_backwards"]:
                mask = reverse(self.layer, mask)  # as Keras does, which doesn't reverse it there
            kept = op.And(kept, mask)
        places = op.Unsqueeze(op.Max(op.Sub(self.taken, 1), self.layer.graph.constant(0, "int64")), [-1])
        repeated = op.GatherND(outputs, places, batch_dims=1)
        return op.Where(op.Unsqueeze(kept, [-1]), repeated, 0.0)

    def last(self, outputs: ir.Value, zero_masked: bool) -> ir.Value:
        """(rows, units): the output at the last step."""
        op, total = self.layer.op, self._total()
        places = op.Unsqueeze(op.Max(op.Sub(total, 1), self.layer.graph.constant(0, "int64")), [-1])
        kept = is_positive(self.layer, total)
        if zero_masked:
            end = 0 if self.layer["go_backwards"] else -1
            kept = op.Gather(self.mask, self.layer.graph.constant(end, "int64"), axis=1)
        return op.Where(op.Unsqueeze(kept, [-1]), op.GatherND(outputs, places, batch_dims=1), 0.0)


def is_positive(layer: Layer, value: ir.Value) -> ir.Value:
    return layer.op.Greater(value, layer.graph.constant(0, "int64"))
