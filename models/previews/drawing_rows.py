"""Draws rows evenly from a split."""

import numpy as np

from models.datasets import Split
from models.values.columns import ColumnValues, Texts

BLOCKS = 20
"""Rows of a table lie in files of many rows, so they are drawn in so many blocks."""


def evenly(total: int, wanted: int) -> np.ndarray:
    """At most `wanted` indices of `total` rows, ascending and at even distances, with the first and the last."""
    return np.unique(np.linspace(0, max(0, total - 1), min(total, wanted)).round().astype(np.int64))


def blocks(split: Split, wanted: int) -> list[Split]:
    """About `wanted` rows of a split in blocks at even distances, or all of its rows in one."""
    total = len(split.rows)
    if total <= wanted:
        return [split.page(slice(0, total))]
    length = max(1, wanted // BLOCKS)
    return [split.page(slice(start, start + length)) for start in evenly(total - length, BLOCKS).tolist()]


def column(parts: list[Split], name: str) -> ColumnValues:
    """A column of blocks of a table."""
    values = [(part.table or {})[name] for part in parts]
    if isinstance(values[0], Texts):
        return Texts.of([text for texts in values for text in texts.tolist()])
    return np.concatenate(values)  # type: ignore[arg-type]
