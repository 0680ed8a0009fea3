"""Every entry of the catalogue builds and trains a step; parts of the exported graph predict as in Keras."""

import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from models.building import build_network
from models.catalogue import Entry, Parameter, load_catalogue
from models.export import export_onnx
from models.limits import Limits
from models.parity import compare_with_keras, random_rows
from models.spec import NetworkSpec
from models.validation import check_network
from models.validation.metrics import fits
from models.weights import weight_values

CATALOGUE = load_catalogue()
VECTOR = [5]
SPARSE = "SparseCategoricalCrossentropy"

REQUIRED = {
    "recall": 0.5,
    "precision": 0.5,
    "sensitivity": 0.5,
    "specificity": 0.5,
}
"""Values of parameters without defaults."""

OPTIMIZER_VARIANTS = [
    {"type": "SGD", "momentum": 0.9, "nesterov": True, "clipnorm": 1.0},
    {"type": "RMSprop", "centered": True, "momentum": 0.5, "global_clipnorm": 1.0},
    {"type": "Adam", "amsgrad": True, "weight_decay": 0.01, "clipvalue": 0.5},
    {"type": "Adam", "use_ema": True, "ema_overwrite_frequency": 2},
    {"type": "Adam", "gradient_accumulation_steps": 2},
    {"type": "Adafactor", "relative_step": False},
    {"type": "Muon", "nesterov": False},
]

SCHEDULES: dict[str, dict[str, Any]] = {
    "CosineDecay": {"initial_learning_rate": 0.1, "decay_steps": 4, "warmup_target": 0.2, "warmup_steps": 2},
    "CosineDecayRestarts": {"initial_learning_rate": 0.1, "first_decay_steps": 3},
    "ExponentialDecay": {"initial_learning_rate": 0.1, "decay_steps": 2, "decay_rate": 0.5, "staircase": True},
    "InverseTimeDecay": {"initial_learning_rate": 0.1, "decay_steps": 2, "decay_rate": 0.5},
    "PiecewiseConstantDecay": {"boundaries": [1, 3], "values": [0.1, 0.05, 0.01]},
    "PolynomialDecay": {"initial_learning_rate": 0.1, "decay_steps": 4, "power": 2},
}

LOSS_VARIANTS: list[tuple[str, Any]] = [
    ("binary", {"type": "BinaryCrossentropy", "from_logits": True, "label_smoothing": 0.1}),
    ("binary", {"type": "BinaryFocalCrossentropy", "apply_class_balancing": True, "gamma": 1.5}),
    ("multiclass", {"type": "CategoricalCrossentropy", "from_logits": True, "reduction": "sum"}),
    ("multiclass", {"type": SPARSE, "from_logits": True, "ignore_class": 1}),
    ("regression", {"type": "Huber", "delta": 0.5, "reduction": "mean_with_sample_weight"}),
]


def build(task: str, layers: list[dict[str, Any]], shape: list[int], **compiled: Any) -> keras.Model:
    """The network of layers and a head that fits the task."""
    document = network_of(task, layers, shape, **compiled)
    check_network(document, Limits())
    return build_network(NetworkSpec.from_document(document), Limits(), seed=1)


def network_of(task: str, layers: list[dict[str, Any]], shape: list[int], **compiled: Any) -> dict[str, Any]:
    """The document of layers and a head that fits the task."""
    losses = {"regression": "mse", "binary": "bce", "multiclass": "categorical_crossentropy", "multilabel": "bce"}
    units = {"regression": 2, "binary": 1, "multiclass": 3, "multilabel": 3}[task]
    activation = {"regression": "softplus", "multiclass": "softmax"}.get(task, "sigmoid")
    if "from_logits" in compiled.get("loss", ()):
        activation = "linear"
    head = [{"type": "Flatten"}, {"type": "Dense", "units": units, "activation": activation, "name": "head"}]
    return {
        "task": task,
        "input": {"shape": shape},
        "layers": [*layers, *head],
        "optimizer": "sgd",
        "loss": losses[task],
        "metrics": [],
    } | compiled


def train_step(network: keras.Model, task: str, sparse: bool = False) -> dict[str, float]:
    """What one step on four rows reports, which has to be finite."""
    units = network.output_shape[-1]
    inputs = random_rows(network, 4)["input"]
    classes = np.arange(4) % max(units, 2)
    if task == "regression":
        targets = np.linspace(0.5, 2, 4 * units).reshape(4, units)
    else:
        targets = classes.reshape(4, 1) if sparse or task == "binary" else np.eye(units)[classes]
    results: dict[str, float] = network.train_on_batch(inputs, targets.astype(np.float32), return_dict=True)
    for name, value in results.items():
        assert np.ndim(value) == 0, f"{name} is no single number"
        assert math.isfinite(value), f"{name} is {value}"
    return results


def as_posted(entry: Entry) -> dict[str, Any]:
    """The entry with values for its required parameters."""
    required = [parameter for parameter in entry.parameters if parameter.required]
    return {"type": entry.type} | {parameter.name: REQUIRED[parameter.name] for parameter in required}


@pytest.mark.parametrize("activation", [*CATALOGUE.activations, "swish", {"type": "relu"}], ids=str)
def test_activation_trains_and_serves(activation: str | dict[str, str], tmp_path: Path) -> None:
    layers = [{"type": "Dense", "units": 6, "activation": activation}]
    network = build("regression", layers, [3, 4])
    train_step(network, "regression")
    spec = NetworkSpec.from_document(network_of("regression", layers, [3, 4]))
    export_onnx(spec, weight_values(network), tmp_path / "network.onnx")
    compare_with_keras(network, tmp_path / "network.onnx", random_rows(network, 9))


@pytest.mark.parametrize("optimizer", [*CATALOGUE.optimizers, *OPTIMIZER_VARIANTS], ids=str)
def test_optimizer_changes_the_weights(optimizer: str | dict[str, Any]) -> None:
    network = build("multiclass", [{"type": "Dense", "units": 4}], VECTOR, optimizer=optimizer)
    before = network.get_weights()
    for _ in range(2):
        train_step(network, "multiclass")
    assert any((weight != old).any() for weight, old in zip(network.get_weights(), before, strict=True))


@pytest.mark.parametrize("schedule", CATALOGUE.keras_schedules)
def test_schedule_changes_the_learning_rate(schedule: str) -> None:
    optimizer = {"type": "SGD", "learning_rate": {"type": schedule, **SCHEDULES[schedule]}}
    network = build("multiclass", [], VECTOR, optimizer=optimizer)
    rates = []
    for _ in range(3):
        rates.append(float(network.optimizer.learning_rate))
        train_step(network, "multiclass")
    assert len(set(rates)) > 1


@pytest.mark.parametrize(
    ("task", "loss"),
    [*((task, entry.type) for entry in CATALOGUE.losses.values() for task in entry.tasks), *LOSS_VARIANTS],
    ids=str,
)
def test_loss_trains_each_task_that_it_suits(task: str, loss: str | dict[str, Any]) -> None:
    type_ = loss if isinstance(loss, str) else loss["type"]
    train_step(build(task, [], VECTOR, loss=loss), task, CATALOGUE.losses[type_].takes_class_numbers)


@pytest.mark.parametrize(
    ("task", "loss"),
    [
        ("regression", "MeanSquaredError"),
        ("binary", "BinaryCrossentropy"),
        ("multiclass", "CategoricalCrossentropy"),
        ("multiclass", SPARSE),
        ("multilabel", "BinaryCrossentropy"),
    ],
)
def test_metrics_judge_each_task_that_they_suit(task: str, loss: str) -> None:
    entries = [entry for entry in CATALOGUE.metrics.values() if fits(entry, task, CATALOGUE.losses[loss])]
    network = build(task, [], VECTOR, loss=loss, metrics=[as_posted(entry) for entry in entries])
    assert train_step(network, task, loss == SPARSE).keys() == {"loss", *(entry.type for entry in entries)}


def test_every_metric_suits_some_task_and_loss() -> None:
    for entry in CATALOGUE.metrics.values():
        assert any(fits(entry, task, loss) for loss in CATALOGUE.losses.values() for task in loss.tasks), entry.type


@pytest.mark.parametrize("initializer", CATALOGUE.initializers)
def test_initializer_fills_a_kernel(initializer: str) -> None:
    network = build("regression", [{"type": "Dense", "units": 4, "kernel_initializer": initializer}], VECTOR)
    train_step(network, "regression")


@pytest.mark.parametrize("regularizer", CATALOGUE.regularizers)
def test_regularizer_adds_to_the_loss(regularizer: str) -> None:
    layer = {"type": "Dense", "units": 4, "kernel_regularizer": regularizer, "activity_regularizer": regularizer}
    network = build("regression", [layer], VECTOR)
    train_step(network, "regression")
    assert len(network.losses) == 2


@pytest.mark.parametrize("constraint", CATALOGUE.constraints)
def test_constraint_holds_a_kernel(constraint: str) -> None:
    network = build("regression", [{"type": "Dense", "units": 4, "kernel_constraint": constraint}], VECTOR)
    train_step(network, "regression")


@pytest.mark.parametrize(
    ("kind", "entry"),
    [("initializer", entry) for entry in CATALOGUE.initializers.values()]
    + [("regularizer", entry) for entry in CATALOGUE.regularizers.values()]
    + [("constraint", entry) for entry in CATALOGUE.constraints.values()],
)
def test_every_parameter_of_a_nested_component_may_be_posted(kind: str, entry: Entry) -> None:
    component = {"type": entry.type} | {parameter.name: some_value(parameter) for parameter in entry.parameters}
    build("regression", [{"type": "Dense", "units": 4, f"kernel_{kind}": component}], VECTOR)


def some_value(parameter: Parameter) -> Any:
    """The default, or where that is null a small number."""
    return parameter.default if parameter.default is not None else 1
