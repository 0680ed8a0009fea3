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
"""The kinds whose components are objects: none of them is complete by its name."""
MOST_NESTED = 5
"""How deep layers may lie in each other."""
MOST_LISTED = 20
"""How many layers or cells a list holds: each step of a sequence carries the state of all cells."""


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
    """The faults of a name, or of an object with a type, its parameters, and `besides` members that it may have.

    `allowed` are the only types, if it names any; `depth` is how many components this one lies in.
    """
    types = allowed or tuple(entry.type for entry in load_catalogue().entries(kind))
    if isinstance(value, Mapping):
        name, parameters, where = value.get("type"), {k: v for k, v in value.items() if k != "type"}, f"{pointer}/type"
    else:
        name, parameters, where = (None if kind in OBJECTS else value), {}, pointer
    if not isinstance(name, str):
        form = "an object with a `type`" if kind in OBJECTS else "a name, or an object with a `type`"
        yield Fault(f"{article(kind)} is {form}.", where, allowed=types)
        return
    entry = load_catalogue().find(kind, name)
    if entry is None:
        yield unknown_type(kind, name, types, where)
        return
    if (allowed and entry.type not in allowed) or (depth and takes_several(entry)):
        yield misplaced(kind, entry, types, where)
        return
    yield from wrong_together(entry, parameters, pointer)
    if depth and learns_from_rows(entry.type, parameters):
        yield Fault(f"{entry.type} within another layer can't learn from the training rows: post what it is.", pointer)
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
        return Fault(f"{name} makes one step of a sequence: post it as the `cell` of a layer RNN.", pointer)
    suggestion = load_catalogue().nearest(kind, name)
    return Fault(f"There is no {kind} `{name[:64]}`.", pointer, allowed=types, did_you_mean=suggestion)


def misplaced(kind: str, entry: Entry, types: tuple[str, ...], pointer: str) -> Fault:
    if entry.type == PLATEAU:
        detail = f"{PLATEAU} looks at the epochs' results: post it as the `learning_rate_schedule` of a training job."
    else:
        detail = f"{article(kind)} {entry.type} can't be used here."
    return Fault(detail, pointer, allowed=types)


def wrong_together(entry: Entry, parameters: Mapping[str, Any], pointer: str) -> Iterator[Fault]:
    """The faults of parameters that are right each for itself."""
    if entry.type != "PiecewiseConstantDecay":
        return
    boundaries, values = parameters.get("boundaries"), parameters.get("values")
    if isinstance(boundaries, int):
        yield Fault("`boundaries` is a list of whole numbers.", f"{pointer}/boundaries")
    elif isinstance(boundaries, list) and all(map(is_integer, boundaries)):
        if any(later <= earlier for earlier, later in pairwise(boundaries)):
            yield Fault("Each boundary is a later step than the one before it.", f"{pointer}/boundaries")
        needed = len(boundaries) + 1
        if isinstance(values, int | float) or (isinstance(values, list) and len(values) != needed):
            detail = f"{len(boundaries)} boundaries part {needed} values: one before each, and one after the last."
            yield Fault(detail, f"{pointer}/values")


def takes_several(entry: Entry) -> bool:
    """Whether a layer takes more tensors than one, which a layer around it can't give it."""
    return entry.tensors is not None and entry.tensors.least > 1


def parameter_faults(entry: Entry, parameter: Parameter, value: Any, pointer: str, depth: int = 0) -> Iterator[Fault]:
    if value is None:
        if not parameter.nullable:
            yield Fault(f"`{parameter.name}` of {entry.type} can't be null: it is {expected(parameter)}.", pointer)
    elif depth >= MOST_NESTED:
        yield Fault(f"Layers may lie in each other {MOST_NESTED} deep.", pointer)
    elif parameter.type == "cell" and isinstance(value, list):
        yield Fault("Several cells are one cell: post a StackedRNNCells that has them as its `cells`.", pointer)
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
        yield Fault(f"`{parameter.name}` is {expected(parameter)}, at least 1 and at most {MOST_LISTED}.", pointer)
        return
    for index, listed in enumerate(value):
        where = f"{pointer}/{index}"
        yield from component_faults(LISTS[parameter.type], listed, where, (), parameter.allowed, depth + 1)


def resolve(kind: str, value: Any) -> Entry | None:
    """The entry that a name or an object names, if there is one."""
    name = value.get("type") if isinstance(value, Mapping) else value
    return load_catalogue().find(kind, name) if isinstance(name, str) else None
