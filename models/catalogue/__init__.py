"""The catalogue of layers, optimizers, losses, … that a spec may use, read from catalogue.json without Keras."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Self

from models.suggestions import nearest

CATALOGUE_PATH = Path(__file__).with_name("catalogue.json")

KINDS = {
    "layer": "layers",
    "cell": "cells",
    "optimizer": "optimizers",
    "schedule": "schedules",
    "loss": "losses",
    "metric": "metrics",
    "activation": "activations",
    "initializer": "initializers",
    "regularizer": "regularizers",
    "constraint": "constraints",
}
"""The field of the catalogue for each kind of component."""

PLATEAU = "ReduceLROnPlateau"
"""The schedule that monitors epochs: a training job can use it, an optimizer can't."""

LISTS = {"layers": "layer", "cells": "cell"}
"""The parameter types that are lists of components, and the kind of their items."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of an entry, under Keras's name.

    `type` is `integer`, `number`, `boolean`, `string`, `name`, `integers` or `numbers` (one, or a list of `length` if
    there is one), `shape` (a list of integers), `margins` (an integer, or a list of `length` integers or pairs of
    them), `learning_rate` (a number or a schedule), a kind of component, or `layers` or `cells` (lists of them). Null
    is a value only where it is the default.
    """

    name: str
    type: str
    required: bool
    default: Any
    minimum: float | None
    maximum: float | None
    allowed: tuple[Any, ...]
    description: str
    length: int | None = None

    @property
    def nullable(self) -> bool:
        return self.default is None and not self.required

    def to_document(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "type": self.type,
            "required": self.required,
            "default": self.default,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "allowed": list(self.allowed) or None,
            "description": self.description,
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        return cls(**{**document, "allowed": tuple(document["allowed"] or ())})


@dataclass(frozen=True)
class Tensors:
    """The number of tensors that a layer takes (`most` is None for any number), as one list or separate arguments."""

    least: int
    most: int | None
    as_list: bool

    def __str__(self) -> str:
        """In words: `exactly 1`, `at least 2`, `2 to 3`."""
        if self.most == self.least:
            return f"exactly {self.least}"
        return f"at least {self.least}" if self.most is None else f"{self.least} to {self.most}"

    def to_parameter(self) -> Parameter:
        """The field `inputs` of a posted layer, as documented in the catalogue."""
        several = self.least > 1
        what = "The names of the layers or network inputs that this layer takes;"
        how = f"{self}, in order." if several else "by default the layer before it, for the first layer the only input."
        return Parameter("inputs", "names", several, None, None, None, (), f"{what} {how}")


@dataclass(frozen=True)
class Entry:
    """One component: the name of its class in Keras, and the parameters that a client may set.

    `tasks` are those that a loss or metric supports; other entries have none. `tensors` is the input of a layer.
    """

    type: str
    category: str
    description: str
    parameters: tuple[Parameter, ...]
    aliases: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    tensors: Tensors | None = None

    @cached_property
    def by_name(self) -> Mapping[str, Parameter]:
        return {parameter.name: parameter for parameter in self.parameters}

    @property
    def takes_class_numbers(self) -> bool:
        """Whether a loss or metric takes targets as class indices rather than one-hot rows."""
        return self.type.startswith("Sparse") or self.type == "CategoricalGeneralizedCrossEntropy"

    def to_document(self) -> dict[str, Any]:
        """The entry in the form that the service lists."""
        listed = [*self.parameters, *([self.tensors.to_parameter()] if self.tensors else [])]
        return {
            "type": self.type,
            "category": self.category,
            "description": self.description,
            "parameters": [parameter.to_document() for parameter in listed],
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        parameters = tuple(Parameter.from_document(parameter) for parameter in document["parameters"])
        names = {name: tuple(document[name]) for name in ("aliases", "tasks")}
        tensors = document["tensors"] and Tensors(**document["tensors"])
        return cls(
            document["type"], document["category"], document["description"], parameters, **names, tensors=tensors
        )


@dataclass(frozen=True)
class Catalogue:
    """All entries, by the names of Keras's classes, in listed order."""

    layers: Mapping[str, Entry]
    cells: Mapping[str, Entry]
    optimizers: Mapping[str, Entry]
    schedules: Mapping[str, Entry]
    losses: Mapping[str, Entry]
    metrics: Mapping[str, Entry]
    activations: Mapping[str, Entry]
    initializers: Mapping[str, Entry]
    regularizers: Mapping[str, Entry]
    constraints: Mapping[str, Entry]

    @cached_property
    def _names(self) -> Mapping[str, Mapping[str, Entry]]:
        """Every name and alias, by kind."""
        names: dict[str, dict[str, Entry]] = {}
        for kind, member in KINDS.items():
            entries: Mapping[str, Entry] = getattr(self, member)
            names[kind] = {alias: entry for entry in entries.values() for alias in entry.aliases} | dict(entries)
        names["optimizer"] |= {name.lower(): entry for name, entry in names["optimizer"].items()}
        return names

    def entries(self, kind: str) -> tuple[Entry, ...]:
        """All entries of a kind."""
        return tuple(getattr(self, KINDS[kind]).values())

    def find(self, kind: str, name: str) -> Entry | None:
        """The entry with this name or alias, ignoring case for optimizers, as in Keras; None if there is none."""
        return self._names[kind].get(name.lower() if kind == "optimizer" else name)

    @property
    def keras_schedules(self) -> tuple[str, ...]:
        """The schedules that an optimizer can use."""
        return tuple(name for name in self.schedules if name != PLATEAU)

    def nearest(self, kind: str, name: str) -> str | None:
        """The known name most similar to this one; None if none is similar."""
        return nearest(name, self._names[kind])


@lru_cache(maxsize=1)
def load_catalogue() -> Catalogue:
    """Read the catalogue that was generated from Keras."""
    document = json.loads(CATALOGUE_PATH.read_text(encoding="utf-8"))
    members = {
        member: {entry["type"]: Entry.from_document(entry) for entry in document[member]} for member in KINDS.values()
    }
    return Catalogue(**members)
