"""Masks in exported networks, where Keras's layers affect each other."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.building import build_network
from models.export import export_onnx
from models.limits import Limits
from models.parity import compare_with_keras
from models.spec import NetworkSpec
from models.weights import weight_values

HEADS = {"type": "MultiHeadAttention", "num_heads": 1, "key_dim": 2}
EMBEDDING = {"type": "Embedding", "input_dim": 5, "output_dim": 3, "mask_zero": True, "name": "words"}
LAST = {"type": "LSTM", "units": 2}
TOKENS = np.array([[1, 0, 2, 4], [0, 3, 1, 0], [2, 0, 0, 0], [0, 0, 0, 0]], np.float32)
"""Rows that are masked at the beginning, in between, at the end, and everywhere."""


def compare(layers: list[dict[str, Any]], path: Path) -> None:
    document = {
        "task": "regression",
        "input": {"shape": [4]},
        "layers": [EMBEDDING, *layers],
        "optimizer": "sgd",
        "loss": "mse",
    }
    spec = NetworkSpec.from_document(document)
    network = build_network(spec, Limits(), seed=3)
    export_onnx(spec, weight_values(network), path)
    compare_with_keras(network, path, {"input": TOKENS})


@pytest.mark.parametrize(
    "branches",
    [
        ["words", "attention"],
        ["attention", "words"],
        ["copy", "attention"],
    ],
)
def test_attention_takes_the_masks_of_layers_that_come_later(branches: list[str], tmp_path: Path) -> None:
    layers = [
        {"type": "Dropout", "rate": 0.1, "name": "copy", "inputs": ["words"]},
        HEADS | {"name": "attention", "inputs": ["words", "words"]},
        {"type": "LayerNormalization", "name": "apart", "inputs": ["words"]},
        {"type": "Add", "name": "sum", "inputs": branches},
        {"type": "Add", "name": "all", "inputs": ["sum", "apart"]},
        LAST,
    ]
    compare(layers, tmp_path / "network.onnx")


@pytest.mark.parametrize(
    "layers",
    [
        [{"type": "Bidirectional", "layer": {**LAST, "return_sequences": True, "unroll": True}}, LAST],
        [{"type": "RNN", "cell": {"type": "GRUCell", "units": 2}, "go_backwards": True, "zero_output_for_mask": True}],
        [{**LAST, "activation": "gelu", "return_sequences": True, "go_backwards": True}, LAST],
        [HEADS | {"inputs": ["words", "words"], "dropout": 0.5}, LAST],
        [{"type": "Attention", "inputs": ["words", "words"]}, {"type": "TimeDistributed", "layer": {"type": "ReLU"}}, LAST],
    ],
    ids=["bidirectional", "cell", "loop", "heads", "distributed"],
)  # fmt: skip
def test_masks_may_have_holes(layers: list[dict[str, Any]], tmp_path: Path) -> None:
    compare(layers, tmp_path / "network.onnx")
