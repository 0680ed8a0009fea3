"""Gives a network its optimizer, loss and metrics."""

from typing import Any

import keras
import numpy as np

from models.building.complaints import first_sentence
from models.building.components import make, resolve
from models.errors import Fault, InvalidSpec
from models.scores import THRESHOLD, Activation, find_activation
from models.spec import ComponentSpec, NetworkSpec, Task

JUST_BELOW_HALF = float(np.nextafter(np.float32(THRESHOLD), np.float32(0)))
JUST_BELOW_ZERO = -float(np.finfo(np.float32).tiny)
"""Keras counts what is above a threshold; a score of exactly 0.5, or a logit of 0, counts as predicted here."""


def compile_network(network: keras.Model, spec: NetworkSpec) -> None:
    """Give the network the optimizer, the loss and the metrics of a spec, each metric called as it was posted."""
    optimizer = make("optimizer", spec.optimizer, "#/optimizer")
    loss = make("loss", spec.loss, "#/loss")
    metrics = []
    for index, component in enumerate(spec.metrics):
        metric = make_metric(component, spec, f"#/metrics/{index}")
        try_metric(metric, component, spec, network.output_shape[-1], f"#/metrics/{index}")
        metrics.append(metric)
    network.compile(optimizer=optimizer, loss=loss, metrics=metrics, jit_compile=False)


def try_metric(metric: keras.Metric, component: ComponentSpec, spec: NetworkSpec, units: int, pointer: str) -> None:
    """Let a metric judge one row, which shows parameters that don't fit the output, such as an unknown class."""
    sparse = resolve("loss", spec.loss.type).takes_class_numbers
    outputs = np.zeros((1, units), np.float32)
    try:
        metric(np.zeros((1, 1), np.float32) if sparse else outputs, outputs)
    except Exception as error:
        detail = f"{component.type} can't judge an output of {units} numbers: {first_sentence(error)}."
        raise InvalidSpec(Fault(detail, pointer)) from error
    metric.reset_state()


def make_metric(metric: ComponentSpec, spec: NetworkSpec, pointer: str) -> keras.Metric:
    """A metric that judges outputs as the loss takes them: logits, or probabilities with their middle at 0.5."""
    name = metric.parameters.get("name") or metric.type
    entry = resolve("metric", metric.type)
    from_logits = spec.loss.parameters.get("from_logits") is True
    if entry.type == "Accuracy":
        return accuracy(name, spec)
    extra: dict[str, Any] = {"name": name}
    if "from_logits" in entry.by_name:
        extra["from_logits"] = metric.parameters.get("from_logits", from_logits)
    if "average" in entry.by_name and spec.task in (Task.BINARY, Task.MULTILABEL):
        # Without a threshold Keras takes the largest output of a row as the only positive one.
        extra["threshold"] = metric.parameters.get("threshold") or 0.5
    return make("metric", metric, pointer, **extra)


def accuracy(name: str, spec: NetworkSpec) -> keras.Metric:
    """The share of rows whose predicted class is the true one, whatever the task's targets look like.

    Of a binary or multilabel task it counts as models/scores.py does. Keras's other metrics keep to Keras's own rule:
    Precision, Recall, F1Score and BinaryAccuracy count what is above their threshold.
    """
    if spec.task is not Task.MULTICLASS:
        # BinaryAccuracy refuses thresholds below 0; at 0 a logit and a hinge loss's margin change sides.
        centred = find_activation(spec) in (Activation.SIGMOID, Activation.MARGIN)
        threshold = JUST_BELOW_ZERO if centred else JUST_BELOW_HALF
        return keras.metrics.MeanMetricWrapper(keras.metrics.binary_accuracy, name=name, threshold=threshold)
    if resolve("loss", spec.loss.type).takes_class_numbers:
        return keras.metrics.SparseCategoricalAccuracy(name=name)
    return keras.metrics.CategoricalAccuracy(name=name)
