"""Writes catalogue.json from the signatures and docstrings of the installed Keras.

`python -m models.catalogue.generate` writes the file; with `--check` it exits with 1 if the file differs.
"""

import inspect
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import keras
from keras.src import activations, constraints, initializers, losses, metrics, optimizers, regularizers
from keras.src.utils.naming import to_snake_case

from models.catalogue import CATALOGUE_PATH, descriptions, own, parameters, selection

UNDOCUMENTED = inspect.Parameter.empty
REGISTRIES: dict[str, dict[str, Any]] = {
    "optimizers": optimizers.ALL_OBJECTS_DICT,
    "losses": losses.ALL_OBJECTS_DICT,
    "metrics": metrics.ALL_OBJECTS_DICT,
    "activations": activations.ALL_OBJECTS_DICT,
    "initializers": initializers.ALL_OBJECTS_DICT,
    "regularizers": regularizers.ALL_OBJECTS_DICT,
    "constraints": constraints.ALL_OBJECTS_DICT,
}
"""Keras's names of the components of each kind."""

MODULES = {
    "layers": keras.layers,
    "cells": keras.layers,
    "optimizers": keras.optimizers,
    "schedules": keras.optimizers.schedules,
    "losses": keras.losses,
    "metrics": keras.metrics,
    "activations": keras.activations,
    "initializers": keras.initializers,
    "regularizers": keras.regularizers,
    "constraints": keras.constraints,
}
"""The module from which Keras exports the components of each kind."""

BASES = {"layers": keras.Layer, "cells": keras.Layer, "optimizers": keras.optimizers.SGD}
"""The class that documents the shared parameters of a kind, for components that don't repeat them."""

NUMERIC_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", tuple: "integers"}


def generate() -> dict[str, Any]:
    """The whole catalogue as JSON."""
    return {
        "keras": keras.__version__,
        "layers": [*(describe("layers", name) for name in selection.LAYERS), own.PRETRAINED],
        "cells": [describe("cells", name) for name in selection.CELLS],
        "optimizers": [describe("optimizers", name) for name in selection.OPTIMIZERS],
        "schedules": [*(describe("schedules", name) for name in selection.SCHEDULES), own.PLATEAU],
        "losses": [describe("losses", name, tasks) for name, tasks in selection.LOSSES.items()],
        "metrics": [describe("metrics", name, tasks) for name, tasks in selection.METRICS.items()],
        "activations": [describe("activations", name) for name in selection.ACTIVATIONS],
        "initializers": [describe("initializers", name) for name in selection.INITIALIZERS],
        "regularizers": [describe("regularizers", name) for name in selection.REGULARIZERS],
        "constraints": [describe("constraints", name) for name in selection.CONSTRAINTS],
    }


def describe(kind: str, name: str, tasks: Iterable[str] = ()) -> dict[str, Any]:
    """One entry: a class of Keras, or a function if `kind` is `activations`."""
    component = getattr(MODULES[kind], name)
    return {
        "type": name,
        "category": category(kind, component),
        "description": descriptions.DESCRIPTIONS.get(name) or in_json_terms(paragraph(component.__doc__)),
        "aliases": aliases(kind, component),
        "tasks": list(tasks),
        "tensors": tensors(name) if kind == "layers" else None,
        "parameters": [] if kind == "activations" else list(describe_parameters(kind, component)),
    }


def tensors(layer: str) -> dict[str, Any]:
    """The number of tensors that a layer takes, and how Keras expects them."""
    least, most, form = selection.TENSORS.get(layer, (1, 1, selection.ARGUMENTS))
    return {"least": least, "most": most, "as_list": form == selection.LIST}


def category(kind: str, component: Any) -> str:
    """The category of the component in Keras's source files: `convolutional`, `accuracy`, …"""
    words: list[str] = component.__module__.split(".")
    if kind in ("layers", "cells"):
        return words[3]
    return words[-1].removesuffix("_metrics") if kind == "metrics" else kind


def aliases(kind: str, component: Any) -> list[str]:
    """Keras's other names of the component."""
    exports = {name: value for name, value in vars(MODULES[kind]).items() if not name.startswith("_")}
    names = {name for name, value in exports.items() if value is component}
    for name, value in REGISTRIES.get(kind, {}).items():
        if value is component or (kind == "losses" and value_is_function_of(value, component)):
            names.add(name)
    if component is keras.metrics.Accuracy:
        names.add("acc")
    return sorted(names - {component.__name__})


def value_is_function_of(value: Any, loss: type) -> bool:
    """Whether `value` is the function that the class `loss` wraps: `mean_squared_error`, `MeanSquaredError`."""
    return inspect.isfunction(value) and value.__name__ == to_snake_case(loss.__name__)


def describe_parameters(kind: str, component: type) -> Iterator[dict[str, Any]]:
    """The parameters that JSON clients may set, in the order of the signature; a layer's shared parameters are last."""
    base = BASES.get(kind, component)
    texts = arguments(base.__doc__ or "") | arguments(component.__doc__ or "")
    signature = init_parameters(component)
    if kind in ("layers", "cells"):
        shared = init_parameters(keras.Layer)
        signature = {name: signature[name] for name in signature if name not in ("name", "trainable")}
        signature |= {name: shared[name] for name in ("name", "trainable") if takes(component, name)}
    for name, parameter in signature.items():
        if lookup(selection.PARAMETERS_LEFT_OUT, kind, component, name) is None:
            yield describe_parameter(kind, component, parameter, texts.get(name))


def init_parameters(component: type) -> dict[str, inspect.Parameter]:
    """The constructor's named parameters."""
    parameters = list(inspect.signature(component.__init__).parameters.values())[1:]  # type: ignore[misc]
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {parameter.name: parameter for parameter in parameters if parameter.kind not in variadic}


def takes(component: type, name: str) -> bool:
    """Whether the constructor accepts a parameter, directly or to pass it on."""
    parameters = inspect.signature(component.__init__).parameters.values()  # type: ignore[misc]
    return any(parameter.name == name or parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)


def describe_parameter(kind: str, component: type, parameter: inspect.Parameter, text: str | None) -> dict[str, Any]:
    name, default = parameter.name, parameter.default
    description = lookup(descriptions.DESCRIPTIONS, kind, component, name) or text
    if description is None:
        raise ValueError(f"{component.__name__}.{name} is not documented: describe it in descriptions.DESCRIPTIONS")
    type_ = lookup(parameters.TYPES, kind, component, name) or infer_type(name, default)
    if type_ is None:
        raise ValueError(f"the type of {component.__name__}.{name} is unknown: add it to parameters.TYPES")
    required = default is UNDOCUMENTED or f"{component.__name__}.{name}" in parameters.REQUIRED
    if required or type_ == "name":
        default = None
    minimum, maximum = lookup(parameters.RANGES, kind, component, name) or (None, None)
    if name in parameters.ONE_A_DIMENSION and type_ != "string":
        maximum = parameters.MOST_A_DIMENSION.get(dimensions(component) or 0)
    return {
        "name": name,
        "type": type_,
        "length": length(kind, component, name) if type_ in ("integers", "numbers", "margins") else None,
        "required": required,
        "default": lookup(parameters.DEFAULTS, kind, component, name) or as_json(default, type_),
        "minimum": minimum,
        "maximum": maximum,
        "allowed": lookup(parameters.ALLOWED, kind, component, name),
        "description": in_json_terms(description),
    }


def lookup(table: dict[str, Any], kind: str, component: type, name: str) -> Any:
    """The most specific entry for a parameter in a table of the selection; None if there is none."""
    keys = (f"{component.__name__}.{name}", f"{kind}.{name}", name)
    return next((table[key] for key in keys if key in table), None)


def length(kind: str, component: type, name: str) -> int | None:
    """The length of a list; None if it may vary."""
    rank = dimensions(component)
    if rank and name in parameters.ONE_A_DIMENSION:
        return rank
    known: int | None = lookup(parameters.LENGTHS, kind, component, name)
    return known


def dimensions(component: type) -> int | None:
    """The number in the type's name: 2 for Conv2D."""
    named = re.search(r"([123])D", component.__name__)
    return int(named[1]) if named else None


def infer_type(name: str, default: Any) -> str | None:
    """The type that follows from a parameter's name or default; None if neither determines it."""
    for component_type in ("initializer", "regularizer", "constraint"):
        if name.endswith(f"_{component_type}"):
            return component_type
    if name == "activation":
        return "activation"
    return NUMERIC_TYPES.get(type(default))


def as_json(default: Any, type_: str) -> Any:
    """A default as a JSON value, with numbers as floats: 0 and 0.0 are the same default."""
    if isinstance(default, tuple):
        return [as_json(element, type_) for element in default]
    return float(default) if type_ in ("number", "numbers", "learning_rate") and default is not None else default


def paragraph(docstring: str) -> str:
    """The first paragraph of a docstring."""
    return inspect.cleandoc(docstring).split("\n\n", 1)[0]


def arguments(docstring: str) -> dict[str, str]:
    """The text on each parameter in a docstring's section "Args", with any indentation."""
    heading = re.search(r"^( *)Arg(?:ument)?s: *\n( *)", docstring, re.MULTILINE)
    if heading is None:
        return {}
    texts: dict[str, list[str]] = {}
    current: list[str] = []
    margin, parameter_margin = len(heading[1]), len(heading[2])
    for line in docstring[heading.start(2) :].splitlines():
        indent = len(line) - len(line.lstrip())
        if line.strip() and indent <= margin:
            break
        opening = re.match(r" *\**(\w+): *(.*)", line) if indent == parameter_margin else None
        if opening:
            current = texts.setdefault(opening[1], [])
            current.append(opening[2])
        else:
            current.append(line)
    return {name: "\n".join(text).strip() for name, text in texts.items()}


def in_json_terms(text: str) -> str:
    """A text on one line, with JSON's literals for Python's constants."""
    for python, json_ in (("None", "null"), ("True", "true"), ("False", "false")):
        text = re.sub(rf"\b{python}\b", json_, text)
    return " ".join(text.split())


def main(path: Path = CATALOGUE_PATH) -> int:
    """Write the file, or with `--check` compare it; return the exit status."""
    text = json.dumps(generate(), indent=1, ensure_ascii=False) + "\n"
    if "--check" not in sys.argv[1:]:
        path.write_text(text, encoding="utf-8")
        return 0
    if path.read_text(encoding="utf-8") == text:
        return 0
    print(f"{path.name} differs from Keras {keras.__version__}: run python -m models.catalogue.generate")
    return 1


if __name__ == "__main__":
    sys.exit(main())
