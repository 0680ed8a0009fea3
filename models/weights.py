"""A network's weights under names, and back into a network of the same layers."""

from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import keras
import numpy as np

from models.errors import IncompleteVersion


def named_weights(network: keras.Model) -> dict[str, keras.Variable]:
    """The weights in Keras's order under their paths (`dense/kernel`); a path that comes again gets a number."""
    named: dict[str, keras.Variable] = {}
    for weight in network.weights:
        name, number = weight.path, 0
        while name in named:
            number += 1
            name = f"{weight.path}_{number}"
        named[name] = weight
    return named


def save_weights(path: Path, weights: Mapping[str, keras.Variable]) -> None:
    """Write weights as NPZ, each array under its name."""
    arrays = {name: weight.numpy() for name, weight in weights.items()}
    np.savez(path, **arrays)


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """The arrays that save_weights wrote, by name. Raises IncompleteVersion where the file is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise IncompleteVersion(f"{path.name} is missing or damaged: the version's weights can't be read.") from error


def assign_weights(weights: Mapping[str, keras.Variable], values: Mapping[str, np.ndarray]) -> None:
    """Give weights the values of the same names; nothing is changed unless all names and shapes agree.

    Raises IncompleteVersion, naming the first weight that differs.
    """
    for name in {**weights, **values}:
        here, there = (tuple(found[name].shape) if name in found else None for found in (weights, values))
        if here != there:
            detail = (
                f"The weight {name} has the shape {describe(there)} in the version, in the network {describe(here)}."
            )
            raise IncompleteVersion(detail)
    for name, weight in weights.items():
        weight.assign(values[name])


def describe(shape: tuple[int, ...] | None) -> str:
    return "nothing" if shape is None else str(list(shape))
