"""Encodes targets for the loss, and names the network's outputs."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self

import numpy as np

from models.catalogue import load_catalogue
from models.dataset_descriptor import DatasetDescriptor, TargetDescriptor
from models.errors import Fault, InvalidData
from models.spec import NetworkSpec, Task
from models.target_scale import TargetScale
from models.values.columns import Texts

UNKNOWN_TARGET = "target"
"""The name of the target of an imported network."""


class Form(StrEnum):
    """The form of targets that the network's loss expects."""

    NUMBERS = "numbers"
    """float32, (rows, *shape), scaled if the encoding has a scale."""
    BINARY = "binary"
    """0 or 1 as float32, (rows, 1)."""
    INDICES = "indices"
    """A class index as int32, (rows,)."""
    ONE_HOT = "one_hot"
    """float32, (rows, classes), a single 1 per row."""
    MULTI_HOT = "multi_hot"
    """float32, (rows, classes), a 1 per label."""


@dataclass(frozen=True)
class TargetEncoding:
    """The form of a network's targets, the classes in the order of its outputs, and the shape and scale of numeric
    targets."""

    name: str
    form: Form
    classes: list[Any] | None = None
    shape: tuple[int, ...] = ()
    scale: TargetScale | None = None
    """None: the network learns the numbers as they are."""

    @classmethod
    def for_network(
        cls, spec: NetworkSpec, descriptor: DatasetDescriptor, outputs: int, scale: TargetScale | None = None
    ) -> Self:
        """The encoding for a network with this number of output units (the last axis); raises InvalidData if the
        dataset's target doesn't suit the network's task or outputs. `scale` is fitted to the training rows
        (models/target_fitting.py), or that of the version from which the training starts."""
        target = descriptor.target
        problem = find_target_problem(spec.task, target) or _find_size_problem(spec.task, target, outputs)
        if problem:
            raise InvalidData(Fault(problem, "#/dataset"))
        if spec.task is Task.REGRESSION:
            return cls(target.name, Form.NUMBERS, shape=number_shape(target), scale=scale)
        return cls(target.name, _form(spec, outputs), list(target.labels))

    @classmethod
    def for_import(cls, spec: NetworkSpec, outputs: int, classes: list[Any] | None) -> Self:
        """The encoding of a network that was trained elsewhere, on a target whose name isn't known."""
        if classes is None:
            return cls(UNKNOWN_TARGET, Form.NUMBERS, shape=(outputs,))
        return cls(UNKNOWN_TARGET, _form(spec, outputs), classes)

    def encode(self, targets: np.ndarray | Texts) -> np.ndarray:
        """Encode raw targets of a split for the loss; raises InvalidData if one isn't a known class."""
        if not isinstance(targets, Texts) and self.form is Form.NUMBERS:
            numbers = self.numbers(targets)
            return numbers if self.scale is None else self.scale.apply(numbers)
        if not isinstance(targets, Texts) and self.form is Form.MULTI_HOT:
            return targets.astype(np.float32)
        indices = self.class_indices(targets)
        if self.form is Form.INDICES:
            return indices.astype(np.int32)
        if self.form is Form.BINARY:
            return indices.astype(np.float32)[:, None]
        one_hot = np.zeros((len(indices), len(self.classes or ())), dtype=np.float32)
        one_hot[np.arange(len(indices)), indices] = 1
        return one_hot

    def numbers(self, targets: np.ndarray) -> np.ndarray:
        """Raw targets of a regression in their own units, (rows, *shape): float64 if they are scaled for the network,
        else float32."""
        return targets.astype(np.float32 if self.scale is None else np.float64).reshape(len(targets), *self.shape)

    def to_units(self, outputs: np.ndarray) -> np.ndarray:
        """Outputs of the network, (rows, …), in the target's own units."""
        return outputs if self.scale is None else self.scale.invert(outputs)

    def class_indices(self, targets: np.ndarray | Texts) -> np.ndarray:
        """The class index of each row (rows,), int64; raises InvalidData if a target isn't a known class."""
        if isinstance(targets, Texts):
            indices = targets.codes_among(self.classes or ())
            self._refuse_unknown(indices < 0, targets)
            return indices.astype(np.int64)
        if targets.ndim == 2:
            return targets.argmax(axis=1)
        classes = np.array(self.classes)
        order = np.argsort(classes)
        places = np.searchsorted(classes, targets, sorter=order)
        indices = order[np.minimum(places, len(classes) - 1)]
        self._refuse_unknown(classes[indices] != targets, targets)
        return indices

    def _refuse_unknown(self, unknown: np.ndarray, targets: np.ndarray | Texts) -> None:
        rows = np.flatnonzero(unknown)[:1]
        if len(rows):
            (value,) = targets[rows].tolist()
            raise InvalidData(Fault(f'"{value}" isn\'t a class that the network knows.', "#/dataset"))

    def translate(self, targets: np.ndarray | Texts, classes: list[Any] | None) -> np.ndarray | Texts:
        """Convert raw targets of a dataset with these classes to those of the network's own dataset.

        Classes are equal if their names are; the network must know each of them (find_unknown_classes).
        """
        if self.classes is None or classes is None or classes == self.classes:
            return targets
        places = {class_name(known): place for place, known in enumerate(self.classes)}
        order = np.array([places[class_name(name)] for name in classes])
        if not isinstance(targets, Texts) and targets.ndim == 2:
            translated = np.zeros((len(targets), len(self.classes)), bool)
            translated[:, order] = targets
            return translated
        return np.array(self.classes)[order[replace(self, classes=classes).class_indices(targets)]]

    def covers(self, target: TargetDescriptor) -> bool:
        """Whether the classes of a dataset's target are among those of this encoding."""
        return self.classes is not None and not find_unknown_classes(self.classes, target.labels)

    def continued(self, spec: NetworkSpec, descriptor: DatasetDescriptor, outputs: int) -> Self:
        """The encoding for a training that continues on another dataset, which check_kept has accepted.

        Classes that this encoding knows keep their outputs. Others get the outputs of the classes that the dataset
        doesn't have, in order.
        """
        target = descriptor.target
        if self.classes is None:
            return replace(self, name=target.name)
        names = {class_name(value) for value in target.labels}
        new = iter(find_unknown_classes(self.classes, target.labels))
        classes = [value if class_name(value) in names else next(new, value) for value in self.classes]
        return replace(self, name=target.name, form=_form(spec, outputs), classes=classes)

    def ordered_like(self, other: Self) -> Self:
        """The encoding with the classes in the order of another one with the same classes, whose network gives weights.

        The positive class of two datasets with the same classes may differ.
        """
        names, others = (sorted(map(class_name, each.classes or [])) for each in (self, other))
        return replace(self, classes=other.classes) if names == others else self

    def to_document(self) -> dict[str, Any]:
        document: dict[str, Any] = {"name": self.name, "form": self.form.value, "classes": self.classes}
        document |= {"shape": list(self.shape)}
        return document if self.scale is None else document | {"scale": self.scale.to_document()}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        scale = document.get("scale")
        return cls(
            document["name"],
            Form(document["form"]),
            document["classes"],
            tuple(document["shape"]),
            None if scale is None else TargetScale.from_document(scale),
        )


def find_target_problem(task: Task, target: TargetDescriptor) -> str | None:
    """Why the task can't learn a dataset's target (from its descriptor), as a sentence; None if it can.

    Any target with classes, including numbers, suits a classification; any numeric target suits a regression.
    """
    problem = find_kind_problem(task, target)
    if problem is None and task is Task.BINARY and len(target.labels) != 2:
        many = f'The target "{target.name}" has {len(target.labels)} classes'
        return f"{many}, but a binary task needs two: use multiclass for more."
    return problem


def find_kind_problem(task: Task, target: TargetDescriptor) -> str | None:
    """As find_target_problem, with any number of classes: an evaluation may lack some of them."""
    name, kind, classes = f'The target "{target.name}"', target.type, target.classes
    if task is Task.REGRESSION:
        text = kind == "category" and any(isinstance(value, str) for value in target.labels)
        return f"{name} is text, but a regression predicts numbers: use a classification." if text else None
    if task is Task.MULTILABEL:
        lists = "lists of labels, or of 0 and 1"
        return None if kind == "labels" else f"{name} has one value per row, but a multilabel task needs {lists}."
    if classes is None:
        return f"{name} has fractions or too many distinct numbers for classes, but the task is {task.value}."
    if kind == "labels" and not target.exclusive:
        return f"{name} has several labels per row, but a {task.value} task needs one class per row."
    return None


def class_name(value: Any) -> str:
    """The name of a class, independent of its type: 7 and "7" are one class, as are true and "true"."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def find_unknown_classes(known: list[Any], classes: list[Any]) -> list[Any]:
    """The classes whose names aren't known."""
    names = {class_name(value) for value in known}
    return [value for value in classes if class_name(value) not in names]


def count_outputs(task: Task, target: TargetDescriptor) -> tuple[int, ...]:
    """The possible numbers of output units for the task and target."""
    if task is Task.BINARY:
        return 1, 2
    if task is Task.REGRESSION:
        return (number_shape(target)[-1],)
    return (len(target.labels),)


def number_shape(target: TargetDescriptor) -> tuple[int, ...]:
    """The shape of a row's target as numbers."""
    if target.type == "labels":
        return (len(target.labels),)
    return tuple(target.shape or ()) or (1,)


def _find_size_problem(task: Task, target: TargetDescriptor, outputs: int) -> str | None:
    allowed = count_outputs(task, target)
    if outputs in allowed:
        return None
    return f'The network has {outputs} outputs, but the target "{target.name}" needs {allowed[0]}.'


def _form(spec: NetworkSpec, outputs: int) -> Form:
    if spec.task is Task.MULTILABEL:
        return Form.MULTI_HOT
    if spec.task is Task.BINARY and outputs == 1:
        return Form.BINARY
    loss = load_catalogue().find("loss", spec.loss.type)
    return Form.INDICES if loss is not None and loss.takes_class_numbers else Form.ONE_HOT
