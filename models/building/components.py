"""Makes Keras's objects of what a spec names: layers, optimizers, losses, metrics, initializers, …"""

from typing import Any

import keras

from models.building.complaints import first_sentence
from models.catalogue import KINDS, Entry, load_catalogue
from models.errors import Fault, InvalidSpec
from models.spec import ComponentSpec

load_catalogue()  # by the fork server that imports this module, so that its children needn't

MODULES = {kind: getattr(keras, module) for kind, module in KINDS.items()}


def resolve(kind: str, name: str) -> Entry:
    """The catalogue's entry for a name that validation.py has accepted."""
    entry = load_catalogue().find(kind, name)
    if entry is None:
        raise InvalidSpec(Fault(f"There is no {kind} `{name}`."))
    return entry


def make(kind: str, component: ComponentSpec, pointer: str, **extra: Any) -> Any:
    """A component of Keras's with the catalogue's defaults, the posted parameters, and `extra` ones.

    Raises InvalidSpec at `pointer` where Keras refuses values that are right each for itself.
    """
    entry = resolve(kind, component.type)
    if kind == "activation":
        return getattr(keras.activations, entry.type)
    values = {name: parameter.default for name, parameter in entry.by_name.items() if not parameter.required}
    values |= component.parameters | extra
    arguments = {name: argument(entry, name, value, pointer) for name, value in values.items()}
    try:
        return getattr(MODULES[kind], entry.type)(**arguments)
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidSpec(Fault(f"{entry.type}: {first_sentence(error)}.", pointer)) from error


def argument(entry: Entry, name: str, value: Any, pointer: str) -> Any:
    """A parameter's value as Keras takes it: names and objects become components, lists tuples, numbers floats."""
    parameter = entry.by_name[name]
    if parameter.type in KINDS and isinstance(value, str | dict):
        return make(parameter.type, ComponentSpec.from_document(value), f"{pointer}/{name}")
    if parameter.type in ("shape", "integers") and isinstance(value, list):
        return tuple(value)
    if parameter.type == "number" and value is not None:
        return float(value)
    return value
