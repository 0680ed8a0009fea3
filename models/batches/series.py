"""Reads rows of series from a client's file: the last rows of each series become one sequence."""

import numpy as np

from models.allowance import Allowance
from models.batches.blocks import Block, Blocks, count_rows
from models.limits import Limits
from models.preprocessing import Instances, Preprocessing
from models.preprocessing.preprocessing import NOT_JSON, is_table_row
from models.preprocessing.table_input import warn_of_extra
from models.tabular.posted_parquet import TableColumns
from models.values.columns import ColumnValues, join_columns


class SeriesReader:
    """Collects the rows of a file, which may be in any order, and makes blocks of sequences from them."""

    def __init__(self, preprocessing: Preprocessing, limits: Limits, ignores_extra: bool = False) -> None:
        assert preprocessing.rows is not None
        ((self._name, _),) = preprocessing.inputs.items()
        self._preprocessing, self._limits, self._rows = preprocessing, limits, preprocessing.rows
        self._ignores_extra = ignores_extra
        self._parts: list[dict[str, ColumnValues]] = []
        self._extra: list[str] = []

    def add(self, instances: Instances | dict[str, np.ndarray]) -> bool:
        """Add rows of the table that the model's sequences come from; False if the instances aren't such rows.

        Raises InvalidInstances, with rows counted from the first instance.
        """
        if not isinstance(instances, list | TableColumns):
            return False
        if isinstance(instances, list) and not is_table_row(instances[0], self._name):
            return False
        allowance, table = Allowance.for_blocks(self._limits), self._rows.table
        self._parts.append(table.read_raw(instances, NOT_JSON, allowance, self._ignores_extra))
        self._extra += table.find_extra(instances, self._ignores_extra)
        return True

    def blocks(self) -> Blocks:
        """The sequences of all series. Raises InvalidInstances, with rows counted from the first one added."""
        if not self._parts:
            return
        table = {name: join_columns([part[name] for part in self._parts]) for name in self._parts[0]}
        self._parts.clear()
        sequences = self._rows.cut(table, Allowance.for_blocks(self._limits), self._limits.rows)
        extra = [warn_of_extra(list(dict.fromkeys(self._extra)))] if self._extra else []
        count, at_once = len(sequences.values), count_rows(self._preprocessing)
        for start in range(0, count, at_once):
            page = slice(start, start + at_once)
            inputs = self._preprocessing.transform(sequences.values[page])
            warnings = [*extra, *sequences.warnings] if start == 0 else []
            rows = np.arange(start, start + len(sequences.labels[page]))
            yield Block(rows, inputs, warnings, min(1.0, page.stop / count), labels=sequences.labels[page])
