"""The choice between graph and compiled: a rule on spec, rows and epochs, which needs no Keras."""

import subprocess
import sys
from typing import Any

import pytest

from models.spec import NetworkSpec
from models.training.arithmetic import explain_arithmetic, find_no_bfloat16
from models.training.execution import choose_execution, requested


def spec(*layers: dict[str, Any]) -> NetworkSpec:
    document = {"task": "multiclass", "input": {"shape": [28, 28]}, "optimizer": "adam", "loss": "crossentropy"}
    return NetworkSpec.from_document({**document, "layers": list(layers)})


DENSE = {"type": "Dense", "units": 512}
MNIST = spec({"type": "Flatten"}, DENSE, DENSE)


def test_a_dense_network_with_much_to_do_is_compiled() -> None:
    assert choose_execution(MNIST, rows=60_000, batch_size=128, epochs=5, parameters=407_050).execution == "compiled"


def test_a_job_that_ends_before_compiling_would_pay_stays_a_graph() -> None:
    assert choose_execution(MNIST, rows=1_000, batch_size=128, epochs=5, parameters=407_050).execution == "graph"
    assert choose_execution(spec(DENSE), rows=6, batch_size=32, epochs=500, parameters=2).execution == "graph"
    assert choose_execution(spec(*[DENSE] * 5), rows=600, batch_size=32, epochs=50, parameters=117).execution == "graph"


def test_a_small_network_is_compiled_when_its_steps_are_many() -> None:
    assert (
        choose_execution(spec(*[DENSE] * 5), rows=60_000, batch_size=32, epochs=50, parameters=117).execution
        == "compiled"
    )


def test_a_graph_of_such_layers_is_compiled_too() -> None:
    merge = {"type": "Add", "inputs": ["dense", "dense_1"]}
    network = spec({"type": "Flatten"}, DENSE, DENSE, merge, DENSE)
    assert choose_execution(network, rows=60_000, batch_size=128, epochs=5, parameters=407_050).execution == "compiled"


@pytest.mark.parametrize("layer", ["Conv2D", "MaxPooling2D", "GlobalAveragePooling2D", "Dropout", "SomethingNew"])
def test_a_layer_that_xla_runs_slowly_or_that_is_unknown_keeps_the_graph(layer: str) -> None:
    network = spec({"type": layer}, DENSE)
    assert choose_execution(network, rows=60_000, batch_size=128, epochs=100, parameters=407_050).execution == "graph"


def test_a_narrow_recurrent_network_is_compiled_when_its_steps_are_many() -> None:
    def chosen(rows: int, **layer: Any) -> str:
        return choose_execution(spec(layer, DENSE), rows, batch_size=64, epochs=4, parameters=24_000).execution

    assert (
        chosen(12_800, type="GRU", units=64) == chosen(12_800, type="LSTM", units=64, activation="relu") == "compiled"
    )
    assert chosen(1_000, type="GRU", units=64) == "graph"
    assert chosen(64_000, type="LSTM", units=32) == "compiled"
    assert chosen(12_800, type="LSTM", units=32) == "graph", "fused, a graph is nearly as fast"


def test_a_wider_lstm_that_runs_fused_keeps_the_graph() -> None:
    network = spec({"type": "LSTM", "units": 64}, DENSE)
    choice = choose_execution(network, rows=60_000, batch_size=64, epochs=50, parameters=24_000)
    assert choice == ("graph", "XLA isn't known to run LSTM faster than a graph on the CPU.")


@pytest.mark.parametrize("options", [{"units": 256}, {"units": 64, "dropout": 0.1}, {"units": 8, "unroll": True}])
def test_a_wide_recurrent_layer_or_one_with_dropout_keeps_the_graph(options: dict[str, Any]) -> None:
    network = spec({"type": "GRU", **options}, DENSE)
    assert choose_execution(network, rows=60_000, batch_size=32, epochs=50, parameters=60_000).execution == "graph"


def test_a_choice_says_why() -> None:
    reasons = {
        choose_execution(MNIST, rows=rows, batch_size=128, epochs=5, parameters=407_050).reason
        for rows in (1_000, 60_000)
    }
    assert reasons == {
        "Compiling takes about 0.8 s, more than it saves in 40 steps.",
        "Compiling takes about 0.8 s and saves more in 2,345 steps.",
    }
    assert requested("compiled") == ("compiled", "The request chose `compiled`.")


def test_the_reason_says_what_runs_fused_or_in_bfloat16() -> None:
    plain, normalized = spec(DENSE, DENSE), spec(DENSE, {"type": "BatchNormalization"}, DENSE)
    assert list(explain_arithmetic(plain, "sgd", "graph", "float32")) == []
    (fused,) = explain_arithmetic(normalized, "sgd", "graph", "float32")
    assert fused.startswith("BatchNormalization runs as a fused operation")
    assert list(explain_arithmetic(normalized, "sgd", "compiled", "float32")) == []
    (lowered,) = explain_arithmetic(normalized, "sgd", "compiled", "bfloat16")
    assert lowered.startswith("2 of 3 layers compute in bfloat16")
    assert list(explain_arithmetic(spec(DENSE), "sgd", "graph", "bfloat16")) == [
        "No layer computes in bfloat16: only convolutions, dense layers, attention and the layers after them can, and "
        "the last layer stays in float32."
    ]


def test_a_network_without_a_layer_in_bfloat16_is_known_before_it_trains() -> None:
    assert find_no_bfloat16(spec(DENSE, DENSE), "bfloat16") is None
    assert find_no_bfloat16(spec(DENSE), "float32") is None
    detail = find_no_bfloat16(spec(DENSE), "bfloat16")
    assert detail is not None
    assert detail.startswith("No layer computes in bfloat16: ")
    assert detail.endswith(" The network trains in float32.")


def test_the_reason_counts_wrapped_and_pretrained_layers_but_not_frozen_ones() -> None:
    normalization = {"type": "BatchNormalization"}
    inner = {"input": {"name": "input", "shape": [4]}, "layers": [DENSE, normalization]}
    wrapped = spec(DENSE, {"type": "TimeDistributed", "layer": normalization}, DENSE)
    pretrained = spec({"type": "Pretrained", "network": inner}, DENSE)
    frozen = spec({"type": "Pretrained", "network": inner, "trainable": False}, DENSE)
    for network, sentences in ((wrapped, 1), (pretrained, 1), (frozen, 0)):
        assert len(list(explain_arithmetic(network, "sgd", "graph", "float32"))) == sentences
    (lowered,) = explain_arithmetic(frozen, "sgd", "graph", "bfloat16")
    assert lowered.startswith("2 of 3 layers compute in bfloat16")


def test_the_reason_names_every_piece_that_runs_fused() -> None:
    def pieces(optimizer: str, *layers: dict[str, Any]) -> str:
        return " ".join(explain_arithmetic(spec(*layers, DENSE), optimizer, "graph", "float32")).partition(" run")[0]

    lstm, embedding = {"type": "LSTM", "units": 4}, {"type": "Embedding", "input_dim": 9, "output_dim": 2}
    wrapped = {"type": "Bidirectional", "layer": lstm}
    assert pieces("adam", {"type": "BatchNormalization"}, lstm) == "BatchNormalization, LSTM and Adam"
    assert pieces("sgd", wrapped) == "LSTM"
    assert pieces("AdamW", embedding) == "AdamW"
    assert pieces("sgd", embedding) == pieces("adam") == ""
    frozen = {"trainable": False}
    assert pieces("adam", {**lstm, **frozen}) == "LSTM and Adam"
    assert pieces("adam", {**embedding, **frozen}) == "Adam"
    assert pieces("adam", {"type": "BatchNormalization", **frozen}) == ""
    for masking in ({"type": "Masking"}, {**embedding, "mask_zero": True}):
        assert pieces("sgd", masking, lstm) == "", "masked steps need Keras's loop"
    assert pieces("sgd", {**lstm, "activation": {"type": "tanh"}}) == "LSTM"
    for option in ({"dropout": 0.1}, {"activation": {"type": "relu"}}, {"recurrent_activation": "tanh"}, {"units": 97}):
        assert pieces("sgd", {**lstm, **option}) == ""
        assert pieces("sgd", {**wrapped, "layer": {**lstm, **option}, "backward_layer": lstm}) == "LSTM"


def test_plan_and_choice_import_no_tensorflow() -> None:
    code = "import sys, models.training.plan, models.training.execution; print('tensorflow' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
