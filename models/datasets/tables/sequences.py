"""The windows of a table, which become sequences once the training windows are known."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from models.dataset_descriptor import InputDescriptor, Note
from models.series.timeline import Timeline
from models.series.window import SeriesColumn, Window
from models.spec import SINGLE_INPUT
from models.values.columns import ColumnValues, Texts
from models.values.wording import count_of


@dataclass(frozen=True)
class TargetSpans:
    """When the targets of each window are: the first and the last of them (windows,), in any unit of time.

    Splits are cut in time: the targets of a later split all come after those of an earlier one.
    """

    first: np.ndarray
    last: np.ndarray

    def cut(self, validation: int, test: int) -> dict[str, np.ndarray]:
        """The indices of the training, validation and test windows; the latest ones are the test windows.

        Windows with the same time are in the same split, so there may be a few more validation and test windows than
        asked for. Windows whose targets are on both sides of a cut are in no split.
        """
        ordered = np.sort(self.first)
        rest = len(ordered) - test
        test_from = ordered[rest] if test else None
        validated_from = ordered[rest - validation] if validation else test_from
        tested = np.zeros(len(ordered), bool) if test_from is None else self.first >= test_from
        trained = np.ones(len(ordered), bool) if validated_from is None else self.last < validated_from
        validated = np.zeros(len(ordered), bool)
        if validation:
            validated = (self.first >= validated_from) & ~tested
            validated &= True if test_from is None else self.last < test_from
        parts = {"train": trained, "validation": validated, "test": tested}
        return {name: np.flatnonzero(part) for name, part in parts.items()}


@dataclass(frozen=True)
class SlidingWindows:
    """Windows of a matrix, as an array (windows, steps, features) that is made on access: they overlap."""

    matrix: np.ndarray
    """The features at each position: float32, (positions, features)."""
    starts: np.ndarray
    """The first position of each window."""
    steps: int

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.starts), self.steps, self.matrix.shape[1]

    @property
    def dtype(self) -> np.dtype:
        return self.matrix.dtype

    @property
    def itemsize(self) -> int:
        return self.matrix.itemsize

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, windows: np.ndarray) -> np.ndarray:
        return self._view[self.starts[windows]]

    @cached_property
    def _view(self) -> np.ndarray:
        """A window at every position, without a copy."""
        return np.lib.stride_tricks.sliding_window_view(self.matrix, self.steps, axis=0).swapaxes(1, 2)


@dataclass(frozen=True)
class Sequences:
    """The windows of a table before their features are known: these depend on the training windows."""

    window: Window
    """Its columns aren't fitted yet."""
    timeline: Timeline
    columns: dict[str, ColumnValues] = field(repr=False)
    """The columns at all positions, by name: numbers and booleans as float64, NaN where missing."""
    starts: np.ndarray = field(repr=False)
    """The first position of each window."""
    spans: TargetSpans
    missing: int = 0
    """The missing cells of the columns."""

    def complete(self, splits: dict[str, np.ndarray]) -> "CompleteSequences":
        """The sequences of the windows that are in a split, with the medians and categories of the training windows."""
        kept = np.sort(np.concatenate(list(splits.values())))
        covered = self._count_windows(splits["train"]) > 0
        fitted = tuple(_fit(column, self.columns[column.name], covered) for column in self.window.columns)
        window = replace(self.window, columns=fitted)
        matrix = window.encode(self.columns, self.timeline.times)
        counts = self._count_windows(kept)
        entry = InputDescriptor(
            SINGLE_INPUT,
            "number",
            [window.steps, matrix.shape[1]],
            missing=self.missing,
            features=window.features,
            fill=window.fills,
            **_describe(matrix, counts),
        )
        return CompleteSequences(
            SlidingWindows(matrix, self.starts[kept], window.steps),
            kept,
            {name: np.searchsorted(kept, rows) for name, rows in splits.items()},
            entry,
            window,
            [*self._note(splits, len(kept)), *_note_unseen(fitted, self.columns, counts > 0)],
        )

    def _count_windows(self, windows: np.ndarray) -> np.ndarray:
        """How many of the windows each position is in."""
        changes = np.zeros(len(self.timeline) + 1, np.int64)
        np.add.at(changes, self.starts[windows], 1)
        np.add.at(changes, self.starts[windows] + self.window.steps, -1)
        return np.cumsum(changes)[:-1]

    def _note(self, splits: dict[str, np.ndarray], kept: int) -> list[Note]:
        notes: list[Note] = []
        cut = len(self.starts) - kept
        if cut:
            detail = f"{count_of(cut, 'window')} in no split: the targets are on both sides of a cut between splits."
            notes.append(Note("windows_across_splits", detail, count=cut))
        series = set(self.timeline.series_at(self.starts).tolist())
        unseen = len(series - set(self.timeline.series_at(self.starts[splits["train"]]).tolist()))
        if unseen:
            detail = f"{unseen:,} of {len(series):,} series without a training window: all of its windows are later."
            notes.append(Note("series_without_training", detail, count=unseen))
        return notes


@dataclass(frozen=True)
class CompleteSequences:
    """Sequences as they are stored."""

    windows: SlidingWindows
    kept: np.ndarray
    """The indices, among all windows, of those that are in a split."""
    splits: dict[str, np.ndarray]
    """The indices, among the kept windows, of each split's."""
    entry: InputDescriptor
    """The description of the input."""
    window: Window
    notes: Sequence[Note]


def _fit(column: SeriesColumn, values: ColumnValues, covered: np.ndarray) -> SeriesColumn:
    """The column with the categories, the median and the range of the positions that training windows cover."""
    if isinstance(values, Texts):
        return replace(column, categories=tuple(values[covered].counts()))
    present = values[covered & ~np.isnan(values)]
    if not len(present):
        return column
    lowest, highest = float(present.min()), float(present.max())
    return replace(column, fill=float(np.median(present)), minimum=lowest, maximum=highest)


def _note_unseen(
    columns: Sequence[SeriesColumn], values: Mapping[str, ColumnValues], covered: np.ndarray
) -> Iterator[Note]:
    """Notes on the rows of windows whose category isn't in the training windows."""
    for column in columns:
        texts = values[column.name]
        if isinstance(texts, Texts):
            texts = texts[covered]
            unseen = int(((texts.codes >= 0) & (texts.codes_among(column.categories) < 0)).sum())
            if unseen:
                rows = count_of(unseen, "validation or test row")
                detail = f"The category of {rows} isn't in the training windows: a network gets it as unknown."
                yield Note("unseen_categories", detail, column.name, unseen)


def _describe(matrix: np.ndarray, counts: np.ndarray) -> dict[str, Any]:
    """The statistics of all numbers of windows, from how many of these each row of the matrix is in."""
    rows = counts > 0
    weights = counts[rows].astype(np.float64)
    numbers = float(weights.sum()) * matrix.shape[1]
    covered = matrix if rows.all() else matrix[rows]
    mean = float(weights @ covered.sum(axis=1, dtype=np.float64)) / numbers
    squares = sum(np.square(column.astype(np.float64) - mean) for column in covered.T)
    deviation = float(np.sqrt(weights @ squares / numbers))
    return {"mean": mean, "std": deviation, "min": float(covered.min()), "max": float(covered.max())}
