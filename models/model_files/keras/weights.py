"""Reads the arrays of a file into the weights of a network that was built from the file's configuration.

An array is read only once a weight of the same shape is there, so that a file can't declare more than the network has.
"""

from collections.abc import Iterable, Sequence

import h5py
import keras
import numpy as np

from models.graph import base_name
from models.model_files.keras import hdf5
from models.model_files.keras.container import KerasFile
from models.model_files.keras.graph import FlatLayer
from models.model_files.keras.refusal import refusal, shown
from models.validation.values import LONGEST_LIST


def assign_file(network: keras.Model, layers: Sequence[FlatLayer], file: KerasFile) -> int:
    """Assign the weights of all layers from the file; return the number of weights with values that aren't finite.

    Raises InvalidSpec if a weight is missing or has another shape.
    """
    unusual = 0
    for flat in layers:
        layer = network.get_layer(flat.name)
        owner = f"the layer `{shown(flat.saved_name)}`"
        if layer.weights and file.is_legacy:
            unusual += _assign_legacy(layer, flat, file, owner)
        elif layer.weights:
            unusual += _assign_stored(layer, file.weights, flat.path, owner)
    return unusual


def _assign_stored(layer: keras.Layer, group: h5py.Group, path: str, owner: str) -> int:
    """Assign the weights of a layer from a `.keras` file: its own by number under `vars`, those of inner layers by the
    name of the attribute that holds the layer. Return the number of weights with values that aren't finite."""
    own: dict[str, keras.Variable] = {}
    layer.save_own_variables(own)
    stored = hdf5.find_group(group, f"{path}/vars")
    count = 0 if stored is None else len(stored)
    if count != len(own):
        raise refusal(f"The file has {count} weights of {owner}, but it needs {len(own)}.")
    values = {
        name: hdf5.read_array(group, f"{path}/vars/{name}", owner, tuple(variable.shape))
        for name, variable in own.items()
    }
    layer.load_own_variables(values)
    unusual = count_unusual(values.values())
    for name, part in _parts(layer):
        if part.weights:
            hidden = f"{path}/_{name}"  # how Keras 2 and early Keras 3 call some attributes
            found = hidden if hdf5.find_group(group, hidden) else f"{path}/{name}"
            unusual += _assign_stored(part, group, found, owner)
    return unusual


def _assign_legacy(layer: keras.Layer, flat: FlatLayer, file: KerasFile, owner: str) -> int:
    """Assign the weights of a layer from an HDF5 file, in which they have names."""
    group, names = _legacy_names(flat, file)
    if len(names) != len(layer.weights):
        raise refusal(f"The file has {len(names)} weights of {owner}, but it needs {len(layer.weights)}.")
    values = [
        hdf5.read_array(group, name, owner, tuple(weight.shape))
        for weight, name in zip(layer.weights, _ordered(names, layer.weights), strict=True)
    ]
    layer.set_weights(values)
    return count_unusual(values)


def count_unusual(values: Iterable[np.ndarray]) -> int:
    """The number of arrays with a value that is NaN or infinite."""
    return sum(not np.isfinite(value).all() for value in values)


def _parts(layer: keras.Layer) -> list[tuple[str, keras.Layer]]:
    """The inner layers of a layer, with the names of the attributes that hold them; cells of a list are numbered by
    type, as Keras does it."""
    found: dict[int, tuple[str, keras.Layer]] = {}
    for name, value in sorted(vars(layer).items()):
        if isinstance(value, keras.Layer):
            found.setdefault(id(value), (name.lstrip("_"), value))
        elif name == "cells" and isinstance(value, list):
            used: dict[str, int] = {}
            for cell in value:
                type_ = base_name(type(cell).__name__)
                number = used[type_] = used.get(type_, -1) + 1
                found[id(cell)] = (f"cells/{type_}{f'_{number}' if number else ''}", cell)
    return list(found.values())


def _legacy_names(flat: FlatLayer, file: KerasFile) -> tuple[h5py.Group, list[str]]:
    """In an HDF5 file: the group of a layer, and the names of the layer's weights in it."""
    group = hdf5.find_group(file.weights, flat.group)
    if group is None:
        raise refusal(f"The file has no weights of the layer `{shown(flat.group)}`.")
    names = hdf5.read_names(group, "weight_names")
    if flat.is_nested:
        within = f"/{flat.saved_name}/"
        names = [name for name in names if within in f"/{name}"]
    return group, names


def _ordered(names: list[str], weights: Sequence[keras.Variable]) -> list[str]:
    """The names in the order of the weights: by the last part of the name where that is unique, else as they are."""
    by_last = {_last(name): name for name in names}
    wanted = [_last(weight.path) for weight in weights]
    fits = len(by_last) == len(names) and set(by_last) == set(wanted)
    return [by_last[name] for name in wanted] if fits else names


def _last(name: str) -> str:
    """`kernel` of `dense/kernel:0`."""
    return name.rpartition("/")[2].partition(":")[0]


def read_learned(flat: FlatLayer, file: KerasFile) -> tuple[list[float], list[float]]:
    """The mean and the variance that a Normalization layer has learned. Raises InvalidSpec."""
    if file.is_legacy:
        group, names = _legacy_names(flat, file)
        if flat.is_nested and not names:
            names = hdf5.read_names(group, "weight_names")
        found = {_last(name): name for name in names}
        paths = [found.get(name, name) for name in ("mean", "variance")]
    else:
        group, paths = file.weights, [f"{flat.path}/vars/{number}" for number in range(2)]
    mean, variance = (_read_list(group, path, flat) for path in paths)
    return mean, variance


def _read_list(group: h5py.Group, path: str, flat: FlatLayer) -> list[float]:
    owner = f"the layer `{shown(flat.saved_name)}`"
    dataset = hdf5.find_item(group, path)
    if not isinstance(dataset, h5py.Dataset):
        raise refusal(f"The file lacks the weight `{shown(path)}` of {owner}.")
    if dataset.shape is None or len(dataset.shape) > 1 or dataset.size > LONGEST_LIST:
        detail = f"{owner} normalizes with an array of the shape {list(dataset.shape or ())}"
        raise refusal(f"{detail[0].upper()}{detail[1:]}; at most {LONGEST_LIST:,} numbers in one dimension can be.")
    values: list[float] = hdf5.read_values(dataset, path).astype(np.float64).ravel().tolist()
    return values


def assign_optimizer(network: keras.Model, file: KerasFile) -> bool:
    """Assign the optimizer's state from the file; return whether it has one that fits the network's optimizer."""
    if file.optimizer is None:
        return False
    network.optimizer.build(network.trainable_variables)
    variables = list(network.optimizer.variables)
    if file.is_keras_2:
        variables = [variable for variable in variables if variable.name != "learning_rate"]  # which it doesn't save
    if file.is_legacy:
        names = hdf5.read_names(file.optimizer, "weight_names")
    else:
        names = [str(number) for number in range(min(len(file.optimizer), len(variables) + 1))]
    found = [hdf5.find_item(file.optimizer, name) for name in names]
    shapes = [item.shape if isinstance(item, h5py.Dataset) else None for item in found]
    if shapes != [tuple(variable.shape) for variable in variables]:
        return False
    for variable, name, item in zip(variables, names, found, strict=True):
        variable.assign(hdf5.read_values(item, name).astype(variable.dtype))
    return True
