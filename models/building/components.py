"""Creates the Keras objects that a spec names: layers, optimizers, losses, metrics, initializers, …"""

import re
from typing import Any

import keras

from models.building.complaints import first_sentence
from models.catalogue import KINDS, LISTS, Entry, load_catalogue
from models.errors import Fault, InvalidSpec
from models.graph import base_name
from models.spec import ComponentSpec

load_catalogue()  # here, so that the fork server loads it once and its children don't have to

MODULES = {kind: getattr(keras, module) for kind, module in KINDS.items() if hasattr(keras, module)} | {
    "cell": keras.layers,
    "schedule": keras.optimizers.schedules,
}


def resolve(kind: str, name: str) -> Entry:
    """The catalogue's entry for a name that validation.py has accepted."""
    entry = load_catalogue().find(kind, name)
    if entry is None:
        raise InvalidSpec(Fault(f"There is no {kind} `{name}`."))
    return entry


def make(kind: str, component: ComponentSpec, pointer: str, **extra: Any) -> Any:
    """Create a Keras component with the catalogue's defaults, the posted parameters, and `extra` ones.

    Raises InvalidSpec at `pointer` if Keras refuses a combination of valid values.
    """
    entry = resolve(kind, component.type)
    if kind == "activation":
        return getattr(keras.activations, entry.type)
    values = {name: parameter.default for name, parameter in entry.by_name.items() if not parameter.required}
    values |= component.parameters | extra
    arguments = {name: argument(entry, name, value, pointer) for name, value in values.items()}
    try:
        made = getattr(MODULES[kind], entry.type)(**arguments)
    except Exception as error:  # Keras's constructors raise many kinds of exceptions
        raise InvalidSpec(Fault(f"{entry.type}: {first_sentence(error)}.", pointer)) from error
    if kind == "layer":
        require_dimensions(made)
    return made


def require_dimensions(layer: keras.Layer) -> None:
    """Make Keras check the number of dimensions in the name of a layer's type.

    For some layers it leaves this to TensorFlow, which may end the process.
    """
    named = re.search(r"([123])D$", type(layer).__name__)
    if named and layer.input_spec is None:
        layer.input_spec = keras.InputSpec(ndim=int(named[1]) + 2)


def argument(entry: Entry, name: str, value: Any, pointer: str) -> Any:
    """A parameter's value for Keras: names and objects become components, lists become tuples, numbers floats."""
    parameter = entry.by_name[name]
    where = f"{pointer}/{name}"
    if parameter.type in KINDS and isinstance(value, str | dict):
        return make_nested(parameter.type, value, where)
    if parameter.type in LISTS:
        kind = LISTS[parameter.type]
        return [make_nested(kind, nested, f"{where}/{index}", index) for index, nested in enumerate(value)]
    if parameter.type == "learning_rate" and isinstance(value, dict):
        return make("schedule", ComponentSpec.from_document(value), where)
    if parameter.type in ("shape", "integers", "numbers", "margins") and isinstance(value, list):
        return tuple(tuple(element) if isinstance(element, list) else element for element in value)
    if parameter.type in ("number", "learning_rate") and value is not None:
        return float(value)
    return value


def make_nested(kind: str, document: Any, pointer: str, index: int = 0) -> Any:
    """Create a nested component. A layer is named by its type and index, so that the names of its weights don't depend
    on what was built before."""
    component = ComponentSpec.from_document(document)
    if kind not in ("layer", "cell"):
        return make(kind, component, pointer)
    name = base_name(component.type) + (f"_{index}" if index else "")
    return make(kind, component, pointer, name=component.parameters.get("name") or name)
