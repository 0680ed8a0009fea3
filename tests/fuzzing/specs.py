"""Edited specs of models, which are built without being stored, and of datasets without files."""

import json
from functools import cache
from typing import Any

from hypothesis import strategies as st

from tests.fuzzing.edits import edited_document
from tests.fuzzing.request import JSON, Request
from tests.fuzzing.versions import MIXED, PAIR, PAIR_DATASET
from tests.journeys.specs import LINE, LINE_DATASET, RINGS_DATASET, STATEFUL, classifier
from tests.running_service import ROOT

CATALOGUE = ROOT / "models" / "catalogue"

CONVOLUTIONAL = classifier(
    "convolutional",
    [6, 6, 1],
    2,
    layers=[
        {"type": "Conv2D", "filters": 2, "kernel_size": 3, "padding": "same", "activation": "relu"},
        {"type": "MaxPooling2D", "pool_size": 2},
        {"type": "Flatten"},
        {"type": "Dense", "units": 2, "activation": "softmax"},
    ],
)
RECURRENT = classifier(
    "recurrent",
    [4, 2],
    2,
    layers=[
        {"type": "Bidirectional", "layer": {"type": "LSTM", "units": 3}},
        {"type": "Dense", "units": 2, "activation": "softmax"},
    ],
)
WORDS_NETWORK = classifier(
    "words",
    [5],
    2,
    input={"shape": [5]},
    layers=[
        {"type": "Embedding", "input_dim": 20, "output_dim": 3},
        {"type": "GlobalAveragePooling1D"},
        {"type": "Dense", "units": 2, "activation": "softmax"},
    ],
)
PRETRAINED = LINE | {"layers": [{"type": "Pretrained", "model": "line", "version": 1, "trainable": False}]}
MODELS: tuple[Any, ...] = (LINE, STATEFUL, CONVOLUTIONAL, RECURRENT, WORDS_NETWORK, PAIR, PRETRAINED)
DATASETS: tuple[Any, ...] = (
    LINE_DATASET,
    MIXED,
    PAIR_DATASET,
    RINGS_DATASET | {"parameters": {"samples": 50, "noise": 0.05, "factor": 0.5, "seed": 7}},
    {"name": "fuzzed", "source": "iris", "split": {"validation": 0.1, "test": 0.1, "seed": 1}},
    {"name": "fuzzed", "source": "spirals", "parameters": {"samples": 50, "seed": 1}},
)
DATASET_WORDS = ("line", "circles", "moons", "xor", "blobs", "sine", "wine", "inline", "upload", "left", "kind", "date")


@cache
def model_words() -> tuple[Any, ...]:
    """Names that a spec may contain: of layers, their parameters, and what these accept."""
    words: set[str] = set()
    for path in sorted(CATALOGUE.glob("*.json")):
        _collect(json.loads(path.read_text()), words)
    return (*sorted(words), 0.5, 2, [2, 2], [1], {"type": "Dense", "units": 2})


def _collect(value: Any, words: set[str]) -> None:
    if isinstance(value, dict):
        words.update(name for name in value if name.isidentifier())
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            _collect(item, words)
    elif isinstance(value, str) and value.isidentifier():
        words.add(value)


@st.composite
def models(draw: st.DrawFn) -> Request:
    document = draw(edited_document(MODELS, model_words()))
    return Request("POST", "/v1/models?dry_run=true", json.dumps(document).encode(), JSON)


@st.composite
def datasets(draw: st.DrawFn) -> Request:
    document = draw(edited_document([{**dataset, "name": "fuzzed"} for dataset in DATASETS], DATASET_WORDS))
    name = document.get("name")
    creates = f"/v1/datasets/{name}" if isinstance(name, str) and name.isidentifier() and name.isascii() else None
    return Request("POST", "/v1/datasets", json.dumps(document).encode(), JSON, creates)
