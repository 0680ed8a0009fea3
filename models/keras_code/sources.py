"""Writes how the rows of a dataset are made or loaded."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from models.datasets import SOURCES
from models.keras_code.rendering import Call, Code, assign, render

INLINE = "inline"
MOST_VALUES = 2000
"""The most numbers of inline data that a script holds itself."""
_FLOAT = Code("float")
NO_SHARES = (0.0, 0.0)

Lines = list[str]


@dataclass(frozen=True)
class Rows:
    """How a script gets its rows: `x` and `y`, still to be split, or the arrays of each split."""

    lines: Lines
    imports: tuple[str, ...] = ()
    is_split: bool = False
    has_test_rows: bool | None = False
    """Whether there are test rows if it is split; None if that is only known when the script runs."""
    has_classes: bool = False
    """Whether `classes` are their names and `y` are their indices."""
    has_bytes: bool = False
    """Whether the inputs are pictures with values from 0 to 255."""


def built_in(document: Mapping[str, Any]) -> Rows | None:
    """The rows of a posted dataset that needs no service; None for any other."""
    source, name = SOURCES.get(str(document.get("source"))), str(document.get("name", "dataset"))
    if document.get("source") == INLINE and document.get("inputs") is not None:
        return _inline(document, name)
    if source is None:
        return None
    if source.group == "generated":
        return Rows(_GENERATED[source.name](**source.complete(document.get("parameters") or {})))
    if source.group == "downloaded":
        load = f"keras.datasets.{source.name.replace('-', '_')}.load_data()"
        lines = [f"(x_train, y_train), (x_test, y_test) = {load}"]
        lines += ["y_train, y_test = y_train.reshape(-1), y_test.reshape(-1)"]
        return Rows(lines, is_split=True, has_test_rows=True, has_bytes=True)
    return _bundled(source.name.replace("-", "_"))


def _bundled(name: str) -> Rows:
    """The rows of a source that comes with scikit-learn."""
    imports = (f"from sklearn.datasets import load_{name}",)
    if name == "digits":
        return Rows(["digits = load_digits()", "x, y = digits.images, digits.target"], imports)
    if name == "diabetes":
        return Rows(["x, y = load_diabetes(return_X_y=True, scaled=False)"], imports)
    lines = [f"{name} = load_{name}()", f"x, y, classes = {name}.data, {name}.target, {name}.target_names"]
    return Rows(lines, imports, has_classes=True)


def default_shares(document: Mapping[str, Any] | None) -> tuple[float, float]:
    """The shares of validation and test rows of a dataset that doesn't say them."""
    source = SOURCES.get(str((document or {}).get("source")))
    return NO_SHARES if source is None else source.split


def _inline(document: Mapping[str, Any], name: str) -> Rows:
    inputs, targets = document["inputs"], document.get("targets")
    if _count(inputs) + _count(targets) > MOST_VALUES:
        lines = [f"# {name}.json is the dataset as it is posted to Fitserve."]
        lines += [f"document = json.loads(Path({render(f'{name}.json')}).read_text())"]
        parts = {part: f'document["inputs"][{render(part)}]' for part in inputs} if isinstance(inputs, Mapping) else {}
        x = ", ".join(f"{render(part)}: np.array({value}, float)" for part, value in parts.items())
        lines += [f"x = {{{x}}}" if parts else 'x = np.array(document["inputs"], float)']
        return Rows([*lines, *_targets('document["targets"]', targets)], ("import json", "from pathlib import Path"))
    if isinstance(inputs, Mapping):
        lines = [assign("x", {part: _array(values) for part, values in inputs.items()})]
    else:
        lines = [assign("x", _array(inputs))]
    return Rows([*lines, *_targets(render(targets), targets)])


def _array(values: Any) -> Call:
    return Call("np.array", (values, _FLOAT))


def _targets(expression: str, targets: Any) -> Lines:
    """The statements for `y`: numbers or classes, or a matrix with a column for each label of the rows."""
    first = targets[0] if isinstance(targets, list) and targets else None
    if isinstance(first, list) and any(isinstance(label, str) for row in targets for label in row):
        return [f"labels = {expression}", *LABELS]
    return [f"y = np.array({expression})"]


LABELS = (
    "classes = sorted({label for row in labels for label in row})",
    "y = np.array([[label in row for label in classes] for row in labels])",
)


def are_indices(targets: Any) -> bool:
    """Whether posted targets are the indices of their classes already."""
    if not isinstance(targets, list) or not all(type(target) is int for target in targets):
        return False
    return set(targets) == set(range(len(set(targets))))


def _count(values: Any) -> int:
    """The number of values in nested lists and objects."""
    if isinstance(values, Mapping):
        return sum(map(_count, values.values()))
    return sum(map(_count, values)) if isinstance(values, list) else 1


def _noise(deviation: float, seed: int, size: str) -> str:
    return f" + np.random.default_rng({seed}).normal(0, {deviation}, {size})" if deviation else ""


def _line(samples: int, slope: float, intercept: float, noise: float, seed: int) -> Lines:
    return [
        f"x = np.linspace(-1, 4, {samples}).reshape(-1, 1)",
        f"y = {slope} * x[:, 0] + {intercept}{_noise(noise, seed, str(samples))}",
    ]


def _sine(samples: int, cycles: float, amplitude: float, noise: float, seed: int) -> Lines:
    return [
        f"x = np.linspace(0, 1, {samples}).reshape(-1, 1)",
        f"y = {amplitude} * np.sin(2 * np.pi * {cycles} * x[:, 0]){_noise(noise, seed, str(samples))}",
    ]


def _circles(samples: int, noise: float, factor: float, seed: int) -> Lines:
    lines = [
        "def circle(samples):",
        "    angles = np.linspace(0, 2 * np.pi, samples, endpoint=False)",
        "    return np.stack([np.cos(angles), np.sin(angles)], axis=1)",
        "",
        "",
        f"points = [circle({samples - samples // 2}), {factor} * circle({samples // 2})]",
    ]
    return [*lines, *_classes(noise, seed)]


def _moons(samples: int, noise: float, seed: int) -> Lines:
    lines = [
        "def arc(samples):",
        "    angles = np.linspace(0, np.pi, samples)",
        "    return np.stack([np.cos(angles), np.sin(angles)], axis=1)",
        "",
        "",
        f"points = [arc({samples - samples // 2}), np.array([1, 0.5]) - arc({samples // 2})]",
    ]
    return [*lines, *_classes(noise, seed)]


def _spirals(samples: int, classes: int, turns: float, noise: float, seed: int) -> Lines:
    lines = [
        "def arm(number, samples):",
        "    radius = np.linspace(0.05, 1, samples)",
        f"    angles = 2 * np.pi * ({turns} * radius + number / {classes})",
        "    return radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)",
        "",
        "",
        f"points = [arm(number, samples) for number, samples in enumerate({_shares(samples, classes)})]",
    ]
    return [*lines, *_classes(noise, seed)]


def _xor(samples: int, noise: float, seed: int) -> Lines:
    first, second, third, fourth = _shares(samples, 4)
    lines = [
        "points = [",
        f"    np.repeat([[-1, -1], [1, 1]], [{first}, {second}], axis=0),",
        f"    np.repeat([[-1, 1], [1, -1]], [{third}, {fourth}], axis=0),",
        "]",
    ]
    return [*lines, *_classes(noise, seed)]


def _blobs(samples: int, classes: int, features: int, spread: float, seed: int) -> Lines:
    lines = [
        f"centres = np.random.default_rng([{seed}, 1]).uniform(-10, 10, ({classes}, {features}))",
        f"sizes = {_shares(samples, classes)}",
        "points = [np.repeat([centre], size, axis=0) for centre, size in zip(centres, sizes)]",
    ]
    return [*lines, *_classes(spread, seed)]


def _classes(noise: float, seed: int) -> Iterator[str]:
    yield "x = np.concatenate(points)"
    if noise:
        yield f"x = x{_noise(noise, seed, 'x.shape')}"
    yield "y = np.repeat(np.arange(len(points)), [len(part) for part in points])"
    yield f"order = np.random.default_rng([{seed}, 2]).permutation(len(y))"
    yield "x, y = x[order], y[order]"


def _shares(samples: int, parts: int) -> list[int]:
    return [samples // parts + (part < samples % parts) for part in range(parts)]


_GENERATED: dict[str, Callable[..., Lines]] = {
    "line": _line,
    "circles": _circles,
    "moons": _moons,
    "spirals": _spirals,
    "xor": _xor,
    "blobs": _blobs,
    "sine": _sine,
}
"""How each generated source is written: the rows are those of models/datasets/generated.py."""
