"""The inputs of an imported network: what its file says, completed with what the client says."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from models.errors import Fault, InvalidSpec
from models.preprocessing import Preprocessing
from models.preprocessing.tensor_input import TensorInput
from models.spec import NetworkSpec, Scaling
from models.validation.values import is_integer

MEMBERS = ("shape", "scaling")
Shape = tuple[int | None, ...]


def complete_inputs(
    found: Mapping[str, Shape], given: Mapping[str, Any] | None, note: Callable[[str], None]
) -> dict[str, Any]:
    """The inputs as in a posted network, by name. `given` is the client's field `input`, `found` what the file says; a
    dimension is None where it varies.

    Raises InvalidSpec at the member of `input` that doesn't fit the file.
    """
    if given is not None:
        _check_members(found, given)
    given = given or {}
    inputs: dict[str, dict[str, Any]] = {}
    for name, shape in found.items():
        inputs[name] = {"shape": list(_fix(name, shape, given.get("shape"), note))}
        if given.get("scaling") is not None:
            inputs[name]["scaling"] = Scaling(given["scaling"]).value
    return inputs


def _check_members(found: Mapping[str, Shape], given: Mapping[str, Any]) -> None:
    for member in given:
        if member not in MEMBERS:
            detail = f"The input of a network from a file has no member `{str(member)[:64]}`."
            raise InvalidSpec(Fault(detail, f"#/input/{str(member)[:64]}", allowed=MEMBERS))
    if len(found) != 1:
        detail = f"The network in the file has {len(found)} inputs, but `input` describes a single one: omit it."
        raise InvalidSpec(Fault(detail, "#/input"))
    scaling = given.get("scaling")
    allowed = (Scaling.NONE.value, Scaling.UNIT.value)
    if scaling == Scaling.STANDARD:
        detail = "`standard` scaling is learned from training rows, which a file doesn't have."
        raise InvalidSpec(Fault(detail, "#/input/scaling", allowed=allowed))
    if scaling is not None and scaling not in allowed:
        raise InvalidSpec(Fault("Unknown scaling.", "#/input/scaling", allowed=allowed))


def _fix(name: str, shape: Shape, given: Any, note: Callable[[str], None]) -> tuple[int, ...]:
    """The shape without varying dimensions."""
    words = json.dumps(shape)
    if given is None:
        if None in shape:
            detail = f"The input `{name}` has the shape {words} in the file, in which null varies:"
            raise InvalidSpec(Fault(f"{detail} send the shape of a row, such as {_example(shape)}.", "#/input/shape"))
        return tuple(length for length in shape if length is not None)
    is_shape = isinstance(given, list | tuple) and all(map(is_integer, given))
    if not is_shape or len(given) != len(shape) or any(n not in (None, m) for n, m in zip(shape, given, strict=True)):
        detail = f"The input `{name}` has the shape {words} in the file, which a row of the shape {given} doesn't fit."
        raise InvalidSpec(Fault(detail, "#/input/shape"))
    if None in shape:
        note(f"The input `{name}` has the fixed shape {list(given)} here; in the file it varies.")
    return tuple(given)


def _example(shape: Shape) -> list[int]:
    return [32 if length is None else length for length in shape]


def fixed_preprocessing(spec: NetworkSpec) -> Preprocessing:
    """The preprocessing of a network whose scaling needs no rows: `none` or `unit`."""
    rows = {name: np.zeros((1, *input_.shape), np.float32) for name, input_ in spec.inputs.items()}
    return Preprocessing({name: TensorInput.fit(input_, rows[name], "") for name, input_ in spec.inputs.items()})
