"""The spec of a network as plain data, parsed from what a client posts. It needs no Keras; `validation` checks it."""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from models.text_options import TextOptions

SINGLE_INPUT = "input"
"""The name of a single input, in specs, datasets and ONNX files."""
OUTPUT = "output"
"""The name of a network's output in ONNX files, which no input may have."""


THRESHOLD = 0.5
"""The default of `NetworkSpec.threshold`."""


class Task(StrEnum):
    """The meaning of the network's output."""

    REGRESSION = "regression"
    BINARY = "binary"
    MULTICLASS = "multiclass"
    MULTILABEL = "multilabel"

    @property
    def has_threshold(self) -> bool:
        """Whether a score is compared with a threshold; in other tasks the highest score decides, or there is none."""
        return self in (Task.BINARY, Task.MULTILABEL)


class Scaling(StrEnum):
    """How numbers are scaled before they reach the network."""

    NONE = "none"
    UNIT = "unit"
    """Divided by 255."""
    STANDARD = "standard"
    """Minus the mean, divided by the standard deviation, both of the training rows."""


class Missing(StrEnum):
    """What replaces a missing value: a statistic of the column's training rows, or zero."""

    MEDIAN = "median"
    MEAN = "mean"
    ZERO = "zero"
    MOST_FREQUENT = "most_frequent"


class TargetScaling(StrEnum):
    """How a regression's targets are scaled for the network; what clients see stays in the target's own units."""

    NONE = "none"
    STANDARD = "standard"
    """Minus the mean, divided by the standard deviation, both of the training rows."""
    LOG = "log"
    """The logarithm of 1 + the target, then as `standard`."""


@dataclass(frozen=True)
class Column:
    """One column of a table as a network input.

    A category becomes one number per entry of `categories`, and one more for values that aren't in the training rows; a
    date becomes one number, and two per entry of `parts`. An indicator of missing values is one more number.
    """

    name: str
    type: str
    """`number`, `boolean`, `date` or `category`."""
    categories: tuple[Any, ...] = ()
    parts: tuple[str, ...] = ()
    """The cycles of a date that are encoded: `year`, `week`, `day`."""
    format: str | None = None
    """The format of the table's dates or numbers, if known."""
    missing: Missing | None = None
    """What replaces missing values; None: the median, or for a category the position of unknown values."""
    missing_indicator: bool = False
    """Whether a number says that the value was missing."""

    @property
    def width(self) -> int:
        """The number of numbers that encode the column."""
        return len(self.categories) + 1 if self.type == "category" else 1 + 2 * len(self.parts) + self.missing_indicator

    def to_document(self) -> dict[str, Any]:
        document: dict[str, Any] = {"name": self.name, "type": self.type}
        if self.missing is not None:
            document["missing"] = self.missing.value
        if self.missing_indicator:
            document["missing_indicator"] = True
        if self.type == "category":
            return document | {"categories": list(self.categories)}
        if self.type == "date":
            document["parts"] = list(self.parts)
        return document if self.format is None else document | {"format": self.format}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        categories, parts = (tuple(document.get(name, ())) for name in ("categories", "parts"))
        missing = document.get("missing")
        return cls(
            document["name"],
            document["type"],
            categories,
            parts,
            document.get("format"),
            None if missing is None else Missing(missing),
            document.get("missing_indicator", False),
        )


@dataclass(frozen=True)
class InputSpec:
    """One input: the shape of a row without the batch, and how raw values are scaled.

    With `columns` the rows come from a table and `shape` is `(sum of widths,)`; with `text` they are texts of a table.
    """

    shape: tuple[int, ...]
    scaling: Scaling = Scaling.NONE
    columns: tuple[Column, ...] | None = None
    dataset: str | None = None
    """The dataset that determined shape and columns, if any."""
    text: TextOptions | None = None

    @property
    def size(self) -> int:
        """The number of numbers in a row."""
        return math.prod(self.shape)

    def to_document(self) -> dict[str, Any]:
        document: dict[str, Any] = {"shape": list(self.shape), "scaling": self.scaling.value}
        if self.columns is not None:
            document["columns"] = [column.to_document() for column in self.columns]
        if self.text is not None:
            document["text"] = self.text.to_document()
        return document if self.dataset is None else {"dataset": self.dataset} | document

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        columns, text = document.get("columns"), document.get("text")
        return cls(
            shape=tuple(document["shape"]),
            scaling=Scaling(document.get("scaling", Scaling.NONE)),
            columns=None if columns is None else tuple(Column.from_document(column) for column in columns),
            dataset=document.get("dataset"),
            text=None if text is None else TextOptions.from_document(text),
        )


@dataclass(frozen=True)
class ComponentSpec:
    """A layer, optimizer, loss or metric: a type of the catalogue and its parameters under Keras's names."""

    type: str
    parameters: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_document(cls, document: str | dict[str, Any]) -> Self:
        if isinstance(document, str):
            return cls(document)
        return cls(document["type"], {name: value for name, value in document.items() if name != "type"})

    def to_document(self) -> dict[str, Any]:
        return {"type": self.type, **self.parameters}


@dataclass(frozen=True)
class LayerSpec(ComponentSpec):
    """A layer, its posted name, and the names of the layers or network inputs that it takes.

    Without `inputs` it takes the layer before it; the first layer takes the only input.
    """

    name: str | None = None
    inputs: tuple[str, ...] | None = None

    @classmethod
    def from_document(cls, document: str | dict[str, Any]) -> Self:
        component = ComponentSpec.from_document(document)
        parameters = dict(component.parameters)
        name, inputs = parameters.pop("name", None), parameters.pop("inputs", None)
        named = (inputs,) if isinstance(inputs, str) else inputs
        return cls(component.type, parameters, name, None if named is None else tuple(named))

    def to_document(self) -> dict[str, Any]:
        named = {} if self.name is None else {"name": self.name}
        return super().to_document() | named | ({} if self.inputs is None else {"inputs": list(self.inputs)})


@dataclass(frozen=True)
class NetworkSpec:
    """A whole network: inputs, layers (the last is the output), and how it is compiled."""

    task: Task
    inputs: dict[str, InputSpec]
    layers: tuple[LayerSpec, ...]
    optimizer: ComponentSpec
    loss: ComponentSpec
    metrics: tuple[ComponentSpec, ...] = ()
    threshold: float = THRESHOLD
    """The score from which the positive class of a binary task, or a label of a multilabel task, is predicted."""
    target_scaling: TargetScaling = TargetScaling.NONE

    @property
    def input(self) -> InputSpec:
        """The only input."""
        (only,) = self.inputs.values()
        return only

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        """Read a document that `validation` has accepted; openapi.yaml describes its fields."""
        inputs = document.get("inputs") or {SINGLE_INPUT: document["input"]}
        target = document.get("target") or {}
        return cls(
            task=Task(document["task"]),
            inputs={name: InputSpec.from_document(input_) for name, input_ in inputs.items()},
            layers=tuple(LayerSpec.from_document(layer) for layer in document["layers"]),
            optimizer=ComponentSpec.from_document(document["optimizer"]),
            loss=ComponentSpec.from_document(document["loss"]),
            metrics=tuple(ComponentSpec.from_document(metric) for metric in document.get("metrics", ())),
            threshold=read_threshold(document),
            target_scaling=TargetScaling(target.get("scaling", TargetScaling.NONE)),
        )

    def to_document(self) -> dict[str, Any]:
        """The document from which `from_document` creates the same spec."""
        return {
            "task": self.task.value,
            "inputs": {name: input_.to_document() for name, input_ in self.inputs.items()},
            "layers": [layer.to_document() for layer in self.layers],
            "optimizer": self.optimizer.to_document(),
            "loss": self.loss.to_document(),
            "metrics": [metric.to_document() for metric in self.metrics],
            "threshold": self.threshold,
            "target": {"scaling": self.target_scaling.value},
        }


def read_threshold(document: dict[str, Any]) -> float:
    """The threshold in a network's document, or the default if it has none."""
    threshold = document.get("threshold")
    return THRESHOLD if threshold is None else float(threshold)
