"""An input from a table: the numbers, booleans, dates and categories of a row become one vector."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain, islice
from typing import Any, Self

import numpy as np

from models.allowance import Allowance
from models.dataset_descriptor import DatasetDescriptor, LeftOut, ValuesDescriptor
from models.errors import Fault, InvalidInstances
from models.memory import aligned_empty
from models.preprocessing.cells import TEXTS, find_cell_fault, read_values
from models.preprocessing.fitted_column import FittedColumn
from models.spec import Column, InputSpec, Missing, Scaling
from models.suggestions import unknown_name
from models.tabular.csv_dialect import QUOTE
from models.tabular.csv_instances import CsvCell, CsvColumns
from models.tabular.posted_parquet import PostedColumn, TableColumns
from models.values.columns import ColumnValues, Texts, is_missing
from models.values.tensors import FLOAT32_MAX, MAX_FAULTS, Place, Shape, name_type
from models.values.wording import count_of
from models.values.words import LOOSE, MISSING, WHITE_SPACE

MAX_WARNINGS = 100


@dataclass(frozen=True)
class PostedTable:
    """What posted rows may hold besides the columns, and the dialect of their CSV, as in the dataset's file."""

    unused: tuple[str, ...] = ()
    """Other columns of the dataset, including its target, which are ignored."""
    quote: str = QUOTE
    missing: tuple[str, ...] = ()
    """Words that mean a missing value, besides those that always do."""
    header: bool = True
    delimiter: str | None = None
    encoding: str | None = None

    @classmethod
    def of(cls, descriptor: DatasetDescriptor, columns: tuple[Column, ...]) -> Self:
        others: tuple[ValuesDescriptor | LeftOut, ...] = (
            *descriptor.inputs,
            *(descriptor.left_out or ()),
            descriptor.target,
        )
        taken = {column.name for column in columns}
        file = descriptor.file
        return cls(
            tuple(dict.fromkeys(entry.name for entry in others if entry.name not in taken)),
            file.quote or QUOTE,
            tuple(file.missing or ()),
            file.header is not False,
            file.delimiter,
            file.encoding,
        )

    def to_document(self) -> dict[str, Any]:
        return asdict(self) | {"unused": list(self.unused), "missing": list(self.missing)}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        """Versions made before the dialect was stored have neither header, delimiter nor encoding."""
        return cls(**document | {"unused": tuple(document["unused"]), "missing": tuple(document["missing"])})


@dataclass(frozen=True)
class TableInput:
    """Converts rows of a table to a network input: the encoded columns, concatenated in order."""

    shape: Shape
    scaling: Scaling
    columns: tuple[FittedColumn, ...]
    posted: PostedTable = PostedTable()

    @classmethod
    def fit(
        cls, spec: InputSpec, columns: tuple[Column, ...], table: Mapping[str, ColumnValues], posted: PostedTable
    ) -> Self:
        """Fit to the training rows of a table."""
        fitted = tuple(FittedColumn.fit(column, table[column.name], spec.scaling) for column in columns)
        return cls(spec.shape, spec.scaling, fitted, posted)

    def continued(self, table: Mapping[str, ColumnValues], descriptor: DatasetDescriptor) -> Self:
        """The input for a training that continues on the rows of another table, which has these columns.

        Rows are encoded as before. The formats and the other columns are those of the new table.
        """
        formats = {entry.name: entry.format for entry in descriptor.inputs}
        columns = tuple(column.continued(table[column.name], formats[column.name]) for column in self.columns)
        posted = PostedTable.of(descriptor, tuple(column.to_column() for column in columns))
        return replace(self, columns=columns, posted=posted)

    def complete(self, spec: InputSpec) -> InputSpec:
        """The input of a spec with the columns and the scaling of this one."""
        if spec.columns is None:
            return replace(spec, scaling=self.scaling)
        return replace(spec, scaling=self.scaling, columns=tuple(column.to_column() for column in self.columns))

    def csv_columns(self) -> CsvColumns:
        """The columns of a file of rows."""
        posted = self.posted
        return CsvColumns(
            tuple(column.name for column in self.columns),
            posted.unused,
            posted.quote,
            header=posted.header,
            delimiter=posted.delimiter,
            encoding=posted.encoding,
        )

    @property
    def types(self) -> dict[str, str]:
        """The types of the columns by name."""
        return {column.name: column.type for column in self.columns}

    def transform(self, table: Mapping[str, ColumnValues]) -> np.ndarray:
        """Raw columns by name as a network input: float32, (rows, *shape)."""
        ends = np.cumsum([column.width for column in self.columns]).tolist()
        encoded: np.ndarray | None = None
        for column, end in zip(self.columns, ends, strict=True):
            values = table[column.name]
            if encoded is None:
                encoded = aligned_empty((len(values), ends[-1]), np.float32)
                encoded.fill(0)
            column.encode(values, encoded[:, end - column.width : end])
        assert encoded is not None
        return encoded.reshape(len(encoded), *self.shape)

    def read(
        self,
        instances: list | np.ndarray | TableColumns,
        place: Place,
        allowance: Allowance,
        ignores_extra: bool = False,
    ) -> tuple[np.ndarray, list[dict[str, Any]]]:
        """Posted rows, objects by column name or lists in column order, or the columns of a file, as a network input,
        and warnings.

        Raises InvalidInstances, naming rows and columns, also unknown columns unless `ignores_extra`; Excessive,
        TookTooLong. Null, NaN in an array, and omitted values are missing.
        """
        if isinstance(instances, np.ndarray):
            allowance.take_numbers(instances.size)
            is_numeric = instances.dtype.kind in "iuf"
            read = self.read_numbers(instances.astype(np.float64)) if is_numeric else None
            if read is not None:
                return read
        instances = self.list_rows(instances, allowance)
        table = self.read_raw(instances, place, allowance, ignores_extra)
        return self._finish(table, self.find_extra(instances, ignores_extra))

    def list_rows(self, instances: list | np.ndarray | TableColumns, allowance: Allowance) -> list | TableColumns:
        """Posted rows as a list, whose cells are allowed, as those of a file are already. Raises Excessive."""
        if isinstance(instances, TableColumns):
            return instances
        if isinstance(instances, np.ndarray):
            allowance.take_cells(instances.size)
            return _list_rows(instances)
        allowance.take_cells(len(instances) * len(self.columns))
        return instances

    def read_raw(
        self, posted: list | TableColumns, place: Place, allowance: Allowance, ignores_extra: bool = False
    ) -> dict[str, ColumnValues]:
        """Posted rows, or the columns of a file, as raw columns by name. Raises InvalidInstances, TookTooLong."""
        if isinstance(posted, TableColumns):
            return self._convert_file(posted, allowance)
        rows, faults = self._cells(posted, place, ignores_extra)
        table: dict[str, ColumnValues] = {}
        invalid: list[tuple[int, int]] = []
        for index, column in enumerate(self.columns):
            allowance.check_time()
            values = [self._read_cell(row[index], column) for row in rows]
            table[column.name], wrong = read_values(column, values)
            invalid += ((row, index) for row in wrong)
        for row, index in sorted(invalid)[:MAX_FAULTS]:
            column = self.columns[index]
            key = column.name if isinstance(posted[row], dict) else index
            value = self._read_cell(rows[row][index], column)
            faults.append(find_cell_fault(column, row, value, place.pointer(row, (key,))))
        if faults:
            raise InvalidInstances(*_first(faults))
        return table

    def find_extra(self, posted: list | TableColumns, ignores_extra: bool) -> Sequence[str]:
        """The unknown columns of posted rows, or of a file, which are ignored."""
        if isinstance(posted, TableColumns):
            return posted.extra
        if not ignores_extra:
            return ()
        return self.csv_columns().find_extra(chain.from_iterable(row for row in posted if isinstance(row, dict)))

    def _convert_file(self, posted: TableColumns, allowance: Allowance) -> dict[str, ColumnValues]:
        columns: dict[str, PostedColumn] = {}
        for column in self.columns:
            values = posted.columns.get(column.name, [None] * posted.rows)
            if isinstance(values, list):
                values = [self._read_cell(value, column) for value in values]
            columns[column.name] = values
        return self.convert(columns, allowance)

    def read_numbers(self, values: np.ndarray) -> tuple[np.ndarray, list[dict[str, Any]]] | None:
        """Posted rows of numbers (float64), NaN if missing, as a network input, and warnings; None if they don't fit,
        or if columns hold anything else."""
        plain = all(column.type == "number" for column in self.columns)
        if not plain or values.shape[1:] != (len(self.columns),):
            return None
        if np.fmax.reduce(np.abs(values), axis=None, initial=0) > FLOAT32_MAX:
            return None
        return self._finish({column.name: values[:, index] for index, column in enumerate(self.columns)})

    def _finish(
        self, table: dict[str, ColumnValues], extra: Sequence[str] = ()
    ) -> tuple[np.ndarray, list[dict[str, Any]]]:
        """Raw columns as a network input, and warnings about them and about the ignored columns."""
        ignored = [warn_of_extra(extra)] if extra else []
        return self.transform(table), [*ignored, *self.find_warnings(table)][:MAX_WARNINGS]

    def find_warnings(self, table: Mapping[str, ColumnValues]) -> list[dict[str, Any]]:
        """At most 100 warnings about raw columns by name, sorted by row."""
        odd = [
            (row, index, kind)
            for index, column in enumerate(self.columns)
            for row, kind in _find_odd_rows(column, table[column.name])
        ]
        found = ((row, self.columns[index], kind) for row, index, kind in sorted(odd)[:MAX_WARNINGS])
        return [_warning(column, table[column.name], row, kind) for row, column, kind in found]

    def read_columns(self, columns: Mapping[str, list | np.ndarray], allowance: Allowance) -> np.ndarray:
        """Posted columns by name as a network input: lists with None where a value is missing, or valid numbers
        (float64) with NaN there.

        Raises InvalidInstances, naming rows and columns; TookTooLong.
        """
        return self.transform(self.convert(columns, allowance))

    def convert(self, columns: Mapping[str, PostedColumn], allowance: Allowance) -> dict[str, ColumnValues]:
        """Posted columns with their values as in a dataset; raises InvalidInstances, TookTooLong."""
        table: dict[str, ColumnValues] = {}
        invalid: list[tuple[int, int]] = []
        for index, column in enumerate(self.columns):
            allowance.check_time()
            table[column.name], wrong = read_values(column, columns[column.name])
            invalid += ((row, index) for row in wrong)
        if invalid:
            found = ((row, self.columns[index]) for row, index in sorted(invalid)[:MAX_FAULTS])
            raise InvalidInstances(
                *(find_cell_fault(column, row, _posted_value(columns[column.name], row)) for row, column in found)
            )
        return table

    def _cells(self, instances: list, place: Place, ignores_extra: bool) -> tuple[list[list], list[Fault]]:
        """The rows' values in the order of the columns, without rows that are invalid as a whole; and the faults, at
        least the first MAX_FAULTS."""
        names = [column.name for column in self.columns]
        known, nothing = {*names, *self.posted.unused}, [None] * len(names)
        rows: list[list] = []
        faults: list[Fault] = []
        for number, row in enumerate(instances):
            if isinstance(row, dict):
                rows.append([row.get(name) for name in names])
                if not ignores_extra and len(faults) < MAX_FAULTS and not known.issuperset(row):
                    faults += _find_unknown_columns(row, number, names, known, place)
            elif isinstance(row, list) and len(row) == len(names):
                rows.append(row)
            else:
                rows.append(nothing)
                if len(faults) < MAX_FAULTS:
                    faults.append(_find_row_fault(row, number, names, place))
        return rows, faults

    def _read_cell(self, value: object, column: FittedColumn) -> object:
        """A value, or the text of a CSV cell, without white space unless a category has some; None if missing.

        A category of the training rows stays that category even if it looks like a missing value.
        """
        if not isinstance(value, CsvCell) or value in column.known:
            return value
        text = CsvCell(value.strip(WHITE_SPACE))
        missing = text in MISSING or text in self.posted.missing or (column.type not in TEXTS and text in LOOSE)
        return None if missing and text not in column.known else text

    def to_document(self) -> dict[str, Any]:
        columns = [column.to_document() for column in self.columns]
        document = {"type": "table", "shape": list(self.shape), "scaling": self.scaling.value, "columns": columns}
        return document | {"posted": self.posted.to_document()}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        columns = tuple(FittedColumn.from_document(column) for column in document["columns"])
        posted = PostedTable.from_document(document["posted"]) if "posted" in document else PostedTable()
        return cls(tuple(document["shape"]), Scaling(document["scaling"]), columns, posted)


def _list_rows(rows: np.ndarray) -> list:
    """The rows of an array as lists, with None instead of NaN."""
    values = rows.astype(object)
    if rows.dtype.kind == "f":
        values[np.isnan(rows)] = None
    return values.tolist()


def _first(faults: list[Fault]) -> list[Fault]:
    """The faults that an error names: those of the first rows."""
    return sorted(faults, key=lambda fault: fault.row or 0)[:MAX_FAULTS]


def _find_unknown_columns(
    row: dict[str, Any], number: int, names: list[str], known: set[str], place: Place
) -> Iterator[Fault]:
    for unknown in islice((name for name in row if name not in known), MAX_FAULTS):
        fault = unknown_name(unknown, tuple(names), place.pointer(number, (unknown,)), "column")
        yield replace(fault, detail=f"Row {number}: {fault.detail}", row=number, column=unknown)


def _find_row_fault(row: object, number: int, names: list[str], place: Place) -> Fault:
    """The fault of a row that is neither an object nor a list with one value per column."""
    if isinstance(row, list):
        has, wanted = count_of(len(row), "value"), count_of(len(names), "column")
        detail = f"Row {number} has {has}; expected one for each of {wanted}: {', '.join(names[:20])}."
    else:
        detail = f"Row {number} is {name_type(row)}; expected an object by column name, or a list."
    return Fault(detail, place.pointer(number), row=number)


def _posted_value(values: PostedColumn, row: int) -> object:
    """A value of a list; other columns were checked when they were read."""
    return values[row] if isinstance(values, list) else None


def warn_of_extra(names: Sequence[str]) -> dict[str, Any]:
    """The warning about unknown columns, of which the first are named."""
    shown = ", ".join(f'"{name[:100]}"' for name in names[:MAX_FAULTS])
    more = f" and {len(names) - MAX_FAULTS} more" if len(names) > MAX_FAULTS else ""
    columns = "1 unknown column was ignored" if len(names) == 1 else f"{len(names):,} unknown columns were ignored"
    return {"row": None, "column": None, "type": "ignored_columns", "detail": f"{columns}: {shown}{more}."}


def _find_odd_rows(column: FittedColumn, values: ColumnValues) -> Iterator[tuple[int, str]]:
    """The first rows, at most MAX_WARNINGS of each kind, whose usable values deserve a warning: they are missing or
    unlike the training rows."""
    missing = is_missing(values)
    kinds = {"missing": missing}
    if isinstance(values, Texts):
        # -1, the code of a missing value, selects the last entry
        kinds["unseen_category"] = np.array([*(name not in column.seen for name in values.names), False])[values.codes]
    elif column.type in ("number", "date"):
        numbers = column.to_numbers(values)
        kinds["out_of_range"] = (numbers < column.minimum) | (numbers > column.maximum)
    for kind, rows in kinds.items():
        for row in np.flatnonzero(rows)[:MAX_WARNINGS].tolist():
            yield row, kind


def _warning(column: FittedColumn, values: ColumnValues, row: int, kind: str) -> dict[str, Any]:
    if kind == "missing":
        detail = f'"{column.name}" is missing: {_replacement(column)}.'
    elif isinstance(values, Texts):
        detail = f'"{values.names[values.codes[row]]}" isn\'t in the training rows.'
    else:
        bounds = f"the training rows lie between {column.show(column.minimum)} and {column.show(column.maximum)}"
        shown = column.show(float(column.to_numbers(values[row : row + 1])[0]))
        detail = f"{shown} is out of range: {bounds}."
    return {"row": row, "column": column.name, "type": kind, "detail": detail}


def _replacement(column: FittedColumn) -> str:
    if column.type == "category":
        if column.usual is None:
            return "it is encoded as an unseen category"
        return f'the training rows\' most frequent category, "{column.usual}", is used'
    if column.missing is Missing.ZERO:
        return "0 is used"
    statistic = (column.missing or Missing.MEDIAN).value.replace("_", " ") + " value" * (
        column.missing is Missing.MOST_FREQUENT
    )
    return f"the training rows' {statistic}, {column.show(column.fill)}, is used"
