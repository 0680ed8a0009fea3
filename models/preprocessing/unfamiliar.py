"""What training rows have that a network's preprocessing can't represent, or that it didn't learn: for warnings."""

from collections.abc import Iterator

import numpy as np

from models.dataset_descriptor import DatasetDescriptor
from models.datasets import Split
from models.preprocessing.dataset_inputs import by_input
from models.preprocessing.fitted_column import FittedColumn
from models.preprocessing.preprocessing import Preprocessing
from models.preprocessing.table_input import TableInput
from models.preprocessing.tensor_input import TensorInput
from models.spec import NetworkSpec, Scaling
from models.values.columns import Texts, is_missing
from models.values.numbers import unit_stem

UNKNOWN_CATEGORIES = "unknown_categories"
OUT_OF_RANGE = "out_of_range"
MOST_NAMED = 20
"""The most categories or features that a warning names."""
FAR = 5.0
"""Standard deviations from the mean from which on a number of a tensor is unlike those that were learned. The stored
preprocessing of tensors has no range."""
FAR_SHARE = 0.01
"""The smallest share of such numbers that is reported; any distribution has a few."""
ROWS_AT_ONCE = 4096

Finding = tuple[str, str]
"""The type of a warning, and a sentence."""


def find_unknown_categories(spec: NetworkSpec, split: Split) -> Iterator[Finding]:
    """The categories of the rows that have no number of their own in the network's input."""
    for column in (column for input_ in spec.inputs.values() for column in input_.columns or ()):
        values = (split.table or {})[column.name]
        if isinstance(values, Texts):
            found = {name: rows for name, rows in values.counts().items() if name not in column.categories}
            if found:
                yield UNKNOWN_CATEGORIES, _describe_categories(column.name, found)


def find_out_of_range(preprocessing: Preprocessing, spec: NetworkSpec, split: Split) -> Iterator[Finding]:
    """The numbers and dates of the rows outside the ranges that the preprocessing learned from other rows."""
    for name, input_ in preprocessing.inputs.items():
        if isinstance(input_, TensorInput):
            tensor = by_input(preprocessing.inputs, split.tensors or {})[name]
            yield from _find_far(name, input_.continued(spec.inputs[name].shape, tensor.shape[1:]), tensor)
        for column in input_.columns if isinstance(input_, TableInput) else ():
            values = (split.table or {})[column.name]
            if column.type in ("number", "date") and not isinstance(values, Texts):
                yield from _find_outside(column, values)


def find_other_units(preprocessing: Preprocessing, descriptor: DatasetDescriptor) -> Iterator[Finding]:
    """The columns of a dataset whose numbers have another unit than those that the preprocessing learned."""
    units = {entry.name: entry.unit for entry in descriptor.inputs}
    tables = (input_ for input_ in preprocessing.inputs.values() if isinstance(input_, TableInput))
    for column in (column for table in tables for column in table.columns):
        known, unit = column.unit, units.get(column.name)
        if known is not None and unit is not None and unit_stem(known) != unit_stem(unit):
            detail = f'The numbers of "{column.name}" are in "{unit}", but the version learned them in "{known}".'
            yield OUT_OF_RANGE, f"{detail} They are used without conversion."


def _describe_categories(column: str, found: dict[str, int]) -> str:
    often = sorted(found, key=lambda name: -found[name])
    shown = ", ".join(f'"{name[:100]}" ({_rows(found[name])})' for name in often[:MOST_NAMED])
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    what, own = f"{len(found):,} categories", "inputs of their own"
    if len(found) == 1:
        what, own = "a category", "an input of its own"
    return (
        f'The training rows have {what} of "{column}" without {own}: {shown}{more}. The network treats these like '
        "unknown categories. A model that is created from this dataset has an input for each."
    )


def _rows(count: int) -> str:
    return f"{count:,} row{'s' * (count != 1)}"


def _find_outside(column: FittedColumn, values: np.ndarray) -> Iterator[Finding]:
    numbers = column.to_numbers(values)
    outside = (numbers < column.minimum) | (numbers > column.maximum)
    if outside.any():
        present = numbers[~is_missing(numbers)]
        share, rows = outside.sum() / len(present), _rows(int(outside.sum()))
        learned = f"{column.show(column.minimum)} to {column.show(column.maximum)}"
        here = f"{column.show(float(present.min()))} to {column.show(float(present.max()))}"
        detail = f'{share:.2%} of "{column.name}" ({rows}) lies outside the range that the version learned, {learned}.'
        yield OUT_OF_RANGE, f"{detail} The training rows have {here}."


def _find_far(name: str, input_: TensorInput, values: np.ndarray) -> Iterator[Finding]:
    """Features, on the last axis, whose numbers often lie far from their learned mean."""
    if input_.scaling is not Scaling.STANDARD:
        return
    pieces = (input_.transform(values[start : start + ROWS_AT_ONCE]) for start in range(0, len(values), ROWS_AT_ONCE))
    counts = sum((np.abs(piece) > FAR).reshape(-1, piece.shape[-1]).sum(axis=0) for piece in pieces)
    shares = counts / (len(values) * np.prod(input_.shape[:-1], dtype=np.int64))
    far = np.flatnonzero(shares >= FAR_SHARE).tolist()
    if far:
        shown = ", ".join(f"{shares[place]:.0%} of feature {place}" for place in far[:MOST_NAMED])
        more = f" and {len(far) - MOST_NAMED} more features" if len(far) > MOST_NAMED else ""
        detail = f'The training rows of "{name}" have numbers more than {FAR:g} standard deviations from the mean'
        yield OUT_OF_RANGE, f"{detail} that the version learned: {shown}{more}."
