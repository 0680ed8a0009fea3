"""Checks the layers of a posted network."""

from collections.abc import Iterator, Mapping
from typing import Any

from models.errors import Fault
from models.limits import Limits
from models.validation.components import component_faults


def layers_faults(layers: Any, input_names: set[str], limits: Limits) -> Iterator[Fault]:
    if not isinstance(layers, list | tuple) or not layers:
        yield Fault("A network needs at least one layer.", "#/layers")
        return
    if len(layers) > limits.layers:
        yield Fault(f"{len(layers):,} layers are more than the limit of {limits.layers:,}.", "#/layers")
        return
    seen = set(input_names)
    for index, layer in enumerate(layers):
        pointer = f"#/layers/{index}"
        yield from component_faults("layer", layer, pointer)
        name = layer.get("name") if isinstance(layer, Mapping) else None
        if isinstance(name, str) and name in seen:
            yield Fault(f"The name `{name[:64]}` is already taken in this network.", f"{pointer}/name")
        elif isinstance(name, str):
            seen.add(name)
