"""Gives a network its optimizer, loss and metrics."""

from typing import Any

import keras
import numpy as np

from models.building.complaints import first_sentence
from models.building.components import make, resolve
from models.building.target_units import InTargetUnits, UnscaledLoss
from models.errors import Fault, InvalidSpec
from models.scores import Activation, find_activation
from models.spec import THRESHOLD, ComponentSpec, NetworkSpec, Task
from models.target_scale import TargetScale

JUST_BELOW_HALF = float(np.nextafter(np.float32(THRESHOLD), np.float32(0)))
JUST_BELOW_ZERO = -float(np.finfo(np.float32).tiny)
"""Keras counts scores above a threshold; here a score of exactly 0.5, or a logit of 0, counts as predicted too."""


def compile_network(network: keras.Model, spec: NetworkSpec, scale: TargetScale | None = None) -> None:
    """Compile the network with the optimizer, loss and metrics of a spec; metrics keep their posted names.

    With a `scale` the network learns scaled targets, and the metrics are computed in the target's own units.
    """
    optimizer = make("optimizer", spec.optimizer, "#/optimizer")
    loss, metrics = make_measures(spec, network.output_shape[-1], scale)
    network.compile(optimizer=optimizer, loss=loss, metrics=metrics, jit_compile=False)


def make_measures(
    spec: NetworkSpec, units: int, scale: TargetScale | None = None
) -> tuple[keras.Loss, list[keras.Metric]]:
    """The loss and the metrics of a spec for outputs whose last axis has this length.

    With a `scale` the loss takes scaled targets, and the metrics, which include the loss, convert them to the target's
    own units.
    """
    loss = make("loss", spec.loss, "#/loss")
    metrics = []
    for index, component in enumerate(spec.metrics):
        metric = make_metric(component, spec, f"#/metrics/{index}")
        try_metric(metric, component, spec, units, f"#/metrics/{index}")
        metrics.append(metric)
    if scale is not None:
        metrics = [UnscaledLoss(loss, scale), *(InTargetUnits(metric, scale) for metric in metrics)]
    return loss, metrics


def try_metric(metric: keras.Metric, component: ComponentSpec, spec: NetworkSpec, units: int, pointer: str) -> None:
    """Try a metric on one row to detect parameters that don't fit the output, such as an unknown class.

    Raises InvalidSpec.
    """
    sparse = resolve("loss", spec.loss.type).takes_class_numbers
    outputs = np.zeros((1, units), np.float32)
    try:
        metric(np.zeros((1, 1), np.float32) if sparse else outputs, outputs)
    except Exception as error:
        detail = f"{component.type} can't evaluate an output of {units} numbers: {first_sentence(error)}."
        raise InvalidSpec(Fault(detail, pointer)) from error
    metric.reset_state()


def make_metric(metric: ComponentSpec, spec: NetworkSpec, pointer: str) -> keras.Metric:
    """Create a metric for the same outputs as the loss: logits, or probabilities with the threshold 0.5."""
    name = metric.parameters.get("name") or metric.type
    entry = resolve("metric", metric.type)
    from_logits = spec.loss.parameters.get("from_logits") is True
    if entry.type == "Accuracy":
        return accuracy(name, spec)
    extra: dict[str, Any] = {"name": name}
    if "from_logits" in entry.by_name:
        extra["from_logits"] = metric.parameters.get("from_logits", from_logits)
    if "average" in entry.by_name and spec.task in (Task.BINARY, Task.MULTILABEL):
        # Without a threshold Keras counts only the largest output of a row as positive.
        extra["threshold"] = metric.parameters.get("threshold") or 0.5
    return make("metric", metric, pointer, **extra)


def accuracy(name: str, spec: NetworkSpec) -> keras.Metric:
    """The fraction of rows whose predicted class is correct, for any form of targets.

    For a binary or multilabel task it follows models/scores.py. Keras's other metrics follow Keras's own rule:
    Precision, Recall, F1Score and BinaryAccuracy count scores above their threshold.
    """
    if spec.task is not Task.MULTICLASS:
        # BinaryAccuracy refuses thresholds below 0; 0 is the threshold of logits and of a hinge loss's margin.
        centred = find_activation(spec) in (Activation.SIGMOID, Activation.MARGIN)
        threshold = JUST_BELOW_ZERO if centred else JUST_BELOW_HALF
        return keras.metrics.MeanMetricWrapper(keras.metrics.binary_accuracy, name=name, threshold=threshold)
    if resolve("loss", spec.loss.type).takes_class_numbers:
        return keras.metrics.SparseCategoricalAccuracy(name=name)
    return keras.metrics.CategoricalAccuracy(name=name)
