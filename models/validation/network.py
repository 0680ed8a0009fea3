"""Checks a whole posted network."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from models.catalogue import load_catalogue
from models.errors import MOST_FAULTS, Fault, InvalidSpec
from models.limits import Limits
from models.pretrained import reference_faults
from models.spec import Task
from models.validation.components import component_faults, resolve
from models.validation.inputs import input_faults, input_names
from models.validation.layers import layers_faults
from models.validation.metrics import metrics_faults
from models.validation.outputs import output_faults
from models.validation.targets import target_faults
from models.validation.threshold import threshold_faults


def check_network(document: Mapping[str, Any], limits: Limits) -> None:
    """Raise InvalidSpec with at most 100 faults of a posted network; openapi.yaml describes its fields."""
    faults = list(islice(network_faults(document, limits), MOST_FAULTS))
    if faults:
        raise InvalidSpec(*faults)


def check_outputs(document: Mapping[str, Any]) -> None:
    """Raise InvalidSpec if the output doesn't fit the loss or the target, once the Pretrained layers are known."""
    faults = [*output_faults(document), *target_faults(document)]
    if faults:
        raise InvalidSpec(*faults)


def network_faults(document: Mapping[str, Any], limits: Limits) -> Iterator[Fault]:
    task = document.get("task")
    if task not in list(Task):
        yield Fault(
            "`task` must name the meaning of the network's output.",
            "#/task",
            allowed=tuple(task.value for task in Task),
        )
    yield from input_faults(document, limits)
    yield from layers_faults(document.get("layers"), input_names(document), limits)
    yield from reference_faults(document.get("layers"))
    yield from component_faults("optimizer", document.get("optimizer"), "#/optimizer")
    yield from component_faults("loss", document.get("loss"), "#/loss")
    loss = resolve("loss", document.get("loss"))
    if loss and task in list(Task) and task not in loss.tasks:
        fitting = tuple(entry.type for entry in load_catalogue().entries("loss") if task in entry.tasks)
        yield Fault(f"{loss.type} doesn't suit a {task} network.", "#/loss", allowed=fitting)
    yield from output_faults(document)
    yield from metrics_faults(document)
    yield from threshold_faults(document.get("threshold"), task)
    yield from target_faults(document)
