"""The built-in sources and their parameters, as plain data."""

import math
from dataclasses import dataclass
from itertools import islice
from typing import Any

from models.errors import MOST_FAULTS, Fault
from models.suggestions import unknown_name
from models.values.pointers import pointer_to
from models.values.tensors import name_type

INLINE = "inline"
"""The source of data in the request."""


@dataclass(frozen=True)
class Parameter:
    """A numeric parameter of a generated source; `minimum` and `maximum` are inclusive."""

    name: str
    type: str
    """`integer` or `number`."""
    default: float
    minimum: float
    maximum: float
    description: str

    def find_fault(self, value: object) -> Fault | None:
        """The fault of a client's value, if it is invalid."""
        pointer = pointer_to("parameters", self.name)
        integral = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if isinstance(value, bool) or not isinstance(value, int | float) or (self.type == "integer" and not integral):
            article = "an integer" if self.type == "integer" else "a number"
            got = value if isinstance(value, float) else name_type(value)
            return Fault(f'"{self.name}" must be {article}, not {got}.', pointer)
        if not self.minimum <= value <= self.maximum or not math.isfinite(value):
            return Fault(f'"{self.name}" must be between {self.minimum:,} and {self.maximum:,}.', pointer)
        return None


@dataclass(frozen=True)
class Source:
    """A built-in source: `group` is `generated`, `bundled` or `downloaded`, `kind` the kind of its rows."""

    name: str
    group: str
    kind: str
    title: str
    description: str
    parameters: tuple[Parameter, ...] = ()
    split: tuple[float, float] = (0.2, 0.2)
    """The default shares of validation and test rows."""
    has_test_rows: bool = False
    """Whether the source has its own test rows."""

    def to_document(self) -> dict[str, Any]:
        names = ("name", "title", "description", "group", "kind")
        parameters = [vars(parameter).copy() for parameter in self.parameters]
        return {name: getattr(self, name) for name in names} | {"parameters": parameters}

    def find_faults(self, values: dict[str, Any]) -> list[Fault]:
        """The faults of the parameters in a request."""
        known = {parameter.name: parameter for parameter in self.parameters}
        faults = [
            unknown_name(name, tuple(known), pointer_to("parameters", name), "parameter")
            for name in islice((name for name in values if name not in known), MOST_FAULTS)
        ]
        checks = (known[name].find_fault(value) for name, value in values.items() if name in known)
        return faults + [fault for fault in checks if fault]

    def complete(self, values: dict[str, Any]) -> dict[str, Any]:
        """All parameters, with defaults for the omitted ones."""
        types = {"integer": int, "number": float}
        return {
            parameter.name: types[parameter.type](values.get(parameter.name, parameter.default))
            for parameter in self.parameters
        }


def _samples(default: int = 1000) -> Parameter:
    return Parameter("samples", "integer", default, 2, 1_000_000, "The number of rows.")


def _noise(default: float, maximum: float = 100) -> Parameter:
    return Parameter(
        "noise", "number", default, 0, maximum, "The standard deviation of the Gaussian noise that is added."
    )


def _classes(default: int) -> Parameter:
    return Parameter("classes", "integer", default, 2, 20, "The number of classes.")


SEED = Parameter("seed", "integer", 0, 0, 2**32 - 1, "The same seed gives the same rows.")

GENERATED = (
    Source(
        "line", "generated", "vector", "Line", "y = slope · x + intercept for x evenly spaced from -1 to 4.",
        (
            _samples(6),
            Parameter("slope", "number", 2, -1e6, 1e6, "The increase of y per unit of x."),
            Parameter("intercept", "number", -1, -1e6, 1e6, "y where x is 0."),
            _noise(0),
            SEED,
        ),
        split=(0, 0),
    ),
    Source(
        "circles", "generated", "vector", "Circles", "Two concentric circles of points, one per class.",
        (
            _samples(),
            _noise(0.05),
            Parameter("factor", "number", 0.5, 0, 1, "The inner circle's radius; the outer one's is 1."),
            SEED,
        ),
    ),
    Source(
        "moons", "generated", "vector", "Moons", "Two interleaving half circles, one per class.",
        (_samples(), _noise(0.1), SEED),
    ),
    Source(
        "spirals", "generated", "vector", "Spirals", "Arms of a spiral from the centre outwards, one per class.",
        (
            _samples(),
            _classes(2),
            Parameter("turns", "number", 1.5, 0.1, 10, "The number of turns of an arm."),
            _noise(0.02),
            SEED,
        ),
    ),
    Source(
        "xor", "generated", "vector", "Exclusive or", "Clusters at a square's corners; opposite corners are one class.",
        (_samples(), _noise(0.3), SEED),
    ),
    Source(
        "blobs", "generated", "vector", "Blobs", "Gaussian clusters around random centres, one per class.",
        (
            _samples(),
            _classes(3),
            Parameter("features", "integer", 2, 1, 20, "The number of features per row."),
            Parameter("spread", "number", 1, 0, 100, "The standard deviation of a cluster in each direction."),
            SEED,
        ),
    ),
    Source(
        "sine", "generated", "vector", "Sine", "y = amplitude · sin(2π · cycles · x) for x evenly spaced from 0 to 1.",
        (
            _samples(),
            Parameter("cycles", "number", 1, 0.01, 100, "The number of waves."),
            Parameter("amplitude", "number", 1, 0, 1e6, "The height of the waves."),
            _noise(0.05),
            SEED,
        ),
    ),
)  # fmt: skip

BUNDLED = (
    Source("iris", "bundled", "table", "Iris", "150 irises of three species, with four lengths in cm."),
    Source("wine", "bundled", "table", "Wine", "178 wines of three cultivars, with 13 chemical measurements."),
    Source(
        "breast-cancer", "bundled", "table", "Breast cancer", "569 tumours, malignant or benign, with 30 measurements."
    ),
    Source(
        "diabetes",
        "bundled",
        "table",
        "Diabetes",
        "442 patients with 10 measurements; the target is the disease's progression after a year.",
    ),
    Source("digits", "bundled", "image", "Digits", "1,797 handwritten digits of 8 by 8 pixels from 0 to 16."),
)

DOWNLOADED = (
    Source(
        "mnist", "downloaded", "image", "MNIST", "70,000 handwritten digits of 28 by 28 pixels.",
        split=(0, 0), has_test_rows=True,
    ),
    Source(
        "fashion-mnist", "downloaded", "image", "Fashion-MNIST", "70,000 articles of clothing of 28 by 28 pixels.",
        split=(0, 0), has_test_rows=True,
    ),
    Source(
        "cifar10", "downloaded", "image", "CIFAR-10", "60,000 colour images of 32 by 32 pixels in ten classes.",
        split=(0, 0), has_test_rows=True,
    ),
    Source(
        "cat-or-not", "downloaded", "image", "Cat or not",
        "209 training images and 2,000 test images of CIFAR-10, half of them cats.",
        split=(0, 0), has_test_rows=True,
    ),
)  # fmt: skip

SOURCES = {source.name: source for source in GENERATED + BUNDLED + DOWNLOADED}


def source_documents() -> list[dict[str, Any]]:
    """The built-in sources as `GET /v1/dataset-sources` shows them."""
    return [source.to_document() for source in SOURCES.values()]
