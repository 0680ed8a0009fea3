"""The activation functions of the catalogue and their derivatives, as curves over one input.

The formulas are those of keras/src/activations/activations.py (Keras 3.15) with its defaults; each function names where
it comes from. A derivative at a kink is that of one of the sides.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Curve = Callable[[np.ndarray], np.ndarray]
"""From inputs of shape [n] to values of shape [n], in double precision."""

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
LEAK = 0.2
THRESHOLD = 0.5
"""Of the shrinking functions."""


@dataclass(frozen=True)
class Activation:
    """An activation function. `formula` is text; `source` says who introduced the function, if that is known."""

    value: Curve
    derivative: Curve
    formula: str
    source: str = ""
    held: str = ""
    """For a function of several numbers: what the others are while one varies."""
    outputs: str = ""
    """For a function of several numbers: which output is shown."""


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e^−x), without overflow."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))


def softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + e^x), without overflow."""
    return np.logaddexp(0, x)


def normal(x: np.ndarray) -> np.ndarray:
    """The cumulative distribution Φ of the standard normal distribution."""
    return np.array([0.5 * (1 + math.erf(number / math.sqrt(2))) for number in x])


def normal_density(x: np.ndarray) -> np.ndarray:
    """The density φ of the standard normal distribution."""
    return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def within(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """1 between the bounds, else 0."""
    return ((x > low) & (x < high)).astype(float)


def first_of_softmax(x: np.ndarray) -> np.ndarray:
    """The first of softmax([x, 0, 0]): e^x / (e^x + 2)."""
    return sigmoid(x - math.log(2))


def mish_derivative(x: np.ndarray) -> np.ndarray:
    """tanh(softplus(x)) + x · sigmoid(x) / cosh²(softplus(x))."""
    bent = np.tanh(softplus(x))
    return bent + x * sigmoid(x) * (1 - bent**2)


def sparse_plus(x: np.ndarray) -> np.ndarray:
    """0 up to −1, (x + 1)² / 4 up to 1, then x."""
    return np.where(x <= -1, 0, np.where(x >= 1, x, (x + 1) ** 2 / 4))


def sparsemax(x: np.ndarray) -> np.ndarray:
    """The first of sparsemax([x, 0, 0]), as Keras computes it.

    Its threshold sums the cumulative sums of the support, where Martins and Astudillo (2016) take the last one. So from
    0 to 1 it is 1/3 instead of (2x + 1) / 3.
    """
    return np.where(x < -0.5, 0, np.where(x < 0, (2 * x + 1) / 3, np.where(x < 1, 1 / 3, 1)))


def _exponential_unit(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def _exponential_unit_derivative(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, 1, np.exp(np.minimum(x, 0)))


def _hard_sigmoid(x: np.ndarray) -> np.ndarray:
    return np.clip(x / 6 + 0.5, 0, 1)


def _hard_silu_derivative(x: np.ndarray) -> np.ndarray:
    return np.where(x >= 3, 1, within(x, -3, 3) * (x / 3 + 0.5))


def _silu_derivative(x: np.ndarray) -> np.ndarray:
    return sigmoid(x) * (1 + x * (1 - sigmoid(x)))


HELD, FIRST = "two further inputs are 0", "the first output"

ACTIVATIONS = {
    "celu": Activation(
        _exponential_unit, _exponential_unit_derivative, "x if x > 0, else e^x − 1", "Barron, 2017, arXiv:1704.07483"
    ),
    "elu": Activation(
        _exponential_unit, _exponential_unit_derivative, "x if x > 0, else e^x − 1",
        "Clevert, Unterthiner and Hochreiter, 2015, arXiv:1511.07289",
    ),
    "exponential": Activation(np.exp, np.exp, "e^x"),
    "gelu": Activation(
        lambda x: x * normal(x), lambda x: normal(x) + x * normal_density(x),
        "x Φ(x), Φ being the normal distribution", "Hendrycks and Gimpel, 2016, arXiv:1606.08415",
    ),
    "hard_shrink": Activation(
        lambda x: np.where(np.abs(x) > THRESHOLD, x, 0), lambda x: (np.abs(x) > THRESHOLD).astype(float),
        "x if |x| > 0.5, else 0",
    ),
    "hard_sigmoid": Activation(
        _hard_sigmoid, lambda x: within(x, -3, 3) / 6, "x / 6 + 0.5, between 0 and 1",
        "Courbariaux et al., 2015, arXiv:1511.00363",
    ),
    "hard_silu": Activation(
        lambda x: x * _hard_sigmoid(x), _hard_silu_derivative, "x · hard_sigmoid(x)",
        "Howard et al., 2019, arXiv:1905.02244",
    ),
    "hard_tanh": Activation(lambda x: np.clip(x, -1, 1), lambda x: within(x, -1, 1), "x, between −1 and 1"),
    "leaky_relu": Activation(
        lambda x: np.where(x > 0, x, LEAK * x), lambda x: np.where(x > 0, 1, LEAK), "x if x > 0, else 0.2 x",
        "Maas, Hannun and Ng, 2013",
    ),
    "linear": Activation(lambda x: x, np.ones_like, "x"),
    "log_sigmoid": Activation(lambda x: -softplus(-x), lambda x: sigmoid(-x), "log(1 / (1 + e^−x))"),
    "log_softmax": Activation(
        lambda x: -softplus(math.log(2) - x), lambda x: 1 - first_of_softmax(x), "log(e^x / Σ e^xi)",
        held=HELD, outputs=FIRST,
    ),
    "mish": Activation(
        lambda x: x * np.tanh(softplus(x)), mish_derivative, "x tanh(log(1 + e^x))", "Misra, 2019, arXiv:1908.08681"
    ),
    "relu": Activation(
        lambda x: np.maximum(x, 0), lambda x: (x > 0).astype(float), "max(x, 0)", "Nair and Hinton, 2010"
    ),
    "relu6": Activation(
        lambda x: np.clip(x, 0, 6), lambda x: within(x, 0, 6), "x, between 0 and 6", "Krizhevsky, 2010"
    ),
    "selu": Activation(
        lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0))),
        lambda x: SELU_SCALE * np.where(x > 0, 1, SELU_ALPHA * np.exp(np.minimum(x, 0))),
        "1.0507 x if x > 0, else 1.7581 (e^x − 1)", "Klambauer et al., 2017, arXiv:1706.02515",
    ),
    "sigmoid": Activation(sigmoid, lambda x: sigmoid(x) * sigmoid(-x), "1 / (1 + e^−x)"),
    "silu": Activation(
        lambda x: x * sigmoid(x), _silu_derivative, "x / (1 + e^−x)",
        "Ramachandran, Zoph and Le, 2017, arXiv:1710.05941",
    ),
    "soft_shrink": Activation(
        lambda x: np.sign(x) * np.maximum(np.abs(x) - THRESHOLD, 0), lambda x: (np.abs(x) > THRESHOLD).astype(float),
        "x moved by 0.5 towards 0, at most to 0", "Donoho and Johnstone, 1994",
    ),
    "softmax": Activation(
        first_of_softmax, lambda x: first_of_softmax(x) * (1 - first_of_softmax(x)), "e^x / Σ e^xi",
        "Bridle, 1990", held=HELD, outputs=FIRST,
    ),
    "softplus": Activation(softplus, sigmoid, "log(1 + e^x)", "Dugas et al., 2000"),
    "softsign": Activation(
        lambda x: x / (1 + np.abs(x)), lambda x: 1 / (1 + np.abs(x)) ** 2, "x / (1 + |x|)", "Turian et al., 2009"
    ),
    "sparse_plus": Activation(
        sparse_plus, lambda x: np.clip((x + 1) / 2, 0, 1), "0 up to −1, (x + 1)² / 4 up to 1, then x"
    ),
    "sparse_sigmoid": Activation(
        lambda x: np.clip(x / 2 + 0.5, 0, 1), lambda x: within(x, -1, 1) / 2, "x / 2 + 0.5, between 0 and 1"
    ),
    "sparsemax": Activation(
        sparsemax, lambda x: within(x, -0.5, 0) * 2 / 3, "max(x − τ, 0) with the threshold τ that Keras computes",
        "Martins and Astudillo, 2016, arXiv:1602.02068", held=HELD, outputs=FIRST,
    ),
    "squareplus": Activation(
        lambda x: (x + np.sqrt(x**2 + 4)) / 2, lambda x: (1 + x / np.sqrt(x**2 + 4)) / 2, "(x + √(x² + 4)) / 2",
        "Barron, 2021, arXiv:2112.11687",
    ),
    "tanh": Activation(np.tanh, lambda x: 1 - np.tanh(x) ** 2, "(e^x − e^−x) / (e^x + e^−x)"),
    "tanh_shrink": Activation(lambda x: x - np.tanh(x), lambda x: np.tanh(x) ** 2, "x − tanh(x)"),
}  # fmt: skip
"""Each function of the catalogue by its name."""
