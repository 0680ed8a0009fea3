"""Chooses how a training's steps run: a fixed rule, never a timing, so that the same request gives the same weights."""

import math

from models.spec import LayerSpec, NetworkSpec
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
"""Layers that XLA was seen to compile with every optimizer, loss and metric, and to run faster than the graph.

Not among them: convolution and pooling, which it made 20 times slower on the CPU, and Dropout, which it made 12 times
slower, because it draws the random numbers of a mask again and again.
"""

RECURRENT = frozenset({"GRU", "LSTM", "SimpleRNN"})
"""Layers whose loop over the time steps XLA compiles into one, which pays while a step is little work."""
MOST_RECURRENT_UNITS = 128
"""With 256 units a graph was as fast: multiplying matrices takes the time then."""

COMPILING_SECONDS = 0.25
"""What a layer adds to the time that XLA takes to compile a step."""
RECURRENT_COMPILING_SECONDS = 0.5
"""What a recurrent layer adds besides."""
LAYER_SECONDS_A_STEP = 3e-5
"""What a step saves for each layer, because its small operations become one piece of machine code."""
TIME_STEP_SECONDS_A_STEP = 5e-5
"""What a step saves for each time step of each recurrent layer."""
PARAMETER_SECONDS_A_STEP = 3e-9
"""What a step saves for each parameter, because the optimizer's arithmetic runs through memory once."""


def choose_execution(spec: NetworkSpec, rows: int, batch_size: int, epochs: int, parameters: int) -> str:
    """`compiled` where XLA compiles every layer well and saves more time than it costs, else `graph`.

    `rows` are the training rows, `parameters` those of the whole network. The constants are rounded measurements of the
    reference jobs on two cores.
    """
    recurrent = [layer for layer in spec.layers if _is_recurrent(layer)]
    if not all(layer.type in COMPILED_WELL or layer in recurrent for layer in spec.layers):
        return GRAPH
    steps = epochs * math.ceil(rows / batch_size)
    layers = len(spec.layers)
    time_steps = len(recurrent) * max(input_.shape[0] for input_ in spec.inputs.values()) if recurrent else 0
    cost = layers * COMPILING_SECONDS + len(recurrent) * RECURRENT_COMPILING_SECONDS
    saving = steps * (
        layers * LAYER_SECONDS_A_STEP + time_steps * TIME_STEP_SECONDS_A_STEP + parameters * PARAMETER_SECONDS_A_STEP
    )
    return COMPILED if saving > cost else GRAPH


def _is_recurrent(layer: LayerSpec) -> bool:
    """Whether it is a recurrent layer that XLA runs faster: not a wide one, and none with dropout."""
    given = layer.parameters
    narrow = layer.type in RECURRENT and given.get("units", 0) <= MOST_RECURRENT_UNITS
    return narrow and not any(given.get(name) for name in ("dropout", "recurrent_dropout", "unroll"))
