"""Chooses how training steps run, by a fixed rule and not by timing, so that equal requests give equal weights."""

import math
from typing import NamedTuple

from models.spec import LayerSpec, NetworkSpec
from models.training.arithmetic import LSTM, is_fused
from models.training.plan import COMPILED, GRAPH

COMPILED_WELL = frozenset(
    {
        "Activation",
        "Add",
        "Average",
        "BatchNormalization",
        "Concatenate",
        "Dense",
        "Dot",
        "Flatten",
        "LeakyReLU",
        "Maximum",
        "Minimum",
        "Multiply",
        "ReLU",
        "Rescaling",
        "Reshape",
        "Softmax",
        "Subtract",
    }
)
"""Layers that XLA compiled with every optimizer, loss and metric in tests, and ran faster than the graph.

Excluded: convolution and pooling, which were 20 times slower on the CPU, and Dropout, which was 12 times slower because
XLA draws the random numbers of a mask repeatedly.
"""

RECURRENT = frozenset({"GRU", "LSTM", "SimpleRNN"})
"""Layers whose loop over the time steps XLA compiles into one, which is faster if a step is small."""
MOST_RECURRENT_UNITS = 128
"""With 256 units a graph was as fast, because matrix multiplication dominates."""
MOST_FUSED_UNITS = 32
"""As MOST_RECURRENT_UNITS, of an LSTM that a graph runs as a fused operation. With 48 units it was as fast."""

COMPILING_SECONDS = 0.25
"""Seconds of XLA's compile time per layer."""
RECURRENT_COMPILING_SECONDS = 0.5
"""Additional seconds of compile time per recurrent layer."""
LAYER_SECONDS_A_STEP = 3e-5
"""Seconds saved per step and layer, because small operations become one piece of machine code."""
TIME_STEP_SECONDS_A_STEP = 5e-5
"""Seconds saved per step, for each time step of each recurrent layer that a graph runs as a loop."""
FUSED_TIME_STEP_SECONDS_A_STEP = 1e-5
"""Seconds saved per step, for each time step of each LSTM that a graph runs as a fused operation."""
PARAMETER_SECONDS_A_STEP = 3e-9
"""Seconds saved per step and parameter, because the optimizer passes through memory once."""


class Choice(NamedTuple):
    """How training steps run, and why, in a sentence for the client."""

    execution: str
    reason: str


def requested(execution: str) -> Choice:
    """What a client chose."""
    return Choice(execution, f"The request chose `{execution}`.")


def choose_execution(spec: NetworkSpec, rows: int, batch_size: int, epochs: int, parameters: int) -> Choice:
    """`compiled` if XLA supports every layer well and saves more time than compiling takes, else `graph`.

    `rows` is the number of training rows, `parameters` that of the whole network. The constants are rounded
    measurements of the reference jobs on two cores.
    """
    recurrent = [layer for layer in spec.layers if _is_recurrent(layer)]
    slow = [layer.type for layer in spec.layers if layer.type not in COMPILED_WELL and layer not in recurrent]
    if slow:
        return Choice(GRAPH, f"XLA isn't known to run {slow[0]} faster than a graph on the CPU.")
    steps = epochs * math.ceil(rows / batch_size)
    layers = len(spec.layers)
    time_steps = max(input_.shape[0] for input_ in spec.inputs.values())
    loops = sum(
        FUSED_TIME_STEP_SECONDS_A_STEP if _runs_fused(layer) else TIME_STEP_SECONDS_A_STEP for layer in recurrent
    )
    cost = layers * COMPILING_SECONDS + len(recurrent) * RECURRENT_COMPILING_SECONDS
    saving = steps * (layers * LAYER_SECONDS_A_STEP + time_steps * loops + parameters * PARAMETER_SECONDS_A_STEP)
    if saving <= cost:
        return Choice(GRAPH, f"Compiling takes about {cost:.1f} s, more than it saves in {steps:,} steps.")
    return Choice(COMPILED, f"Compiling takes about {cost:.1f} s and saves more in {steps:,} steps.")


def _is_recurrent(layer: LayerSpec) -> bool:
    """Whether it is a recurrent layer that XLA runs faster: not a wide one, and not one with dropout."""
    given = layer.parameters
    most = MOST_FUSED_UNITS if _runs_fused(layer) else MOST_RECURRENT_UNITS
    narrow = layer.type in RECURRENT and given.get("units", 0) <= most
    return narrow and not any(given.get(name) for name in ("dropout", "recurrent_dropout", "unroll"))


def _runs_fused(layer: LayerSpec) -> bool:
    return layer.type == LSTM and is_fused(layer.type, layer.parameters)
