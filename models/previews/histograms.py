"""The distributions of the columns of a table, or of the numbers of a vector."""

from typing import Any

import numpy as np

from models.dataset_descriptor import DatasetDescriptor, InputDescriptor
from models.datasets import Dataset, Split
from models.previews.sampling import blocks, column
from models.values.columns import ColumnValues, Texts
from models.values.dates import write_dates
from models.values.rounding import short_numbers
from models.values.statistics import mean_and_deviation

BINS = 10
MOST_ROWS = 10_000
MOST_CELLS = 5_000_000
"""The rows from which distributions are computed that the import didn't, and the cells of these rows."""
MOST_CATEGORIES = 12
"""The most categories of a column: those with the most rows."""

Columns = list[dict[str, Any]]


def show_columns(dataset: Dataset, split: str | None, count: int, notes: list[str]) -> Columns:
    """The first `count` columns of a table: `name`, `type`, `unit`, `missing` (rows), `mean` and `std`, and either
    `edges` (numbers or dates) and `counts` of ten bins, or `categories` with their `counts`, of `found` ones.

    Without a split they are of all rows, as the import counted them.
    """
    entries = dataset.descriptor.inputs
    _note_left_out(len(entries), count, "columns", notes)
    if split is None and all(_is_described(entry) for entry in entries[:count]):
        return [_describe(entry) | _from_entry(entry) for entry in entries[:count]]
    most = min(MOST_ROWS, MOST_CELLS // len(entries))
    parts = [part for name in _splits(dataset, split) for part in blocks(dataset.split(name), most)]
    _note_drawn(
        sum(len(part.rows) for part in parts),
        sum(dataset.descriptor.splits[n] for n in _splits(dataset, split)),
        notes,
    )
    return [_describe(entry) | _from_values(entry.type, column(parts, entry.name)) for entry in entries[:count]]


def show_features(descriptor: DatasetDescriptor, split: Split, count: int, notes: list[str]) -> Columns:
    """As `show_columns`, for the first `count` numbers of the vectors of a split."""
    names = [name for entry in descriptor.inputs for name in name_features(entry)]
    _note_left_out(len(names), count, "numbers of a row", notes)
    parts = blocks(split, MOST_ROWS)
    _note_drawn(sum(len(part.rows) for part in parts), len(split.rows), notes)
    values = features(descriptor, parts, count)
    return [
        {"name": name, "type": "number", "unit": None, "missing": 0} | _from_values("number", values[:, place])
        for place, name in enumerate(names[:count])
    ]


def name_features(entry: InputDescriptor) -> list[str]:
    """The names of the numbers of an input that is a vector or a single number."""
    size = int(np.prod(entry.shape, dtype=int))
    return entry.features or ([entry.name] if size == 1 else [f"{entry.name} {n}" for n in range(1, size + 1)])


def features(descriptor: DatasetDescriptor, parts: list[Split], most: int) -> np.ndarray:
    """The first `most` numbers of rows of vectors, float64 (rows, numbers)."""
    found: list[np.ndarray] = []
    for entry in descriptor.inputs:
        tensors = [(part.tensors or {})[entry.name] for part in parts]
        room = most - sum(values.shape[1] for values in found)
        size = int(np.prod(entry.shape, dtype=int))
        if room > 0:
            found.append(
                np.concatenate([tensor.reshape(len(tensor), size)[:, :room] for tensor in tensors]).astype(float)
            )
    return np.concatenate(found, axis=1)


def describe_numbers(values: np.ndarray) -> dict[str, Any]:
    """`mean`, `std`, and `edges` and `counts` as of `bin_numbers`, of the finite values (n,)."""
    finite = values[np.isfinite(values)]
    with np.errstate(over="ignore", invalid="ignore"):
        mean, std = short_numbers(np.array(mean_and_deviation(finite))) if len(finite) else (None, None)
    return {"mean": mean, "std": std, **bin_numbers(finite)}


def bin_numbers(values: np.ndarray) -> dict[str, Any]:
    """The `edges` and `counts` of ten bins of the finite values (n,); empty lists without any."""
    finite = values[np.isfinite(values)].astype(float)
    if not len(finite):
        return {"edges": [], "counts": []}
    try:
        with np.errstate(over="raise", invalid="raise"):
            counts, edges = np.histogram(finite, BINS)
    except (ValueError, FloatingPointError):  # the values are too close, or too large, for bins between them
        counts, edges = np.array([len(finite)]), np.array([finite.min(), finite.max()])
    return {"edges": short_numbers(edges), "counts": counts.tolist()}


def _splits(dataset: Dataset, split: str | None) -> list[str]:
    return [name for name in dataset.descriptor.splits if split in (None, name)]


def _note_left_out(found: int, count: int, what: str, notes: list[str]) -> None:
    if found > count:
        notes.append(f"Shown are the first {count} of {found:,} {what}.")


def _note_drawn(drawn: int, rows: int, notes: list[str]) -> None:
    if drawn < rows:
        notes.append(f"Computed from {drawn:,} of {rows:,} rows, drawn at even distances.")


def _is_described(entry: InputDescriptor) -> bool:
    """Whether the import counted the column; imports of older releases counted less."""
    return entry.type == "text" or entry.histogram is not None or entry.categories is not None


def _describe(entry: InputDescriptor) -> dict[str, Any]:
    described = {"name": entry.name, "type": entry.type, "unit": entry.unit, "missing": entry.missing}
    return described | {"mean": None, "std": None, "edges": None, "counts": [], "categories": None, "found": 0}


def _from_entry(entry: InputDescriptor) -> dict[str, Any]:
    if entry.tokens is not None:
        return {"mean": entry.tokens["mean"]}
    if entry.categories is not None:
        return _most_frequent(entry.categories, entry.counts or [])
    return {"mean": entry.mean, "std": entry.std, **(entry.histogram or {})}


def _from_values(type_: str, values: ColumnValues) -> dict[str, Any]:
    """The distribution of values; missing ones are counted."""
    if isinstance(values, Texts):
        return {"missing": int((values.codes < 0).sum())} | _from_texts(type_, values.counts())
    present = values[~(np.isnat(values) if type_ == "date" else np.isnan(values))]
    return {"missing": len(values) - len(present)} | _from_present(type_, present)


def _from_texts(type_: str, counts: dict[str, int]) -> dict[str, Any]:
    if type_ != "text":
        return _most_frequent(list(counts), list(counts.values()))
    words = sum(len(text.split()) * count for text, count in counts.items())
    return {"mean": words / max(1, sum(counts.values()))}


def _from_present(type_: str, present: np.ndarray) -> dict[str, Any]:
    if type_ == "date":
        bins = bin_numbers(present.astype(np.int64))
        return bins | {"edges": write_dates(np.array(bins["edges"], float).astype("datetime64[us]"))}
    if type_ == "boolean":
        true = int(present.sum())
        return _most_frequent([False, True], [len(present) - true, true])
    return describe_numbers(present.astype(float))


def _most_frequent(categories: list[Any], counts: list[int]) -> dict[str, Any]:
    places = sorted(range(len(counts)), key=lambda place: -counts[place])[:MOST_CATEGORIES]
    return {
        "categories": [categories[place] for place in places],
        "counts": [int(counts[place]) for place in places],
        "found": len(categories),
    }
