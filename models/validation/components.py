"""Checks a layer, optimizer, loss, metric, … against the catalogue: its type and its parameters."""

from collections.abc import Collection, Iterator, Mapping
from itertools import islice, pairwise
from typing import Any

from models.adaptation import learns_from_rows
from models.catalogue import KINDS, LISTS, PLATEAU, Entry, Parameter, load_catalogue
from models.errors import MOST_FAULTS, Fault
from models.suggestions import nearest
from models.validation.values import article, expected, is_integer, member, value_faults

OBJECTS = ("layer", "cell", "schedule")
"""The kinds whose components must be objects, because a name alone isn't enough."""
MOST_NESTED = 5
"""The maximum nesting depth of layers."""
MOST_LISTED = 20
"""The maximum of layers or cells in a list: each step of a sequence carries the state of all cells."""


def check_component(kind: str, value: Any, pointer: str) -> list[Fault]:
    """The faults of one layer, optimizer, loss, metric, … at `pointer`: a name, or an object of type and parameters."""
    return list(islice(component_faults(kind, value, pointer), MOST_FAULTS))


def component_faults(
    kind: str,
    value: Any,
    pointer: str,
    besides: Collection[str] = (),
    allowed: tuple[str, ...] = (),
    depth: int = 0,
) -> Iterator[Fault]:
    """The faults of a name, or of an object with a type, its parameters, and the optional fields `besides`.

    If `allowed` isn't empty, it lists the only valid types; `depth` is the number of components around this one.
    """
    types = allowed or tuple(entry.type for entry in load_catalogue().entries(kind))
    if isinstance(value, Mapping):
        name, parameters, where = value.get("type"), {k: v for k, v in value.items() if k != "type"}, f"{pointer}/type"
    else:
        name, parameters, where = (None if kind in OBJECTS else value), {}, pointer
    if not isinstance(name, str):
        form = "an object with a `type`" if kind in OBJECTS else "a name, or an object with a `type`"
        yield Fault(f"{article(kind)} must be {form}.", where, allowed=types)
        return
    entry = load_catalogue().find(kind, name)
    if entry is None:
        yield unknown_type(kind, name, types, where)
        return
    if (allowed and entry.type not in allowed) or (depth and takes_several(entry)):
        yield misplaced(kind, entry, types, where)
        return
    yield from combination_faults(entry, parameters, pointer)
    if depth and learns_from_rows(entry.type, parameters):
        yield Fault(f"A nested {entry.type} can't learn from the training rows: post its parameters.", pointer)
    for key, parameter_value in parameters.items():
        if key not in entry.by_name and key not in besides:
            known = (*entry.by_name, *besides)
            detail = f"{entry.type} has no parameter `{str(key)[:64]}`."
            yield Fault(detail, member(pointer, key), allowed=known, did_you_mean=nearest(str(key), known))
        elif key in entry.by_name:
            yield from parameter_faults(entry, entry.by_name[key], parameter_value, member(pointer, key), depth)
    for parameter in entry.parameters:
        if parameter.required and parameter.name not in parameters:
            yield Fault(f"{entry.type} needs `{parameter.name}`.", f"{pointer}/{parameter.name}")


def unknown_type(kind: str, name: str, types: tuple[str, ...], pointer: str) -> Fault:
    if kind == "layer" and load_catalogue().find("cell", name):
        return Fault(f"{name} computes one step of a sequence: post it as the `cell` of a layer RNN.", pointer)
    suggestion = load_catalogue().nearest(kind, name)
    return Fault(f"There is no {kind} `{name[:64]}`.", pointer, allowed=types, did_you_mean=suggestion)


def misplaced(kind: str, entry: Entry, types: tuple[str, ...], pointer: str) -> Fault:
    if entry.type == PLATEAU:
        detail = f"{PLATEAU} monitors epochs: post it as the `learning_rate_schedule` of a training job."
    else:
        detail = f"{article(kind)} {entry.type} can't be used here."
    return Fault(detail, pointer, allowed=types)


def combination_faults(entry: Entry, parameters: Mapping[str, Any], pointer: str) -> Iterator[Fault]:
    """The faults of combinations of valid parameters."""
    if entry.type != "PiecewiseConstantDecay":
        return
    boundaries, values = parameters.get("boundaries"), parameters.get("values")
    if isinstance(boundaries, int):
        yield Fault("`boundaries` must be a list of integers.", f"{pointer}/boundaries")
    elif isinstance(boundaries, list) and all(map(is_integer, boundaries)):
        if any(later <= earlier for earlier, later in pairwise(boundaries)):
            yield Fault("Each boundary must be greater than the previous one.", f"{pointer}/boundaries")
        needed = len(boundaries) + 1
        if isinstance(values, int | float) or (isinstance(values, list) and len(values) != needed):
            detail = f"{len(boundaries)} boundaries require {needed} values: one before each, and one after the last."
            yield Fault(detail, f"{pointer}/values")


def takes_several(entry: Entry) -> bool:
    """Whether a layer takes several tensors, which a wrapper layer can't pass to it."""
    return entry.tensors is not None and entry.tensors.least > 1


def parameter_faults(entry: Entry, parameter: Parameter, value: Any, pointer: str, depth: int = 0) -> Iterator[Fault]:
    if value is None:
        if not parameter.nullable:
            yield Fault(f"`{parameter.name}` of {entry.type} must be {expected(parameter)}, not null.", pointer)
    elif depth >= MOST_NESTED:
        yield Fault(f"Layers can be nested at most {MOST_NESTED} deep.", pointer)
    elif parameter.type == "cell" and isinstance(value, list):
        yield Fault("A list of cells must be posted as the `cells` of a StackedRNNCells.", pointer)
    elif parameter.type in KINDS:
        yield from component_faults(parameter.type, value, pointer, (), parameter.allowed, depth + 1)
    elif parameter.type in LISTS:
        yield from list_faults(parameter, value, pointer, depth)
    elif parameter.type == "learning_rate" and isinstance(value, Mapping):
        yield from component_faults("schedule", value, pointer, allowed=load_catalogue().keras_schedules)
    else:
        yield from value_faults(parameter, value, pointer)


def list_faults(parameter: Parameter, value: Any, pointer: str, depth: int) -> Iterator[Fault]:
    """The faults of a list of layers or cells."""
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MOST_LISTED:
        yield Fault(f"`{parameter.name}` must be {expected(parameter)}, at least 1 and at most {MOST_LISTED}.", pointer)
        return
    for index, listed in enumerate(value):
        where = f"{pointer}/{index}"
        yield from component_faults(LISTS[parameter.type], listed, where, (), parameter.allowed, depth + 1)


def resolve(kind: str, value: Any) -> Entry | None:
    """The entry for a name, or for an object's type; None if there is none."""
    name = value.get("type") if isinstance(value, Mapping) else value
    return load_catalogue().find(kind, name) if isinstance(name, str) else None
