"""Runs the time steps of an LSTM as few operations, forward and backward, while a network trains as a graph.

With the inputs x, outputs h and cell states c of the time steps t, the kernels W and R and the bias b, an LSTM computes
(Hochreiter and Schmidhuber, 1997, with the forget gate of Gers et al., 2000)

    (zi, zg, zf, zo) = x[t] W + h[t-1] R + b
    i, g, f, o = sigmoid(zi), tanh(zg), sigmoid(zf), sigmoid(zo)
    c[t] = f c[t-1] + i g
    h[t] = o tanh(c[t])

TensorFlow's BlockLSTM does this for all steps. Its own gradient computes all products step by step, slower than oneDNN.
With the gradients δ[t] of z they are

    ∂h[t-1] = δ[t] Rᵀ    ∂x[t] = δ[t] Wᵀ    ∂W = Σ x[t]ᵀ δ[t]    ∂R = Σ h[t-1]ᵀ δ[t]    ∂b = Σ δ[t]

and only the first must be known before the step t-1. So here the others are products over several steps, which another
core can compute meanwhile.
"""

from functools import partial
from typing import Any, NamedTuple

import keras
import tensorflow as tf

STEPS_AT_ONCE = 8
"""The time steps whose part of the sums is one product. 4 to 10 were equally fast, 14 slower."""


def run_lstm(
    layer: keras.layers.LSTM, sequences: Any, initial_state: Any, mask: Any, training: bool = False
) -> tuple[Any, Any, list[Any]]:
    """What the `inner_loop` of a layer returns: the last output (rows, units), all outputs (rows, steps, units), and
    the last output and cell state (rows, units)."""
    if mask is not None or sequences.dtype != tf.float32 or sequences.shape[1] is None:
        return type(layer).inner_loop(layer, sequences, initial_state, mask, training=training)
    cell = layer.cell
    steps = tf.unstack(sequences, axis=1)  # faster than a transposition
    outputs, state = run_steps(
        tf.stack(steps[::-1] if layer.go_backwards else steps),
        *initial_state,
        reorder_gates(cell.kernel.value),
        reorder_gates(cell.recurrent_kernel.value),
        reorder_gates(cell.bias.value) if cell.use_bias else tf.zeros([4 * cell.units]),
    )
    return outputs[-1], tf.transpose(outputs, [1, 0, 2]), [outputs[-1], state]


def reorder_gates(weights: Any) -> Any:
    """Weights (…, 4 × units) of the input, forget, cell and output gates, in the order of BlockLSTM and
    LSTMBlockCellGrad: input, cell, forget, output."""
    input_, forget, cell, output = tf.split(weights, 4, axis=-1)
    return tf.concat([input_, cell, forget, output], axis=-1)


@tf.custom_gradient
def run_steps(x: Any, output: Any, state: Any, kernel: Any, recurrent_kernel: Any, bias: Any) -> tuple[Any, Any]:
    """The outputs (steps, rows, units) and the last cell state (rows, units) for inputs `x` (steps, rows, features),
    beginning with an output and a cell state; weights as reorder_gates returns them."""
    peepholes = tf.zeros([output.shape[-1]])
    weights = {"w": tf.concat([kernel, recurrent_kernel], 0), "b": bias}
    weights |= dict.fromkeys(("wci", "wcf", "wco"), peepholes)
    forward = tf.raw_ops.BlockLSTM(
        seq_len_max=tf.shape(x, tf.int64)[0],
        x=x,
        cs_prev=state,
        h_prev=output,
        **weights,
        forget_bias=0.0,
        cell_clip=-1.0,
    )

    def run_back(outputs: Any, last_state: Any) -> tuple[Any, ...]:
        return _Backward(_Steps(x, output, state, forward), weights, kernel, recurrent_kernel).run(outputs, last_state)

    return (forward.h, forward.cs[-1]), run_back


class _Part(NamedTuple):
    """What was computed at consecutive time steps, (steps, rows, …) each; names as those of LSTMBlockCellGrad."""

    x: Any
    cs_prev: Any
    h_prev: Any
    i: Any
    cs: Any
    f: Any
    o: Any
    ci: Any
    co: Any


class _Steps(NamedTuple):
    """What was computed at all time steps, the inputs, and the output and cell state before them."""

    x: Any
    output: Any
    state: Any
    forward: Any

    def part(self, begin: Any, count: int) -> _Part:
        """`begin` is 0 or a tensor that isn't. Nothing is copied, but at 0."""

        def before(values: Any, initial: Any) -> Any:
            if isinstance(begin, int):
                return tf.concat([initial[None], values[: count - 1]], 0)
            return values[begin - 1 : begin - 1 + count]

        run = self.forward
        others = (values[begin : begin + count] for values in (run.i, run.cs, run.f, run.o, run.ci, run.co))
        return _Part(self.x[begin : begin + count], before(run.cs, self.state), before(run.h, self.output), *others)


class _Carried(NamedTuple):
    """What a time step passes to the one before it: the gradients of the output and cell state before it, those of the
    weights so far, and those of the gates of each part."""

    output: Any
    state: Any
    kernel: Any
    recurrent_kernel: Any
    bias: Any
    gates: tf.TensorArray


class _Backward:
    """The gradients of an LSTM, from its last time step to its first (backpropagation through time)."""

    def __init__(self, steps: _Steps, weights: dict[str, Any], kernel: Any, recurrent_kernel: Any) -> None:
        self._steps, self._weights, self._kernel = steps, weights, kernel
        # A product, because TensorFlow would replace a transposition by slower products with its operand.
        self._transposed = tf.matmul(recurrent_kernel, tf.eye(recurrent_kernel.shape[0]), transpose_a=True)

    def run(self, outputs: Any, last_state: Any) -> tuple[Any, ...]:
        """The gradients of what run_steps takes, for those of what it returns."""
        steps = self._steps.x.shape[0]
        gates, units = self._transposed.shape
        first = (steps - 1) % STEPS_AT_ONCE + 1
        parts = (steps - first) // STEPS_AT_ONCE

        def run_part(part: Any, carried: _Carried) -> tuple[Any, _Carried]:
            begin = first + (part - 1) * STEPS_AT_ONCE
            return part - 1, self._run_part(part, begin, STEPS_AT_ONCE, outputs, carried)

        carried = _Carried(
            tf.zeros_like(last_state),
            last_state,
            tf.zeros_like(self._kernel),
            tf.zeros([units, gates]),
            tf.zeros([1, gates]),
            tf.TensorArray(tf.float32, parts + 1, infer_shape=False, element_shape=[None, gates]),
        )
        _, carried = tf.while_loop(lambda part, _: part > 0, run_part, (tf.constant(parts), carried))
        output, state, kernel, recurrent_kernel, bias, all_gates = self._run_part(0, 0, first, outputs, carried)
        x = tf.reshape(tf.matmul(all_gates.concat(), self._kernel, transpose_b=True), tf.shape(self._steps.x))
        return x, output, state, kernel, recurrent_kernel, bias[0]

    def _run_part(self, part: Any, begin: Any, count: int, outputs: Any, carried: _Carried) -> _Carried:
        """Go back from the step begin + count to `begin`."""
        values = self._steps.part(begin, count)
        split = partial(tf.unstack, num=count)
        steps = [dict(zip(_Part._fields, each, strict=True)) for each in zip(*map(split, values), strict=True)]
        output, state, gates = self._go_back(
            steps, split(outputs[begin : begin + count]), carried.output, carried.state
        )
        x, h_prev = (tf.reshape(each, [-1, each.shape[-1]]) for each in (values.x, values.h_prev))
        return _Carried(
            output,
            state,
            carried.kernel + tf.matmul(x, gates, transpose_a=True),
            carried.recurrent_kernel + tf.matmul(h_prev, gates, transpose_a=True),
            carried.bias + tf.matmul(tf.ones_like(x[:, :1]), gates, transpose_a=True),  # faster than a sum
            carried.gates.write(part, gates),
        )

    def _go_back(
        self, steps: list[dict[str, Any]], outputs: list[Any], output: Any, state: Any
    ) -> tuple[Any, Any, Any]:
        """The gradients of the output and cell state before these steps, and of their gates (steps × rows, 4 × units),
        for those of the `outputs` of these steps, and those that come from the steps behind them."""
        gates = []
        for step, gradient in zip(reversed(steps), reversed(outputs), strict=True):
            state, of_gates, *_ = tf.raw_ops.LSTMBlockCellGrad(
                **step, **self._weights, cs_grad=state, h_grad=gradient + output, use_peephole=False
            )
            output = tf.matmul(of_gates, self._transposed)
            gates.append(of_gates)
        return output, state, tf.concat(gates[::-1], 0)
