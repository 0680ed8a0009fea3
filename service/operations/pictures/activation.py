"""The curve of an activation function and of its derivative."""

from typing import Any

import numpy as np

from models.activations import ACTIVATIONS, Activation
from models.suggestions import nearest
from service.errors import NotFound

LOW, HIGH, POINTS = -5.0, 5.0, 401


def describe(name: str) -> dict[str, Any]:
    """The document of the picture. Raises NotFound."""
    if name not in ACTIVATIONS:
        similar = nearest(name, ACTIVATIONS)
        hint = f' Did you mean "{similar}"?' if similar else ""
        raise NotFound(f'There is no activation function "{name}".{hint} GET /v1/activation-types lists them.')
    activation = ACTIVATIONS[name]
    x = np.linspace(LOW, HIGH, POINTS)
    y, derivative = activation.value(x), activation.derivative(x)
    return {
        "title": name,
        "description": _describe(activation, y, derivative),
        "type": name,
        "formula": activation.formula,
        "source": activation.source or None,
        "held": activation.held or None,
        "x": np.round(x, 6).tolist(),
        "y": y.tolist(),
        "derivative": derivative.tolist(),
    }


def _describe(activation: Activation, y: np.ndarray, derivative: np.ndarray) -> str:
    shown = f" This is {activation.outputs} while {activation.held}." if activation.held else ""
    ranges = f"its values are {_range(y)}, and its slopes {_range(derivative)}"
    return f"f(x) = {activation.formula}.{shown} For inputs from {_write(LOW)} to {_write(HIGH)} {ranges}."


def _range(values: np.ndarray) -> str:
    low, high = values.min(), values.max()
    return f"{_write(low)} everywhere" if low == high else f"from {_write(low)} to {_write(high)}"


def _write(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")
