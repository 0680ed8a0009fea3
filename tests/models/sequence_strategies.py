"""Strategies for the layers of sequences, of attention, and those that apply another layer, for the fuzz of the
exporter."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.models.layer_strategies import FuzzCase, Shape, activation, booleans, chosen, lengths, optional

RATE = st.sampled_from([0.0, 0.25])
GATES = st.sampled_from(["sigmoid", "hard_sigmoid", "tanh", "softsign", "hard_tanh", "softmax", "sparsemax"])
"""Activations whose outputs are small. With others, states grow from step to step, and with them rounding errors."""
COMMON = {"activation": activation().filter(lambda name: name != "exponential"), "use_bias": st.booleans()}
GATED = COMMON | {"recurrent_activation": GATES}
ORDER = {"return_sequences": st.booleans(), "go_backwards": st.booleans()}
CELLS = {"SimpleRNN": COMMON, "LSTM": GATED, "GRU": GATED | {"reset_after": st.booleans()}}
Layers = SearchStrategy[dict[str, Any]]


def recurrent(type_: str) -> Layers:
    """A layer SimpleRNN, LSTM or GRU. Half of them have the activations that ONNX's operators have."""
    plain = {name: value for name, value in CELLS[type_].items() if not name.endswith("activation")}
    usual = optional(**plain, **ORDER, unroll=st.booleans())
    any_ = optional(**CELLS[type_], **ORDER, unroll=st.booleans())
    return st.tuples(usual | any_, lengths()).map(lambda drawn: {"type": type_, "units": drawn[1]} | drawn[0])


def cell() -> Layers:
    single = st.sampled_from(sorted(CELLS)).flatmap(
        lambda type_: st.tuples(optional(**CELLS[type_]), lengths()).map(
            lambda drawn: {"type": f"{type_}Cell", "units": drawn[1]} | drawn[0]
        )
    )
    stacked = st.lists(single, min_size=2, max_size=3).map(lambda cells: {"type": "StackedRNNCells", "cells": cells})
    return single | stacked


def rnn() -> Layers:
    parameters = optional(**ORDER, unroll=st.booleans(), zero_output_for_mask=st.booleans())
    return st.tuples(parameters, cell()).map(lambda drawn: {"type": "RNN", "cell": drawn[1]} | drawn[0])


@st.composite
def conv_lstm(draw: st.DrawFn, rank: int) -> dict[str, Any]:
    sizes = st.integers(1, 3) | st.lists(st.integers(1, 3), min_size=rank, max_size=rank)
    parameters: dict[str, Any] = {"filters": draw(lengths(1, 3)), "kernel_size": draw(sizes)}
    parameters[draw(st.sampled_from(["strides", "dilation_rate"]))] = draw(sizes)
    options = optional(**GATED, **ORDER, padding=st.sampled_from(["valid", "same"]))
    return {"type": f"ConvLSTM{rank}D"} | parameters | draw(options)


@st.composite
def bidirectional(draw: st.DrawFn, inner: Layers) -> dict[str, Any]:
    layer = draw(inner)
    parameters = draw(optional(merge_mode=st.sampled_from(["concat", "sum", "mul", "ave"])))
    if draw(st.booleans()):
        backward = layer | {"go_backwards": not layer.get("go_backwards", False)}
        parameters["backward_layer"] = backward | draw(booleans("use_bias")) if "cell" not in layer else backward
    else:
        layer = layer | {"go_backwards": False}
    return {"type": "Bidirectional", "layer": layer} | parameters


def any_recurrent() -> Layers:
    return st.one_of(rnn(), *map(recurrent, CELLS))


@st.composite
def of_steps(draw: st.DrawFn, layers: Layers, more: int = 0) -> FuzzCase:
    """A layer of sequences whose steps have `more` dimensions besides the features."""
    shape = draw(st.tuples(*[lengths(1, 6)] * (2 + more)))
    layer = draw(layers)
    return FuzzCase(layer.pop("type"), layer, (shape,), masked=(draw(st.booleans()),))


ROW_LAYERS: dict[int, list[Any]] = {
    1: [{"type": "Dense", "units": 3}, {"type": "BatchNormalization"}, {"type": "Softmax"}],
    2: [{"type": "Conv1D", "filters": 2, "kernel_size": 1}, {"type": "GlobalAveragePooling1D"}, {"type": "Softmax"}],
    3: [{"type": "Conv2D", "filters": 2, "kernel_size": 2, "padding": "same"}, {"type": "Flatten"}],
}  # fmt: skip


@st.composite
def time_distributed(draw: st.DrawFn) -> FuzzCase:
    rank = draw(lengths(1, 3))
    layer = draw(st.sampled_from(ROW_LAYERS[rank]))
    if rank == 2 and draw(st.booleans()):
        layer = draw(any_recurrent() | bidirectional(any_recurrent()))
    elif rank > 1 and draw(st.booleans()):
        layer = {"type": "TimeDistributed", "layer": draw(st.sampled_from(ROW_LAYERS[rank - 1]))}
    shape = draw(st.tuples(*[lengths(1, 4)] * (rank + 1)))
    return FuzzCase("TimeDistributed", {"layer": layer}, (shape,), masked=(draw(st.booleans()),))


@st.composite
def spectral_normalization(draw: st.DrawFn) -> FuzzCase:
    layer = draw(
        st.sampled_from(
            [
                {"type": "Dense", "units": 3},
                {"type": "Conv1D", "filters": 2, "kernel_size": 1},
                {"type": "DepthwiseConv1D", "kernel_size": 2, "padding": "same"},
            ]
        )
    )
    shape = draw(st.tuples(lengths(), lengths()))
    return FuzzCase("SpectralNormalization", {"layer": layer}, (shape,), masked=(draw(st.booleans()),))


@st.composite
def attended(draw: st.DrawFn, type_: str, parameters: Layers, same: bool = True, more: bool = False) -> FuzzCase:
    """Query, value and perhaps key, with the `same` number of features; with `more`, perhaps of several dimensions.

    Those take no mask: Keras's has one axis too few for them, and the export is refused.
    """
    before = draw(st.lists(lengths(1, 3), max_size=1)) if more else []
    query, value, features = draw(lengths()), draw(lengths()), draw(lengths())
    shapes: list[Shape] = [(*before, query, features), (*before, value, features if same else draw(lengths()))]
    if draw(st.booleans()):
        shapes.append((*before, value, features if same else draw(lengths())))
    drawn = draw(parameters)
    if draw(st.booleans()) and before:
        drawn["attention_axes"] = draw(st.sampled_from([[1], [2], [1, 2], [2, 1], [-2], 2]))
    return FuzzCase(type_, drawn, tuple(shapes), masked=tuple(draw(st.booleans()) and not before for _ in shapes))


@st.composite
def multi_head(draw: st.DrawFn) -> dict[str, Any]:
    parameters = {"num_heads": draw(lengths(1, 3)), "key_dim": draw(lengths(1, 3))}
    shape = lengths(1, 3) | st.lists(lengths(1, 3), min_size=1, max_size=2)
    return parameters | draw(optional(value_dim=lengths(1, 3), output_shape=shape, **HEADS))


@st.composite
def grouped(draw: st.DrawFn) -> dict[str, Any]:
    shared = draw(lengths(1, 3))
    heads = {"num_query_heads": shared * draw(lengths(1, 3)), "num_key_value_heads": shared}
    return heads | {"head_dim": draw(lengths(1, 3))} | draw(optional(**HEADS))


HEADS = {"use_bias": st.booleans(), "use_gate": st.booleans(), "sliding_window": lengths(1, 4), "dropout": RATE}
SCORES = optional(use_scale=st.booleans(), score_mode=st.sampled_from(["dot", "concat"]), dropout=RATE)

SEQUENCE_CASES: dict[str, SearchStrategy[FuzzCase]] = {
    **{type_: of_steps(recurrent(type_)) for type_ in CELLS},
    "RNN": of_steps(rnn()),
    **{f"ConvLSTM{rank}D": of_steps(conv_lstm(rank), rank) for rank in (1, 2, 3)},
    "Bidirectional": of_steps(bidirectional(any_recurrent())) | of_steps(bidirectional(conv_lstm(1)), 1),
    "TimeDistributed": time_distributed(),
    "SpectralNormalization": spectral_normalization(),
    "Attention": attended("Attention", SCORES),
    "AdditiveAttention": attended("AdditiveAttention", chosen(optional(use_scale=st.booleans(), dropout=RATE))),
    "MultiHeadAttention": attended("MultiHeadAttention", multi_head(), same=False, more=True),
    "GroupQueryAttention": attended("GroupQueryAttention", grouped()),
}
"""The strategy of each layer type."""
