"""The catalogue of layers, optimizers, losses … that a spec may name, read from catalogue.json without Keras."""

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
"""Each kind of component, and the member of the catalogue that holds it."""

PLATEAU = "ReduceLROnPlateau"
"""The schedule that monitors epochs: a training job can have it, an optimizer can't."""

LISTS = {"layers": "layer", "cells": "cell"}
"""The types of parameters that are lists of components, and the kind of their members."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of an entry, as Keras names it.

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
    """How many tensors a layer takes, `most` None for any number; in one list, or as arguments of their own."""

    least: int
    most: int | None
    as_list: bool

    def __str__(self) -> str:
        """In words: `exactly 1`, `2 or more`, `2 to 3`."""
        if self.most == self.least:
            return f"exactly {self.least}"
        return f"{self.least} or more" if self.most is None else f"{self.least} to {self.most}"

    def to_parameter(self) -> Parameter:
        """The member `inputs` of a posted layer, as the catalogue documents it."""
        several = self.least > 1
        what = "What this layer takes, by name: the outputs of other layers, or inputs of the network;"
        how = f"{self}, in order." if several else "the layer before it, the first layer the only input, if left out."
        return Parameter("inputs", "names", several, None, None, None, (), f"{what} {how}")


@dataclass(frozen=True)
class Entry:
    """One component: the name of its class in Keras, and what a client may set.

    `tasks` are those that a loss or a metric suits; other entries have none. `tensors` are what a layer takes.
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
        """Whether a loss or metric takes targets as class numbers rather than one-hot rows."""
        return self.type.startswith("Sparse") or self.type == "CategoricalGeneralizedCrossEntropy"

    def to_document(self) -> dict[str, Any]:
        """The entry as the service lists it."""
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
    """All entries, by the names of Keras's classes, in the order in which they are listed."""

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
        """For each kind, every name and alias."""
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
        """The entry that Keras finds by this name or alias, an optimizer's in any case; None if there is none."""
        return self._names[kind].get(name.lower() if kind == "optimizer" else name)

    @property
    def keras_schedules(self) -> tuple[str, ...]:
        """The schedules that an optimizer can have."""
        return tuple(name for name in self.schedules if name != PLATEAU)

    def nearest(self, kind: str, name: str) -> str | None:
        """The known name most like this one, if any is much like it."""
        return nearest(name, self._names[kind])


@lru_cache(maxsize=1)
def load_catalogue() -> Catalogue:
    """The catalogue that was generated from Keras."""
    document = json.loads(CATALOGUE_PATH.read_text(encoding="utf-8"))
    members = {
        member: {entry["type"]: Entry.from_document(entry) for entry in document[member]} for member in KINDS.values()
    }
    return Catalogue(**members)
