"""Reads the values of a configuration that Keras wrote: components, functions, tuples and arrays, as plain data."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from models.catalogue import KINDS, LISTS, Entry, Parameter, load_catalogue
from models.model_files.keras.refusal import shown

CUSTOM = re.compile(r"Custom>(?=[A-Z]\w*$)")
"""The prefix of optimizers in files of Keras 2, although they are Keras's own."""


def class_name(serialized: Any) -> str:
    """The name of a serialized object's class, of a function, or a plain name; empty if there is none."""
    if isinstance(serialized, str):
        return serialized
    if not isinstance(serialized, Mapping):
        return ""
    if serialized.get("class_name") == "function":
        config = serialized.get("config")
        name = config if isinstance(config, str) else serialized.get("registered_name")
        return str(name or "")
    return str(serialized.get("class_name") or "")


def config_of(serialized: Any) -> Mapping[str, Any]:
    """The parameters of a serialized object; empty for a name or a function."""
    config = serialized.get("config") if isinstance(serialized, Mapping) else None
    return config if isinstance(config, Mapping) else {}


def is_custom(serialized: Any) -> bool:
    """Whether an object's class isn't Keras's own."""
    if not isinstance(serialized, Mapping):
        return False
    registered, module = serialized.get("registered_name"), serialized.get("module")
    if serialized.get("class_name") == "function":
        return not (isinstance(module, str) and is_keras(module))
    foreign = isinstance(module, str) and not is_keras(module)
    return foreign or (isinstance(registered, str) and ">" in registered)


def is_keras(module: str) -> bool:
    return module.split(".")[0] == "keras"


def plain(value: Any) -> Any:
    """A value with Keras's forms of tuples and arrays as lists."""
    if isinstance(value, Mapping):
        name = value.get("class_name")
        if name == "__tuple__":
            return plain(value.get("items"))
        if name in ("__numpy__", "__tensor__"):
            return plain(config_of(value).get("value"))
        return value
    return [plain(item) for item in value] if isinstance(value, list) else value


def as_float(value: Any) -> Any:
    """A number that Keras stored as a 32-bit float, in its shortest form: 0.001 for 0.0010000000474974513."""
    if isinstance(value, float) and value == np.float32(value):
        return float(str(np.float32(value)))
    return value


def read_component(kind: str, serialized: Any) -> Any:
    """An optimizer, loss, metric, initializer, …, as a client would post it: a name, or an object with a type.

    Parameters that the catalogue doesn't have are omitted. The result may be invalid; `None` if it isn't a component.
    """
    name = CUSTOM.sub("", class_name(serialized))
    entry = load_catalogue().find(kind, name)
    if entry is None or is_custom(serialized):
        return None
    document = {"type": entry.type} | {
        key: read_value(entry.by_name[key], value)
        for key, value in config_of(serialized).items()
        if key in entry.by_name and key != "name" and not (value is None and not entry.by_name[key].nullable)
    }
    return without_defaults(entry, document)


def read_value(parameter: Parameter, value: Any) -> Any:
    """A parameter's value as a client would post it; components of layers are read elsewhere."""
    value = plain(value)
    if parameter.type in LISTS or parameter.type in ("layer", "cell"):
        return value
    if parameter.type == "activation" and isinstance(value, Mapping):
        return class_name(value) or value
    if parameter.type in KINDS and isinstance(value, Mapping):
        return read_component(parameter.type, value)
    if parameter.type == "learning_rate" and isinstance(value, Mapping):
        return read_component("schedule", value)
    if parameter.type == "integer" and isinstance(value, list) and len(value) == 1:
        return value[0]
    if parameter.type in ("number", "learning_rate", "numbers"):
        return [as_float(item) for item in value] if isinstance(value, list) else as_float(value)
    return value


def without_defaults(entry: Entry, document: dict[str, Any]) -> dict[str, Any]:
    """A component without the parameters that have their defaults."""
    return {
        name: value
        for name, value in document.items()
        if name == "type" or entry.by_name[name].required or not is_default(entry.by_name[name], value)
    }


def is_default(parameter: Parameter, value: Any) -> bool:
    """Whether a value is the parameter's default, in any of the forms in which Keras writes it."""
    default = parameter.default
    if isinstance(value, Mapping) and isinstance(default, str) and len(value) == 1:
        found = load_catalogue().find(parameter.type, default) if parameter.type in KINDS else None
        return found is not None and found.type == value.get("type")
    if isinstance(default, list) and isinstance(value, list):
        return default == value
    if default is None and parameter.type == "activation":
        return value in (None, "linear")
    return isinstance(default, bool) == isinstance(value, bool) and bool(default == value)


def describe(serialized: Any) -> str:
    """A serialized object for use in a sentence."""
    return f"`{shown(class_name(serialized) or type(serialized).__name__)}`"
