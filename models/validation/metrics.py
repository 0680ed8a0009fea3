"""Checks the metrics of a posted network, and that they fit its task and loss."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from models.catalogue import Entry, load_catalogue
from models.errors import Fault
from models.spec import ComponentSpec, Task
from models.validation.components import check_component, resolve
from models.validation.outputs import takes_logits

MOST_METRICS = 100
RESERVED_METRIC_NAMES = ("loss", "scaled_loss", "unscaled_loss", "learning_rate", "epoch", "seconds")
"""The fields of an epoch's results besides its metrics."""


def metrics_faults(document: Mapping[str, Any]) -> Iterator[Fault]:
    """The faults of the metrics, their names, and their fit to the task and the loss."""
    metrics = document.get("metrics")
    if metrics is None:
        return
    if not isinstance(metrics, list | tuple) or len(metrics) > MOST_METRICS:
        yield Fault(f"`metrics` must be a list of at most {MOST_METRICS} metrics.", "#/metrics")
        return
    names: Counter[str] = Counter()
    for index, metric in enumerate(metrics):
        pointer = f"#/metrics/{index}"
        faults = check_component("metric", metric, pointer)
        if faults:
            yield from faults
            continue
        component = ComponentSpec.from_document(metric)
        name = component.parameters.get("name") or component.type
        if name in RESERVED_METRIC_NAMES or name.startswith("val_"):
            yield Fault(f"`{name}` has another meaning in results: give the metric another `name`.", pointer)
        elif names[name]:
            yield Fault(f"Two metrics are called `{name}`: post one as an object with a `name`.", pointer)
        names[name] += 1
        yield from metric_fit_faults(component, document, pointer)


def metric_fit_faults(metric: ComponentSpec, document: Mapping[str, Any], pointer: str) -> Iterator[Fault]:
    """Why a valid metric doesn't fit this network: its task, or the form of targets and outputs that the loss takes."""
    task, loss = document.get("task"), resolve("loss", document.get("loss"))
    if task not in list(Task) or loss is None or task not in loss.tasks:
        return
    fitting = [entry for entry in load_catalogue().entries("metric") if fits(entry, task, loss)]
    entry = load_catalogue().find("metric", metric.type)
    if entry not in fitting:
        detail = f"{metric.type} doesn't suit a {task} network with the loss {loss.type}."
        yield Fault(detail, pointer, allowed=tuple(entry.type for entry in fitting))
    elif takes_logits(document["loss"]) and takes_probabilities(entry):
        detail = f"{metric.type} takes probabilities, but the loss has `from_logits`: end with an activation instead."
        yield Fault(detail, pointer)


def fits(metric: Entry, task: Any, loss: Entry) -> bool:
    """Whether a metric supports a task, and takes targets in the same form as the loss."""
    either_way = metric.type == "Accuracy"
    return task in metric.tasks and (either_way or metric.takes_class_numbers == loss.takes_class_numbers)


def takes_probabilities(metric: Entry) -> bool:
    """Whether a metric compares outputs with thresholds between 0 and 1, and has no `from_logits` parameter."""
    thresholds = {"threshold", "thresholds", "num_thresholds"}
    return bool(thresholds & metric.by_name.keys()) and "from_logits" not in metric.by_name
