"""Reads a serialized layer into a layer of the catalogue, as a client would post it."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import keras

from models.catalogue import KINDS, LISTS, Entry, Parameter, load_catalogue
from models.catalogue.selection import LAYERS_LEFT_OUT
from models.model_files.keras.refusal import refusal, shown
from models.model_files.keras.serialized import (
    class_name,
    config_of,
    describe,
    is_custom,
    is_default,
    plain,
    read_value,
)
from models.pretrained import PRETRAINED
from models.validation.components import MOST_NESTED

MOST_LISTED = 10
"""The maximum of names in a note."""
INTEGERS = ("int", "uint", "bool")
Note = Callable[[str], None]

ABOUT_INPUTS = (
    "batch_input_shape", "batch_shape", "input_shape", "input_length", "query_shape", "key_shape", "value_shape",
)  # fmt: skip
"""Parameters that describe a layer's input, which the network itself determines."""
ABOUT_EXECUTION = ("implementation", "use_cudnn", "flash_attention", "synchronized", "fused", "weights")
"""Parameters that change neither predictions nor training."""
ABOUT_TRAINING = ("noise_shape", "renorm_clipping", "activity_regularizer")
"""Parameters that change only training."""
BY_BIDIRECTIONAL = "zero_output_for_mask"
"""A parameter that Bidirectional sets in the layers that it wraps, here too."""
LEFT_OUT_IN_LOOKUPS = (
    "vocabulary_dtype",
    "oov_token",
    "max_tokens",
    "pad_to_max_tokens",
    "idf_weights",
    "vocabulary_size",
)
"""Parameters of lookups that don't change what a layer with a vocabulary outputs as numbers."""
KERAS_2_DEFAULTS = {"time_major": False, "ragged": False, "sparse": False, "dynamic": False, "groups": 1}
"""Parameters that only Keras 2 has, at the value at which they do nothing."""
KERAS_2_UNUSED = ("kernel_initializer", "kernel_regularizer", "kernel_constraint")
"""Parameters that layers without such a weight inherit in Keras 2."""
RENAMED = {"LeakyReLU": {"alpha": "negative_slope"}}
"""Parameters that Keras 2 called otherwise, by type."""
CHANGED_SINCE_KERAS_2 = {
    "hard_sigmoid": "Keras 3 computes another function under this name (slope 1/6 instead of 0.2)",
}
"""Activations of Keras 2 that Keras 3 computes differently."""
CLASSES = {"GroupQueryAttention": "GroupedQueryAttention"}
"""The names of Keras's classes that it exports under another name; files contain either."""
GONE = {
    "ThresholdedReLU": "Keras 3 doesn't have it: use ReLU with a `threshold`",
    "RandomHeight": "Keras 3 doesn't have it, and the shape of its output varies",
    "RandomWidth": "Keras 3 doesn't have it, and the shape of its output varies",
    "LocallyConnected1D": "Keras 3 doesn't have it",
    "LocallyConnected2D": "Keras 3 doesn't have it",
}
"""Layers of Keras 2 that Keras 3 doesn't have."""


class LayerReader:
    """Reads layers of one file; `note` takes sentences about what was dropped."""

    def __init__(self, is_keras_2: bool, note: Note) -> None:
        self.is_keras_2 = is_keras_2
        self.note = note
        self.for_training: dict[str, list[str]] = {}
        """The parameters that were dropped because they only change training, with the names of their layers."""

    def read(self, serialized: Any, name: str, kind: str = "layer", depth: int = 0, within: str = "") -> dict[str, Any]:
        """The layer as a client would post it, without `name` and `inputs`.

        `name` is for sentences; `within` is the type of the layer around it.

        Raises InvalidSpec for custom and unknown layers, and for parameters that change predictions and that the
        catalogue doesn't have.
        """
        entry = self._find(serialized, name, kind)
        if depth > MOST_NESTED:
            raise refusal(f"The layers within `{name}` are nested more than {MOST_NESTED} deep.")
        document: dict[str, Any] = {"type": entry.type}
        renamed = RENAMED.get(entry.type, {})
        for given, value in config_of(serialized).items():
            key = renamed.get(given, given)
            if key == "dtype":
                self._check_dtype(value, name)
            elif key == "name":
                if depth and isinstance(value, str) and key in entry.by_name:
                    document[key] = value
            elif key in entry.by_name:
                self._add(document, entry.by_name[key], value, name, depth)
            elif key != BY_BIDIRECTIONAL or within != "Bidirectional":
                self._drop(entry, key, value, name)
        if entry.type == "Bidirectional":
            _mirror(document)
        if entry.type == "Discretization" and document.get("bin_boundaries"):
            document.pop("num_bins", None)  # learned boundaries are saved together with their number
        return document

    def note_dropped(self) -> None:
        """Note the parameters that were dropped because they only change training."""
        for key, names in self.for_training.items():
            listed = ", ".join(f"`{name}`" for name in names[:MOST_LISTED])
            more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
            self.note(f"`{key}` of {listed}{more} was dropped: it changes training, but not predictions.")

    def _find(self, serialized: Any, name: str, kind: str) -> Entry:
        type_ = {name: type_ for type_, name in CLASSES.items()}.get(class_name(serialized), class_name(serialized))
        if is_custom(serialized):
            detail = f"The layer `{name}` is of the class {describe(serialized)}, which isn't Keras's own:"
            raise refusal(f"{detail} custom layers run code from the file's author, so they are refused.")
        entry = load_catalogue().find(kind, type_)
        if entry is not None and entry.type == type_ != PRETRAINED:
            return entry
        reason = LAYERS_LEFT_OUT.get(type_) or (GONE.get(type_) if self.is_keras_2 else None)
        because = f": {reason}" if reason else ""
        detail = f"The layer `{name}` is of the type {describe(serialized)}, which can't be imported{because}."
        raise refusal(detail)

    def _add(self, document: dict[str, Any], parameter: Parameter, value: Any, name: str, depth: int) -> None:
        """Add a parameter that the catalogue has, unless it has its default."""
        if value is None and (parameter.name == "data_format" or parameter.nullable):
            return
        if parameter.type in ("layer", "cell"):
            document[parameter.name] = self._read_nested(parameter.type, value, name, depth, document["type"])
            return
        if parameter.type in LISTS:
            kind = LISTS[parameter.type]
            listed = plain(value)
            items = listed if isinstance(listed, list) else [listed]
            document[parameter.name] = [self._read_nested(kind, one, name, depth, "") for one in items]
            return
        if parameter.type == "activation":
            self._check_activation(value, name)
        read = read_value(parameter, value)
        if read is None and value is not None and parameter.type in KINDS:
            kind = parameter.type
            training = f"`{name}` has the {kind} {describe(value)}, which isn't in the catalogue:"
            self.note(f"{training} it was dropped. It doesn't change predictions.")
        elif parameter.required or not is_default(parameter, read):
            document[parameter.name] = read

    def _read_nested(self, kind: str, serialized: Any, name: str, depth: int, within: str) -> Any:
        if class_name(serialized) in ("Functional", "Sequential", "Model"):
            raise refusal(f"The layer `{name}` wraps a whole network, which isn't supported.")
        if isinstance(plain(serialized), list):  # cells of Keras 2
            cells = [self.read(cell, name, kind, depth + 1) for cell in plain(serialized)]
            return {"type": "StackedRNNCells", "cells": cells}
        return self.read(serialized, name, kind, depth + 1, within)

    def _check_activation(self, value: Any, name: str) -> None:
        activation = class_name(value)
        if is_custom(value) or (value is not None and load_catalogue().find("activation", activation) is None):
            detail = f"The layer `{name}` has the activation {describe(value)}, which isn't in the catalogue"
            raise refusal(f"{detail}: custom functions and layers as activations can't be imported.")
        if self.is_keras_2 and activation in CHANGED_SINCE_KERAS_2:
            detail = f"The layer `{name}` has the activation `{activation}` of Keras 2."
            raise refusal(f"{detail} {CHANGED_SINCE_KERAS_2[activation]}.")

    def _check_dtype(self, value: Any, name: str) -> None:
        policy = dtype_name(value)
        if policy in (None, "float32") or policy.startswith(INTEGERS):
            return  # lookups output integers, which become float32 in the next layer
        detail = f"The layer `{name}` computes in `{shown(policy)}`, but networks are served in float32"
        raise refusal(f"{detail}: set its dtype policy to float32, and save the network again.")

    def _drop(self, entry: Entry, key: str, value: Any, name: str) -> None:
        """Drop a parameter that the catalogue doesn't have. Raises InvalidSpec if that would change predictions."""
        value = plain(value)
        if key in ABOUT_INPUTS or key in ABOUT_EXECUTION or (key == "trainable" and key not in entry.by_name):
            return
        if key in LEFT_OUT_IN_LOOKUPS and entry.type in ("IntegerLookup", "CategoryEncoding"):
            return
        if self.is_keras_2 and (key in KERAS_2_UNUSED or (key, value) in KERAS_2_DEFAULTS.items()):
            return
        if key == "data_format" and value == "channels_last":
            return
        default = keras_default(entry.type, key)
        if value == default or (value in (None, False) and (self.is_keras_2 or default is inspect.Parameter.empty)):
            return
        if key in ABOUT_TRAINING:
            self.for_training.setdefault(key, []).append(name)
            return
        detail = f"The layer `{name}` ({entry.type}) has `{shown(key)}` {shown(value)}, which isn't supported."
        raise refusal(detail)


def _mirror(document: dict[str, Any]) -> None:
    """Undo what Bidirectional adds: prefixes of names, and a backward layer that mirrors the forward one."""
    forward, backward = document.get("layer"), document.get("backward_layer")
    for layer, prefix in ((forward, "forward_"), (backward, "backward_")):
        if isinstance(layer, dict) and isinstance(layer.get("name"), str):
            layer["name"] = layer["name"].removeprefix(prefix)
    if isinstance(forward, dict) and isinstance(backward, dict):
        mirrored = {**backward, "go_backwards": not backward.get("go_backwards", False)}
        if {"go_backwards": False, **forward} == mirrored and not forward.get("go_backwards"):
            del document["backward_layer"]


def dtype_name(value: Any) -> str | None:
    """The name of a serialized dtype or dtype policy."""
    named = config_of(value).get("name") if isinstance(value, Mapping) else value
    return named if isinstance(named, str) else None


def keras_default(type_: str, parameter: str) -> Any:
    """Keras's default of a layer's parameter; inspect.Parameter.empty if it has none."""
    signature = inspect.signature(getattr(keras.layers, type_).__init__)
    found = signature.parameters.get(parameter)
    return inspect.Parameter.empty if found is None else found.default
