"""Reads how a network was compiled: its optimizer, loss and metrics, as far as the catalogue has them, and its task."""

from collections.abc import Callable, Mapping
from typing import Any

from models.catalogue import load_catalogue
from models.errors import Fault, InvalidSpec
from models.model_files.keras.refusal import shown
from models.model_files.keras.serialized import class_name, config_of, describe, plain, read_component
from models.spec import Task
from models.validation import check_component
from models.validation.metrics import metrics_faults
from models.validation.outputs import output_faults

Note = Callable[[str], None]

DEFAULT_OPTIMIZER = "adam"
DEFAULT_LOSSES = {
    Task.REGRESSION: "mse",
    Task.BINARY: "binary_crossentropy",
    Task.MULTICLASS: "sparse_categorical_crossentropy",
    Task.MULTILABEL: "binary_crossentropy",
}
CLASSES_LOSSES = (
    "SparseCategoricalCrossentropy", "CategoricalCrossentropy", "CategoricalFocalCrossentropy", "CategoricalHinge",
    "CategoricalGeneralizedCrossEntropy",
)  # fmt: skip
"""The losses of one class out of several."""
LABELS_LOSSES = ("BinaryCrossentropy", "BinaryFocalCrossentropy", "Hinge", "SquaredHinge", "Dice", "Tversky")
"""The losses of a yes or no for each output."""
NUMBER_LOSSES = (
    "MeanSquaredError", "MeanAbsoluteError", "Huber", "LogCosh", "MeanSquaredLogarithmicError",
    "MeanAbsolutePercentageError", "Poisson", "CosineSimilarity",
)  # fmt: skip
"""The losses of numbers."""
SIGMOIDS = ("sigmoid", "hard_sigmoid", "sparse_sigmoid")
SOFTMAXES = ("softmax", "sparsemax")
SAYS_NOTHING = ("name", "jit_compile", "is_legacy_optimizer", "loss_scale_factor")
WRAPPED = ("MeanMetricWrapper", "LossFunctionWrapper", "SumOverBatchSizeMetricWrapper")
"""Keras's classes around a function, which Keras 2 names as `fn`."""


def read_optimizer(compiled: Mapping[str, Any], note: Note) -> Any:
    """The optimizer as a client would post it; the default if there is none that the catalogue has."""
    serialized = compiled.get("optimizer") or compiled.get("optimizer_config")
    if class_name(serialized).endswith("LossScaleOptimizer"):
        note("The optimizer scaled the loss for half precision; the optimizer within it is used.")
        serialized = config_of(serialized).get("inner_optimizer")
    if not serialized:
        note(f"The file doesn't say how the network was compiled: the optimizer is `{DEFAULT_OPTIMIZER}`.")
        return DEFAULT_OPTIMIZER
    config = dict(config_of(serialized))
    if "lr" in config:
        config["learning_rate"] = config.pop("lr")
    document = read_component("optimizer", {**serialized, "config": config} if config else serialized)
    if isinstance(document, dict) and not document.get("use_ema"):
        document.pop("ema_overwrite_frequency", None)
    if document is None or check_component("optimizer", document, ""):
        note(
            f"The optimizer {describe(serialized)} isn't in the catalogue as it is: `{DEFAULT_OPTIMIZER}` replaces it."
        )
        return DEFAULT_OPTIMIZER
    entry = load_catalogue().find("optimizer", document["type"])
    dropped = [
        key for key, value in config.items() if value and entry and key not in entry.by_name and key not in SAYS_NOTHING
    ]
    if dropped:
        names = ", ".join(f"`{shown(key)}`" for key in dropped)
        note(f"The optimizer's parameters {names} were dropped; they only matter in training.")
    return document


def read_loss(compiled: Mapping[str, Any], note: Note) -> Any:
    """The loss as a client would post it; None if there is none that the catalogue has."""
    serialized = _only(compiled.get("loss"))
    if serialized is None:
        return None
    document = _read_function("loss", serialized)
    if isinstance(document, dict) and document.get("reduction") in ("auto", "none", None):
        document.pop("reduction", None)
    if document is None or check_component("loss", document, ""):
        note(f"The loss {describe(serialized)} isn't in the catalogue.")
        return None
    if compiled.get("loss_weights"):
        note("`loss_weights` was dropped.")
    return document


def _only(value: Any) -> Any:
    """The only loss, which may be in a list or an object by outputs."""
    if isinstance(value, list):
        return value[0] if len(value) == 1 else None
    if isinstance(value, Mapping) and "class_name" not in value:
        return next(iter(value.values())) if len(value) == 1 else None
    return value


def _read_function(kind: str, serialized: Any) -> Any:
    """A loss or metric, which may be a wrapped function."""
    function = config_of(serialized).get("fn")
    if class_name(serialized) in WRAPPED and function is not None:
        return read_component(kind, class_name(function))
    return read_component(kind, serialized)


def infer_task(loss: Any, activation: str | None, units: int) -> Task | None:
    """The task of a network with this loss and last activation; None if neither says it."""
    entry = load_catalogue().find("loss", loss["type"]) if isinstance(loss, dict) else None
    type_ = None if entry is None else entry.type
    if type_ in CLASSES_LOSSES or (activation in SOFTMAXES and units > 1):
        return Task.MULTICLASS
    if type_ in LABELS_LOSSES or (type_ is None and activation in SIGMOIDS):
        return Task.BINARY if units == 1 else Task.MULTILABEL
    return Task.REGRESSION if type_ in NUMBER_LOSSES else None


def fit_loss(document: Mapping[str, Any], loss: Any, note: Note) -> Any:
    """The loss if it suits the network with its task, else the task's default; `document` is the network's."""
    task = Task(document["task"])
    entry = load_catalogue().find("loss", loss["type"]) if isinstance(loss, dict) else None
    if entry is not None and task in entry.tasks and not list(output_faults({**document, "loss": loss})):
        return loss
    chosen: Any = DEFAULT_LOSSES[task]
    if list(output_faults({**document, "loss": chosen})):
        chosen = {"type": chosen, "from_logits": True}
    written = chosen if isinstance(chosen, str) else f"{chosen['type']}` with `from_logits"
    if loss is None:
        note(f"The file has no loss that can be used here: the loss is `{written}`, which suits the task {task.value}.")
    else:
        note(f"The loss {loss['type']} doesn't suit a {task.value} network with this output: `{written}` replaces it.")
    return chosen


def read_metrics(compiled: Mapping[str, Any], document: Mapping[str, Any], note: Note) -> list[Any]:
    """The metrics that suit the network; `document` is the network's, with its task and loss."""
    chosen: list[Any] = []
    for serialized in _flatten(plain(compiled.get("metrics"))):
        metric = _read_function("metric", serialized)
        if metric is not None:
            metric = metric["type"] if len(metric) == 1 else metric
        if metric is None or list(metrics_faults({**document, "metrics": [*chosen, metric]})):
            note(
                f"The metric {describe(serialized)} was dropped: it isn't in the catalogue or doesn't suit the network."
            )
        else:
            chosen.append(metric)
    if compiled.get("weighted_metrics"):
        note("`weighted_metrics` were dropped.")
    return chosen


def _flatten(value: Any) -> list[Any]:
    """The metrics, which may be in lists, or in an object by outputs."""
    if isinstance(value, Mapping) and "class_name" not in value:
        value = list(value.values())
    if isinstance(value, list):
        return [found for item in value for found in _flatten(item)]
    return [] if value is None else [value]


def unknown_task(activation: str | None) -> InvalidSpec:
    """The error for a network of which neither the file nor the client says the task."""
    last = f"its last activation is `{activation}`" if activation else "its last layer has no activation"
    detail = f"The file has no loss that says what the network's output means, and {last}: send `task`."
    return InvalidSpec(Fault(detail, "#/task", allowed=tuple(task.value for task in Task)))
