"""Saves a network's weights by name, and restores them into a network with the same layers."""

from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from zipfile import BadZipFile

import keras
import numpy as np

from models.errors import DamagedNetwork, IncompleteVersion
from models.files.sums import check_recorded


def named_weights(network: keras.Model) -> dict[str, keras.Variable]:
    """The weights in Keras's order by path (`dense/kernel`); a repeated path gets a number."""
    named: dict[str, keras.Variable] = {}
    for weight in network.weights:
        name, number = weight.path, 0
        while name in named:
            number += 1
            name = f"{weight.path}_{number}"
        named[name] = weight
    return named


def weight_values(network: keras.Model) -> dict[str, np.ndarray]:
    """The values of the weights by name."""
    return {name: np.asarray(weight.numpy()) for name, weight in named_weights(network).items()}


def save_weights(path: Path, weights: Mapping[str, np.ndarray]) -> None:
    """Write the values of weights as NPZ, one array per name."""
    np.savez(path, allow_pickle=False, **weights)


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays that save_weights wrote, by name. Raises DamagedNetwork if the file isn't what was saved,
    IncompleteVersion if that of an older Fitserve, without a checksum, is missing or damaged."""
    check_recorded(path, DamagedNetwork)
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise IncompleteVersion(f"{path.name} is missing or damaged: the version's weights are unreadable.") from error


def assign_weights(weights: Mapping[str, keras.Variable], values: Mapping[str, np.ndarray]) -> None:
    """Assign values to weights in order, ignoring names; nothing is changed unless all shapes match.

    Raises IncompleteVersion, naming the first weight that differs.
    """
    pairs = zip_longest(weights.items(), values.items(), fillvalue=(None, None))
    for (name, weight), (other, value) in pairs:
        here, there = (None if found is None else list(found.shape) for found in (weight, value))
        if here != there:
            where = f"{there or 'nothing'} in the version, {here or 'nothing'} in the network"
            raise IncompleteVersion(f"The weight {name or other} has the shape {where}.")
    for weight, value in zip(weights.values(), values.values(), strict=True):
        weight.assign(value)
