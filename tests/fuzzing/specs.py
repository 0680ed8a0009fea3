"""Edited specs of models, which are built without being stored, and of datasets without files."""

import json
from functools import cache
from typing import Any

from hypothesis import strategies as st

from tests.fuzzing.edits import edited_document
from tests.fuzzing.request import JSON, WAITING, Request
from tests.fuzzing.versions import MIXED, PAIR, PAIR_DATASET
from tests.journeys.specs import LINE, LINE_DATASET, RINGS_DATASET, STATEFUL, classifier
from tests.models.layer_cases import LAYERS, network_of
from tests.running_service import ROOT

CATALOGUE = ROOT / "models" / "catalogue" / "catalogue.json"

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
    {"source": "iris", "split": {"validation": 0.1, "test": 0.1, "seed": 1}},
    {"source": "spirals", "parameters": {"samples": 50, "seed": 1}},
)
DATASET_WORDS = ("line", "circles", "moons", "xor", "blobs", "sine", "wine", "inline", "upload", "left", "kind", "date")


@cache
def catalogue() -> dict[str, Any]:
    """What a spec may contain, as `GET /v1/layer-types` and the other routes of the catalogue describe it."""
    document: dict[str, Any] = json.loads(CATALOGUE.read_text())
    return document


@cache
def model_words() -> tuple[Any, ...]:
    """Names of components and of their parameters, and other values that a spec may contain."""
    components = [component for kind in catalogue().values() if isinstance(kind, list) for component in kind]
    names = {name for one in components for name in (one["type"], *(each["name"] for each in one["parameters"]))}
    return (*sorted(names), 0.5, 2, [2, 2], [1], {"type": "Dense", "units": 2})


def values_of(parameter: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values for a parameter of the catalogue, most of which are valid."""
    kind, few = parameter["type"], st.integers(-1, 9)
    if parameter["allowed"]:
        return st.sampled_from(parameter["allowed"])
    if kind in ("activation", "initializer", "regularizer", "constraint"):
        return st.sampled_from([one["type"] for one in catalogue()[f"{kind}s"]])
    values: dict[str, st.SearchStrategy[Any]] = {
        "boolean": st.booleans(),
        "integer": few,
        "integers": few | st.lists(few, max_size=3),
        "number": st.floats(-2, 2) | st.sampled_from((0, 1, 1e-30, 1e30)),
        "numbers": st.floats(-1, 2) | st.lists(st.floats(-1, 2), max_size=3),
        "layer": st.just({"type": "Dense", "units": 2}),
    }
    return values.get(kind, st.sampled_from((None, 1, "same", [1, 2])))


@st.composite
def networks(draw: st.DrawFn) -> dict[str, Any]:
    """A network with a layer of any type, some of whose parameters have other values."""
    type_ = draw(st.sampled_from([*LAYERS]))
    network = network_of(type_, draw(st.sampled_from(LAYERS[type_])))
    parameters = next(layer["parameters"] for layer in catalogue()["layers"] if layer["type"] == type_)
    for parameter in draw(st.lists(st.sampled_from(parameters), max_size=2)) if parameters else ():
        network["layers"][0] = {**network["layers"][0], parameter["name"]: draw(values_of(parameter))}
    return network


@st.composite
def models(draw: st.DrawFn) -> Request:
    document = draw(networks() | edited_document(MODELS, model_words()))
    return _post("/v1/models?dry_run=true", document)


@st.composite
def datasets(draw: st.DrawFn) -> Request:
    return _post("/v1/datasets", draw(edited_document(DATASETS, DATASET_WORDS)))


def _post(path: str, document: Any) -> Request:
    """A request with the document under a name that is free."""
    return Request("POST", path, json.dumps({**document, "name": "fuzzed"}).encode(), JSON | WAITING)
