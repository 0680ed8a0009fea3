"""Checks a layer, optimizer, loss, metric, … against the catalogue: its type and its parameters."""

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any

from models.catalogue import KINDS, Entry, Parameter, load_catalogue, nearest
from models.errors import MOST_FAULTS, Fault
from models.validation.values import article, expected, member, value_faults


def check_component(kind: str, value: Any, pointer: str) -> list[Fault]:
    """The faults of one layer, optimizer, loss, metric, … at `pointer`: a name, or an object of type and parameters."""
    return list(islice(component_faults(kind, value, pointer), MOST_FAULTS))


def component_faults(kind: str, value: Any, pointer: str, besides: Collection[str] = ()) -> Iterator[Fault]:
    """The faults of a name, or of an object with a type, its parameters, and `besides` members that it may have."""
    types = tuple(entry.type for entry in load_catalogue().entries(kind))
    if isinstance(value, Mapping):
        name, parameters, where = value.get("type"), {k: v for k, v in value.items() if k != "type"}, f"{pointer}/type"
    else:
        name, parameters, where = (None if kind == "layer" else value), {}, pointer
    if not isinstance(name, str):
        form = "an object with a `type`" if kind == "layer" else "a name, or an object with a `type`"
        yield Fault(f"{article(kind)} is {form}.", where, allowed=types)
        return
    entry = load_catalogue().find(kind, name)
    if entry is None:
        suggestion = load_catalogue().nearest(kind, name)
        yield Fault(f"There is no {kind} `{name[:64]}`.", where, allowed=types, did_you_mean=suggestion)
        return
    for key, parameter_value in parameters.items():
        if key not in entry.by_name and key not in besides:
            known = (*entry.by_name, *besides)
            detail = f"{entry.type} has no parameter `{str(key)[:64]}`."
            yield Fault(detail, member(pointer, key), allowed=known, did_you_mean=nearest(str(key), known))
        elif key in entry.by_name:
            yield from parameter_faults(entry, entry.by_name[key], parameter_value, member(pointer, key))
    for parameter in entry.parameters:
        if parameter.required and parameter.name not in parameters:
            yield Fault(f"{entry.type} needs `{parameter.name}`.", f"{pointer}/{parameter.name}")


def parameter_faults(entry: Entry, parameter: Parameter, value: Any, pointer: str) -> Iterator[Fault]:
    if value is None:
        if not parameter.nullable:
            yield Fault(f"`{parameter.name}` of {entry.type} can't be null: it is {expected(parameter)}.", pointer)
    elif parameter.type in KINDS:
        yield from component_faults(parameter.type, value, pointer)
    else:
        yield from value_faults(parameter, value, pointer)


def resolve(kind: str, value: Any) -> Entry | None:
    """The entry that a name or an object names, if there is one."""
    name = value.get("type") if isinstance(value, Mapping) else value
    return load_catalogue().find(kind, name) if isinstance(name, str) else None
