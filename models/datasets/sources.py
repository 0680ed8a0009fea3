"""The built-in sources and their parameters: what a client may ask for, as plain data."""

import math
from dataclasses import dataclass
from itertools import islice
from typing import Any

from models.errors import MOST_FAULTS, Fault
from models.suggestions import unknown_name
from models.values.pointers import pointer_to
from models.values.tensors import name_type

INLINE = "inline"
"""The source of data that is posted within the request."""


@dataclass(frozen=True)
class Parameter:
    """A number that a generated source takes; `minimum` and `maximum` are allowed themselves."""

    name: str
    type: str
    """`integer` or `number`."""
    default: float
    minimum: float
    maximum: float
    description: str

    def find_fault(self, value: object) -> Fault | None:
        """What is wrong with a client's value, if anything."""
        pointer = pointer_to("parameters", self.name)
        integral = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if isinstance(value, bool) or not isinstance(value, int | float) or (self.type == "integer" and not integral):
            article = "an integer" if self.type == "integer" else "a number"
            got = value if isinstance(value, float) else name_type(value)
            return Fault(f'"{self.name}" is {article}, not {got}.', pointer)
        if not self.minimum <= value <= self.maximum or not math.isfinite(value):
            return Fault(f'"{self.name}" must lie between {self.minimum:,} and {self.maximum:,}.', pointer)
        return None


@dataclass(frozen=True)
class Source:
    """A built-in source: `group` is `generated`, `bundled` or `downloaded`, `kind` what its rows are."""

    name: str
    group: str
    kind: str
    title: str
    description: str
    parameters: tuple[Parameter, ...] = ()
    split: tuple[float, float] = (0.2, 0.2)
    """The shares of validation and test rows that are taken where a request leaves `split` out."""
    has_test_rows: bool = False
    """Whether the source has test rows of its own."""

    def to_document(self) -> dict[str, Any]:
        names = ("name", "title", "description", "group", "kind")
        parameters = [vars(parameter).copy() for parameter in self.parameters]
        return {name: getattr(self, name) for name in names} | {"parameters": parameters}

    def find_faults(self, values: dict[str, Any]) -> list[Fault]:
        """What is wrong with the parameters that a client posted."""
        known = {parameter.name: parameter for parameter in self.parameters}
        faults = [
            unknown_name(name, tuple(known), pointer_to("parameters", name), "parameter")
            for name in islice((name for name in values if name not in known), MOST_FAULTS)
        ]
        checks = (known[name].find_fault(value) for name, value in values.items() if name in known)
        return faults + [fault for fault in checks if fault]

    def complete(self, values: dict[str, Any]) -> dict[str, Any]:
        """All parameters, with the defaults of those that weren't posted."""
        types = {"integer": int, "number": float}
        return {
            parameter.name: types[parameter.type](values.get(parameter.name, parameter.default))
            for parameter in self.parameters
        }


def _samples(default: int = 1000) -> Parameter:
    return Parameter("samples", "integer", default, 2, 1_000_000, "How many rows there are.")


def _noise(default: float, maximum: float = 100) -> Parameter:
    return Parameter("noise", "number", default, 0, maximum, "The deviation of the normal noise that is added.")


def _classes(default: int) -> Parameter:
    return Parameter("classes", "integer", default, 2, 20, "How many classes there are.")


SEED = Parameter("seed", "integer", 0, 0, 2**32 - 1, "The same seed gives the same rows.")

GENERATED = (
    Source(
        "line", "generated", "vector", "Line", "y = slope · x + intercept for x evenly from -1 to 4.",
        (
            _samples(6),
            Parameter("slope", "number", 2, -1e6, 1e6, "How much y grows with x."),
            Parameter("intercept", "number", -1, -1e6, 1e6, "y where x is 0."),
            _noise(0),
            SEED,
        ),
        split=(0, 0),
    ),
    Source(
        "circles", "generated", "vector", "Circles", "Two concentric circles of points, one a class.",
        (
            _samples(),
            _noise(0.05),
            Parameter("factor", "number", 0.5, 0, 1, "The inner circle's radius; the outer one's is 1."),
            SEED,
        ),
    ),
    Source(
        "moons", "generated", "vector", "Moons", "Two half circles that reach into one another, one a class.",
        (_samples(), _noise(0.1), SEED),
    ),
    Source(
        "spirals", "generated", "vector", "Spirals", "Arms of a spiral from the middle outwards, one a class.",
        (
            _samples(),
            _classes(2),
            Parameter("turns", "number", 1.5, 0.1, 10, "How often an arm goes round."),
            _noise(0.02),
            SEED,
        ),
    ),
    Source(
        "xor", "generated", "vector", "Exclusive or", "Clouds at a square's corners; opposite corners are one class.",
        (_samples(), _noise(0.3), SEED),
    ),
    Source(
        "blobs", "generated", "vector", "Blobs", "Round clouds around random centres, one a class.",
        (
            _samples(),
            _classes(3),
            Parameter("features", "integer", 2, 1, 20, "How many numbers a row has."),
            Parameter("spread", "number", 1, 0, 100, "The deviation of a cloud in each direction."),
            SEED,
        ),
    ),
    Source(
        "sine", "generated", "vector", "Sine", "y = amplitude · sin(2π · cycles · x) for x evenly from 0 to 1.",
        (
            _samples(),
            Parameter("cycles", "number", 1, 0.01, 100, "How many waves there are."),
            Parameter("amplitude", "number", 1, 0, 1e6, "The height of the waves."),
            _noise(0.05),
            SEED,
        ),
    ),
)  # fmt: skip

BUNDLED = (
    Source("iris", "bundled", "table", "Iris", "150 irises of three species, by four lengths in cm."),
    Source("wine", "bundled", "table", "Wine", "178 wines of three cultivars, by 13 chemical measurements."),
    Source("breast-cancer", "bundled", "table", "Breast cancer", "569 tumours, malignant or benign, by 30 numbers."),
    Source(
        "diabetes", "bundled", "table", "Diabetes", "442 patients by 10 numbers; the disease's progression in a year."
    ),
    Source("digits", "bundled", "image", "Digits", "1,797 handwritten digits of 8 by 8 points from 0 to 16."),
)

DOWNLOADED = (
    Source(
        "mnist", "downloaded", "image", "MNIST", "70,000 handwritten digits of 28 by 28 points.",
        split=(0, 0), has_test_rows=True,
    ),
    Source(
        "fashion-mnist", "downloaded", "image", "Fashion-MNIST", "70,000 articles of clothing of 28 by 28 points.",
        split=(0, 0), has_test_rows=True,
    ),
    Source(
        "cifar10", "downloaded", "image", "CIFAR-10", "60,000 colour pictures of 32 by 32 points in ten classes.",
        split=(0, 0), has_test_rows=True,
    ),
)  # fmt: skip

SOURCES = {source.name: source for source in GENERATED + BUNDLED + DOWNLOADED}


def source_documents() -> list[dict[str, Any]]:
    """The built-in sources as `GET /v1/dataset-sources` shows them."""
    return [source.to_document() for source in SOURCES.values()]
