"""Makes the layers of a network, each with its name."""

from collections.abc import Iterator

import keras
from keras.src.utils.naming import to_snake_case

from models.building.components import make, resolve
from models.spec import NetworkSpec


def make_layers(spec: NetworkSpec) -> Iterator[keras.Layer]:
    """The layers in order, named as Keras names those of a fresh process: `dense`, `dense_1`."""
    taken = {*spec.inputs, *(layer.name for layer in spec.layers if layer.name)}
    for index, component in enumerate(spec.layers):
        name = component.name
        if name is None:
            name = next_name(to_snake_case(resolve("layer", component.type).type), taken)
            taken.add(name)
        yield make("layer", component, f"#/layers/{index}", name=name)


def next_name(base: str, taken: set[str]) -> str:
    """`base`, or with the first number that makes it a name not yet taken."""
    if base not in taken:
        return base
    return next(name for number in range(1, len(taken) + 2) if (name := f"{base}_{number}") not in taken)
