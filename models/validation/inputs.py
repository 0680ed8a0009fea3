"""Checks the inputs of a posted network."""

from collections.abc import Iterator, Mapping
from typing import Any

from models.errors import Fault
from models.limits import Limits
from models.spec import OUTPUT, SINGLE_INPUT, Scaling
from models.validation.values import LARGEST_INTEGER, MOST_DIMENSIONS, NAME, WORDS, is_integer, member

MOST_INPUTS = 100
"""The maximum of inputs of a network."""


def input_faults(document: Mapping[str, Any], limits: Limits) -> Iterator[Fault]:
    """The faults of `input`, or of `inputs` by name; a network has exactly one of these fields."""
    input_, inputs = document.get("input"), document.get("inputs")
    if input_ is not None and inputs is not None:
        yield Fault("A network has either `input` or `inputs`: remove one of them.", "#/inputs")
    elif input_ is None and inputs is None:
        yield Fault("A network requires an `input`, or several by name as `inputs`.", "#/input")
    elif input_ is not None:
        yield from one_input_faults(input_, "#/input", limits)
    elif not isinstance(inputs, Mapping) or not 1 <= len(inputs) <= MOST_INPUTS:
        yield Fault(f"`inputs` must be an object with 1 to {MOST_INPUTS} inputs by name.", "#/inputs")
    else:
        for name, one in inputs.items():
            problem = find_name_problem(name)
            if problem:
                yield Fault(problem, member("#/inputs", name))
            yield from one_input_faults(one, member("#/inputs", name), limits)


def input_names(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the inputs in the layers' `inputs`."""
    inputs = document.get("inputs")
    return tuple(inputs) if isinstance(inputs, Mapping) and inputs else (SINGLE_INPUT,)


def find_name_problem(name: str) -> str | None:
    """Why an input of a network or dataset can't have this name, as a sentence; None if it can."""
    if not NAME.fullmatch(name):
        return f"The name of an input must be {WORDS['name']}."
    return f"`{OUTPUT}` is the name of the output: give the input another name." if name == OUTPUT else None


def one_input_faults(input_: Any, pointer: str, limits: Limits) -> Iterator[Fault]:
    if not isinstance(input_, Mapping):
        yield Fault("An input must be an object with a `shape` or a `dataset`.", pointer)
        return
    if input_.get("scaling", Scaling.NONE) not in list(Scaling):
        yield Fault("Unknown scaling.", f"{pointer}/scaling", allowed=tuple(scaling.value for scaling in Scaling))
    shape = input_.get("shape")
    if shape is None and input_.get("dataset") is not None:
        return
    if not isinstance(shape, list | tuple) or not 1 <= len(shape) <= MOST_DIMENSIONS:
        yield Fault(f"A shape must be a list of 1 to {MOST_DIMENSIONS} integers of at least 1.", f"{pointer}/shape")
        return
    size = 1
    for axis, length in enumerate(shape):
        if not is_integer(length) or not 1 <= length <= LARGEST_INTEGER:
            yield Fault("A dimension must be an integer of at least 1.", f"{pointer}/shape/{axis}")
        else:
            size *= length
    if size > limits.activations_per_row:
        detail = f"A row has {size:,} numbers, more than the limit of {limits.activations_per_row:,}."
        yield Fault(detail, f"{pointer}/shape")
