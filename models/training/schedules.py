"""The learning-rate schedule of a training job: one for the optimizer, or one that monitors epochs."""

import dataclasses
from typing import Any

from models.catalogue import PLATEAU, load_catalogue
from models.spec import NetworkSpec
from models.training.monitoring import find_mode
from models.training.plan import ReduceOnPlateau


def has_schedule(optimizer: Any) -> bool:
    """Whether a posted optimizer has its own learning-rate schedule."""
    return isinstance(optimizer, dict) and isinstance(optimizer.get("learning_rate"), dict)


def with_defaults(schedule: dict[str, Any]) -> dict[str, Any]:
    """A valid schedule with the defaults of omitted parameters."""
    entry = load_catalogue().schedules[schedule["type"]]
    defaults = {parameter.name: parameter.default for parameter in entry.parameters if not parameter.required}
    return {"type": schedule["type"]} | defaults | schedule


def with_schedule(spec: NetworkSpec, schedule: dict[str, Any] | None) -> NetworkSpec:
    """The network with a Keras schedule as its optimizer's learning rate; unchanged for other schedules or none."""
    if schedule is None or schedule["type"] == PLATEAU:
        return spec
    optimizer = dataclasses.replace(spec.optimizer, parameters=spec.optimizer.parameters | {"learning_rate": schedule})
    return dataclasses.replace(spec, optimizer=optimizer)


def reduce_on_plateau(spec: NetworkSpec, schedule: dict[str, Any] | None) -> ReduceOnPlateau | None:
    """The plan's ReduceOnPlateau for a complete schedule that monitors epochs; None for other schedules."""
    if schedule is None or schedule["type"] != PLATEAU:
        return None
    members = {name: value for name, value in schedule.items() if name != "type"}
    return ReduceOnPlateau(mode=find_mode(spec, members["monitor"]), **members)
