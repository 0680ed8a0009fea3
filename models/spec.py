"""The spec of a network as plain data: what a client posts, parsed. Knows no Keras; validation.py checks it."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

import numpy as np

SINGLE_INPUT = "input"
"""What the only input of a network is called, in specs, datasets and ONNX files alike."""
OUTPUT = "output"
"""What the output of a network is called in ONNX files, and so no input."""


class Task(StrEnum):
    """What the network's output means."""

    REGRESSION = "regression"
    BINARY = "binary"
    MULTICLASS = "multiclass"
    MULTILABEL = "multilabel"


class Scaling(StrEnum):
    """What is done to numbers before they reach the network."""

    NONE = "none"
    UNIT = "unit"
    """Divided by 255."""
    STANDARD = "standard"
    """Less the mean, divided by the deviation, both of the training rows."""


@dataclass(frozen=True)
class Column:
    """One column of a table as the network takes it; a category becomes one number for each of its `categories`,
    and one more for values that weren't among the training rows; a date a number and two for each of its `parts`."""

    name: str
    type: str
    """`number`, `boolean`, `date` or `category`."""
    categories: tuple[Any, ...] = ()
    parts: tuple[str, ...] = ()
    """The cycles of a date that count: `year`, `week`, `day`."""
    format: str | None = None
    """How the table writes its dates or numbers, if that is known."""

    @property
    def width(self) -> int:
        """How many numbers the column becomes."""
        return len(self.categories) + 1 if self.type == "category" else 1 + 2 * len(self.parts)

    def to_document(self) -> dict[str, Any]:
        document: dict[str, Any] = {"name": self.name, "type": self.type}
        if self.type == "category":
            return document | {"categories": list(self.categories)}
        if self.type == "date":
            document["parts"] = list(self.parts)
        return document if self.format is None else document | {"format": self.format}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        categories, parts = (tuple(document.get(name, ())) for name in ("categories", "parts"))
        return cls(document["name"], document["type"], categories, parts, document.get("format"))


@dataclass(frozen=True)
class InputSpec:
    """One input: the shape of a row without the batch, and how raw values are scaled.

    With `columns` the rows come from a table and `shape` is `(sum of widths,)`.
    """

    shape: tuple[int, ...]
    scaling: Scaling = Scaling.NONE
    columns: tuple[Column, ...] | None = None
    dataset: str | None = None
    """The dataset that shape and columns were taken from, if any."""

    @property
    def size(self) -> int:
        """Numbers in a row."""
        return int(np.prod(self.shape, dtype=np.int64))

    def to_document(self) -> dict[str, Any]:
        document: dict[str, Any] = {"shape": list(self.shape), "scaling": self.scaling.value}
        if self.columns is not None:
            document["columns"] = [column.to_document() for column in self.columns]
        return document if self.dataset is None else {"dataset": self.dataset} | document

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        columns = document.get("columns")
        return cls(
            shape=tuple(document["shape"]),
            scaling=Scaling(document.get("scaling", Scaling.NONE)),
            columns=None if columns is None else tuple(Column.from_document(column) for column in columns),
            dataset=document.get("dataset"),
        )


@dataclass(frozen=True)
class ComponentSpec:
    """A layer, optimizer, loss or metric: a type of the catalogue and its parameters as Keras names them."""

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
    """A layer, the name that it was given, and whose outputs it takes: of layers or of the network's inputs, by name.

    Without `inputs` it takes those of the layer before it, the first layer those of the only input.
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
    """A whole network: inputs, layers, of which the last is the output, and how it is compiled."""

    task: Task
    inputs: dict[str, InputSpec]
    layers: tuple[LayerSpec, ...]
    optimizer: ComponentSpec
    loss: ComponentSpec
    metrics: tuple[ComponentSpec, ...] = ()

    @property
    def input(self) -> InputSpec:
        """The only input."""
        (only,) = self.inputs.values()
        return only

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        """Read a document that validation.py has accepted; openapi.yaml describes its members."""
        inputs = document.get("inputs") or {SINGLE_INPUT: document["input"]}
        return cls(
            task=Task(document["task"]),
            inputs={name: InputSpec.from_document(input_) for name, input_ in inputs.items()},
            layers=tuple(LayerSpec.from_document(layer) for layer in document["layers"]),
            optimizer=ComponentSpec.from_document(document["optimizer"]),
            loss=ComponentSpec.from_document(document["loss"]),
            metrics=tuple(ComponentSpec.from_document(metric) for metric in document.get("metrics", ())),
        )

    def to_document(self) -> dict[str, Any]:
        """The document that `from_document` makes the same spec of."""
        return {
            "task": self.task.value,
            "inputs": {name: input_.to_document() for name, input_ in self.inputs.items()},
            "layers": [layer.to_document() for layer in self.layers],
            "optimizer": self.optimizer.to_document(),
            "loss": self.loss.to_document(),
            "metrics": [metric.to_document() for metric in self.metrics],
        }
