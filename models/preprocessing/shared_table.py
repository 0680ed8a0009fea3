"""A table whose columns several inputs take, some of them texts: a posted row has the columns of all inputs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from models.allowance import Allowance
from models.preprocessing.fitted_column import FittedColumn
from models.preprocessing.table_input import MAX_WARNINGS, TableInput, warn_of_extra
from models.preprocessing.text_input import TextInput
from models.spec import Scaling
from models.tabular.posted_parquet import TableColumns
from models.values.columns import ColumnValues, Texts
from models.values.tensors import Place

TEXT_BYTES, NGRAM_BYTES = 56, 72
"""The memory of a character of the longest text while its tokens are found, and for each length of n-grams besides."""


@dataclass(frozen=True)
class SharedTable:
    """The inputs of a network by name, all of which take columns of one table."""

    inputs: dict[str, TableInput | TextInput]

    @cached_property
    def reader(self) -> TableInput:
        """The columns of all inputs, to read posted rows; it isn't an input of the network itself."""
        columns: dict[str, FittedColumn] = {}
        for input_ in self.inputs.values():
            own = (input_.column,) if isinstance(input_, TextInput) else input_.columns
            columns |= {column.name: column for column in own}
        (first, *_) = self.inputs.values()
        unused = tuple(name for name in first.posted.unused if name not in columns)
        posted = replace(first.posted, unused=unused)
        return TableInput((len(columns),), Scaling.NONE, tuple(columns.values()), posted)

    def read(
        self, posted: list | np.ndarray | TableColumns, place: Place, allowance: Allowance, ignores_extra: bool = False
    ) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
        """Posted rows, or the columns of a file, as network inputs by name, and at most 100 warnings.

        As TableInput.read.
        """
        posted = self.reader.list_rows(posted, allowance)
        table = self.reader.read_raw(posted, place, allowance, ignores_extra)
        extra = self.reader.find_extra(posted, ignores_extra)
        self._reserve_tokens(table, allowance)
        warnings = [*([warn_of_extra(extra)] if extra else []), *self.find_warnings(table)]
        return self._transform(table, allowance), warnings[:MAX_WARNINGS]

    def read_columns(self, columns: Mapping[str, list | np.ndarray], allowance: Allowance) -> dict[str, np.ndarray]:
        """Posted columns by name as network inputs by name; as TableInput.read_columns."""
        table = self.reader.convert(columns, allowance)
        self._reserve_tokens(table, allowance)
        return self._transform(table, allowance)

    def find_warnings(self, table: Mapping[str, ColumnValues]) -> list[dict[str, Any]]:
        """At most 100 warnings about raw columns by name, sorted by row."""
        found = {
            (warning["row"], warning["column"], warning["type"]): warning
            for input_ in self.inputs.values()
            for warning in input_.find_warnings(table)
        }
        return sorted(found.values(), key=lambda warning: warning["row"])[:MAX_WARNINGS]

    def _reserve_tokens(self, table: Mapping[str, ColumnValues], allowance: Allowance) -> None:
        """Reserve the memory of the tokens of the text that takes most; those of one text are in memory at a time."""
        most = 0
        for options in (input_.options for input_ in self.inputs.values() if isinstance(input_, TextInput)):
            texts = table[options.column]
            longest = max(map(len, texts.names), default=0) if isinstance(texts, Texts) else 0
            most = max(most, longest * (TEXT_BYTES + NGRAM_BYTES * ((options.ngrams or 1) - 1)))
        allowance.reserve(most)

    def _transform(self, table: Mapping[str, ColumnValues], allowance: Allowance) -> dict[str, np.ndarray]:
        inputs: dict[str, np.ndarray] = {}
        for name, input_ in self.inputs.items():
            allowance.check_time()
            inputs[name] = input_.transform(table)
        return inputs
