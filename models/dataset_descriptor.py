"""The descriptor of a dataset: what an import found out about its data. It is stored with the rows and in the
database, and clients see most of it."""

from dataclasses import dataclass, field, replace
from typing import Any, Self

from models.documents import Document, SparseDocument
from models.series.window import Window


@dataclass(frozen=True)
class Note(SparseDocument):
    """What an import assumed, converted, dropped or inserted, for the people who use the dataset."""

    type: str
    """A stable code."""
    detail: str
    """A sentence for people."""
    column: str | None = None
    count: int | None = None
    """The number of affected values or rows."""


@dataclass(frozen=True)
class LeftOut(Document):
    """A column that isn't an input: `reason` is a stable code, `detail` a sentence for people."""

    name: str
    type: str | None
    """None if it wasn't determined."""
    reason: str
    detail: str


@dataclass(frozen=True)
class FileDescriptor(SparseDocument):
    """What was detected about the file from which a table was read; None where it doesn't apply or isn't known."""

    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    decimal: str | None = None
    header: bool | None = None
    missing: list[str] | None = None
    """Words that mean a missing value, besides those that always do."""
    compression: str | None = None


@dataclass(frozen=True)
class ValuesDescriptor(SparseDocument):
    """What inputs and targets have in common. Statistics are of all rows; None where they don't apply.

    `quantiles` and `histogram` are mappings, as clients see them: nothing is computed with them.
    """

    name: str
    type: str
    shape: list[int] | None = None
    """The shape of a row's value."""
    unit: str | None = None
    """The unit of numbers that are written with it."""
    mean: float | None = None
    std: float | None = None
    min: Any = None
    """A number, or a date in ISO 8601."""
    max: Any = None
    quantiles: dict[str, Any] | None = None
    histogram: dict[str, list[Any]] | None = None
    """The `edges` and `counts` of ten bins."""
    counts: list[int] | None = None
    """The rows of each category or class."""


@dataclass(frozen=True)
class InputDescriptor(ValuesDescriptor):
    """A column of a table, or a tensor."""

    shape: list[int] = field(default_factory=list)
    missing: int = 0
    """The rows without a value."""
    note: str | None = None
    """What was assumed about its values, in sentences."""
    format: str | None = None
    """How dates or numbers are written."""
    features: list[str] | None = None
    """For sequences: the names of the numbers of a step."""
    fill: list[float] | None = None
    """For sequences: what replaces a missing number of each feature."""
    parts: list[str] | None = None
    """For dates: the cycles that a network gets."""
    categories: list[Any] | None = None
    """Those of the training rows."""
    tokens: dict[str, Any] | None = None
    """For texts: `mean`, `max` and `quantiles` of the numbers of words, as clients see them."""


@dataclass(frozen=True)
class TargetDescriptor(ValuesDescriptor):
    """The target. `type` is `category`, `labels` (several per row) or `number`."""

    classes: list[Any] | None = None
    """None for numbers that can't be classes."""
    positive_class: Any = None
    """Of two classes, the one that a single output is the score of: the last."""
    exclusive: bool | None = None
    """For labels: whether every row has exactly one."""
    columns: list[str] | None = None
    """For sequences: the columns to predict."""
    horizons: list[int] | None = None
    """For sequences: how many rows after the last row of a sequence the targets are."""

    @property
    def labels(self) -> list[Any]:
        """The classes; empty if there are none."""
        return self.classes or []

    def with_positive_class(self) -> Self:
        """The target with its positive class if it has two classes of which every row has one. Targets of older
        releases don't say which class is positive: it was always the last."""
        is_decision = len(self.labels) == 2 and self.exclusive is not False
        return replace(self, positive_class=self.labels[1]) if is_decision and self.positive_class is None else self


@dataclass(frozen=True)
class DatasetTarget(Document):
    """A dataset's target, for a network that is made for the dataset."""

    name: str
    """The dataset's name."""
    target: TargetDescriptor
    kind: str | None = None
    """None in jobs of older releases."""

    @classmethod
    def _read(cls, document: dict[str, Any]) -> Self:
        return replace(super()._read(document), target=TargetDescriptor.from_document(document["target"]))

    def to_document(self) -> dict[str, Any]:
        return super().to_document() | {"target": self.target.to_document()}


@dataclass(frozen=True)
class DatasetDescriptor(Document):
    """A dataset's rows: their kind and number, what a network can take of them, and what it can learn from them."""

    kind: str
    """`table`, `vector`, `sequence`, `image` or `video`."""
    rows: int
    splits: dict[str, int]
    """The rows of each split, by its name."""
    inputs: tuple[InputDescriptor, ...]
    target: TargetDescriptor
    bytes: int = 0
    """The size of the files."""
    window: Window | None = None
    """For sequences that were made of a table."""
    left_out: tuple[LeftOut, ...] | None = None
    """The columns that aren't inputs; None for data that has no columns."""
    notes: tuple[Note, ...] = ()
    file: FileDescriptor = field(default_factory=FileDescriptor)
    name: str | None = None
    """The dataset's name, for sentences about it. It isn't stored with the descriptor."""

    @classmethod
    def _read(cls, document: dict[str, Any]) -> Self:
        window, left_out = document.get("window"), document.get("left_out")
        return replace(
            super()._read(document),
            inputs=tuple(map(InputDescriptor.from_document, document["inputs"])),
            target=TargetDescriptor.from_document(document["target"]),
            window=None if window is None else Window.from_document(window),
            left_out=None if left_out is None else tuple(map(LeftOut.from_document, left_out)),
            notes=tuple(map(Note.from_document, document.get("notes", ()))),
            file=FileDescriptor.from_document(document.get("file", {})),
        )

    def to_document(self) -> dict[str, Any]:
        document = super().to_document() | {
            "inputs": [entry.to_document() for entry in self.inputs],
            "target": self.target.to_document(),
            "window": None if self.window is None else self.window.to_document(),
            "left_out": None if self.left_out is None else [column.to_document() for column in self.left_out],
            "notes": [note.to_document() for note in self.notes],
            "file": self.file.to_document() or None,
        }
        return {name: value for name, value in document.items() if value is not None}

    @property
    def is_table(self) -> bool:
        return self.kind == "table"
