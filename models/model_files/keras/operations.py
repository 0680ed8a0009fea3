"""Operations in functional networks, such as `x + y`, as layers of the catalogue that compute the same."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from models.catalogue import load_catalogue
from models.model_files.keras.refusal import refusal, shown
from models.model_files.keras.serialized import class_name, config_of

LAMBDAS = ("TFOpLambda", "SlicingOpLambda")
"""The class names under which Keras 2 saves calls of TensorFlow's functions."""
ARITHMETIC = {
    "add": "Add", "subtract": "Subtract", "sub": "Subtract", "multiply": "Multiply", "mul": "Multiply",
    "divide": "Divide", "true_divide": "Divide", "truediv": "Divide", "realdiv": "Divide", "negative": "Negative",
    "neg": "Negative", "maximum": "Maximum", "minimum": "Minimum",
}  # fmt: skip
"""The functions of TensorFlow and NumPy, without their module, and the operation that they compute."""
OPERATIONS = {"Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Negative", "Maximum", "Minimum"}
MERGING = {"Add": "Add", "Subtract": "Subtract", "Multiply": "Multiply", "Maximum": "Maximum", "Minimum": "Minimum"}
"""The operations on two tensors that a layer computes."""
ACTIVATIONS = {
    "Relu": "relu", "Relu6": "relu6", "Sigmoid": "sigmoid", "Tanh": "tanh", "Silu": "silu", "Elu": "elu",
    "Selu": "selu", "Softplus": "softplus", "Softsign": "softsign", "Exp": "exponential", "HardSilu": "hard_silu",
    "LogSigmoid": "log_sigmoid",
}  # fmt: skip
"""The operations of one tensor that an activation computes, with all parameters at their defaults."""
IMPLICIT_MASKS = ("NotEqual", "Any", "LogicalAnd", "LogicalOr")
"""The operations with which Keras 3 writes down the masks that layers pass on by themselves."""
MOST_CONSTANTS = 4096


@dataclass(frozen=True)
class Tensor:
    """An argument that is another layer's output, by name."""

    name: str


def operation_of(serialized: Mapping[str, Any], is_keras_2: bool) -> str | None:
    """The operation that a serialized object computes; None if it is a layer."""
    name = class_name(serialized)
    if name in LAMBDAS:
        function = str(config_of(serialized).get("function", ""))
        last = function.rpartition(".")[2]
        camel = "".join(part.capitalize() for part in last.split("_"))
        return ARITHMETIC.get(last) or (camel if camel in ACTIVATIONS else function or name)
    module = serialized.get("module")
    if isinstance(module, str) and ".ops" in module:
        return name
    known = name in OPERATIONS or name in ACTIVATIONS or name in IMPLICIT_MASKS
    return name if known and not is_keras_2 and load_catalogue().find("layer", name) is None else None


def read_operation(
    operation: str, arguments: list[Any], parameters: Mapping[str, Any], name: str
) -> tuple[dict[str, Any], list[str]]:
    """The layer that computes an operation, and the tensors that it takes. `parameters` are those besides its operands.

    Raises InvalidSpec if there is no such layer.
    """
    tensors = [argument.name for argument in arguments if isinstance(argument, Tensor)]
    others = {key: value for key, value in parameters.items() if value is not None and key != "name"}
    if operation in ACTIVATIONS and len(arguments) == len(tensors) == 1 and not any(others.values()):
        return {"type": "Activation", "activation": ACTIVATIONS[operation]}, tensors
    if operation == "Softmax" and len(arguments) == len(tensors) == 1 and others in ({}, {"axis": -1}):
        return {"type": "Activation", "activation": "softmax"}, tensors
    if operation == "Negative" and len(arguments) == len(tensors) == 1 and not others:
        return {"type": "Rescaling", "scale": -1.0}, tensors
    if operation == "Concatenate" and len(arguments) == 1 and isinstance(arguments[0], list):
        return {"type": "Concatenate", **others}, [one.name for one in arguments[0] if isinstance(one, Tensor)]
    if len(arguments) == 2 and not others:
        if len(tensors) == 2 and operation in MERGING:
            return {"type": MERGING[operation]}, tensors
        layer = _rescale(operation, *arguments) if len(tensors) == 1 else None
        if layer is not None:
            return {"type": "Rescaling"} | layer, tensors
    detail = f"The operation `{shown(operation)}` of the layer `{name}` has no equivalent in the catalogue"
    raise refusal(f"{detail}: build the network from layers.")


def _rescale(operation: str, left: Any, right: Any) -> dict[str, Any] | None:
    """The parameters of Rescaling for an operation of a tensor and constants; None if it can't compute it."""
    constant, is_first = (left, True) if isinstance(right, Tensor) else (right, False)
    if not _is_constant(constant):
        return None
    if operation == "Add":
        return {"scale": 1.0, "offset": constant}
    if operation == "Multiply":
        return {"scale": constant}
    if operation == "Subtract":
        return {"scale": -1.0, "offset": constant} if is_first else {"scale": 1.0, "offset": _each(_negate, constant)}
    zero = 0 in constant if isinstance(constant, list) else constant == 0
    if operation in ("Divide", "TrueDivide") and not is_first and not zero:
        return {"scale": _each(_invert, constant)}
    return None


def _is_constant(value: Any) -> bool:
    if isinstance(value, list):
        return 0 < len(value) <= MOST_CONSTANTS and all(map(_is_number, value))
    return _is_number(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _each(function: Callable[[float], float], value: Any) -> Any:
    return [function(item) for item in value] if isinstance(value, list) else function(value)


def _negate(value: float) -> float:
    return -value


def _invert(value: float) -> float:
    return 1 / value
