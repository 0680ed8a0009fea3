"""The preprocessing of all inputs of a network, fitted to a dataset's training rows."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any, Self, TypeVar

import numpy as np

from models.allowance import Allowance
from models.dataset_descriptor import DatasetDescriptor
from models.datasets import Dataset, Split
from models.errors import Fault, InvalidInstances
from models.limits import Limits
from models.memory import aligned_empty
from models.preprocessing.dataset_inputs import by_input, table_columns
from models.preprocessing.posted import B64, CsvText, Instances, JsonNumbers, NamedFile, TableFile
from models.preprocessing.posted_files import read_table_file
from models.preprocessing.shared_table import SharedTable
from models.preprocessing.table_input import MAX_WARNINGS, PostedTable, TableInput
from models.preprocessing.tensor_input import TensorInput
from models.preprocessing.text_input import TEXTS_AT_ONCE, TextInput
from models.preprocessing.window_rows import WindowRows
from models.spec import SINGLE_INPUT, Column, InputSpec, NetworkSpec
from models.suggestions import unknown_name
from models.tabular.csv_instances import names_columns, read_csv_instances
from models.tabular.describing import TEXT
from models.tabular.posted_parquet import TableColumns
from models.values.tensors import KINDS, MAX_FAULTS, Place, Shape, name_type

INSTANCES = Place(("instances",))
NOT_JSON = Place(None)

Kind = TypeVar("Kind", bound=Instances)


@dataclass(frozen=True)
class SeriesInputs:
    """A network's inputs by name (rows first), one row for each series; `labels` says which, as in predictions."""

    inputs: dict[str, np.ndarray]
    labels: list[dict[str, Any]]
    warnings: list[dict[str, Any]]


@dataclass(frozen=True)
class Preprocessing:
    """Converts raw rows to network inputs, by the names of the inputs."""

    inputs: dict[str, TensorInput | TableInput | TextInput]

    @cached_property
    def rows(self) -> WindowRows | None:
        """For sequences from a table: how rows of the table become sequences."""
        inputs = list(self.inputs.values())
        return inputs[0].rows if len(inputs) == 1 and isinstance(inputs[0], TensorInput) else None

    @classmethod
    def fit(cls, spec: NetworkSpec, dataset: Dataset) -> Self:
        """Fit to the training rows of a dataset that check_fit has accepted.

        A table of numbers also fits a network with a plain shape: its columns are then used in order. The formats of
        dates and numbers are this dataset's, whichever dataset the network's columns come from.
        """
        training = dataset.split("train")
        if training.table is not None:
            descriptor = dataset.descriptor
            return cls({name: _fit_table_input(input_, training, descriptor) for name, input_ in spec.inputs.items()})
        tensors, kind = by_input(spec.inputs, training.tensors or {}), dataset.descriptor.kind
        kinds = {name: kind if len(tensors) == 1 else KINDS[values.ndim - 1] for name, values in tensors.items()}
        fills = by_input(spec.inputs, {entry.name: entry.fill for entry in dataset.descriptor.inputs})
        rows = WindowRows.of(dataset.descriptor)
        scaled = None if rows is None else rows.window.scaled
        return cls(
            {
                name: replace(TensorInput.fit(input_, tensors[name], kinds[name], fills[name], scaled), rows=rows)
                for name, input_ in spec.inputs.items()
            }
        )

    def continued(self, spec: NetworkSpec, dataset: Dataset) -> "Preprocessing":
        """The preprocessing of a network that continues on another dataset, which check_kept has accepted.

        Rows are encoded and scaled as before. Formats of dates and numbers are those of the other dataset.
        """
        training = dataset.split("train")
        table, tensors = training.table or {}, by_input(self.inputs, training.tensors or {})
        return Preprocessing(
            {
                name: _continue(input_, spec.inputs[name].shape, tensors[name].shape[1:], dataset.descriptor)
                if isinstance(input_, TensorInput)
                else input_.continued(table, dataset.descriptor)
                for name, input_ in self.inputs.items()
            }
        )

    def named(self, spec: NetworkSpec) -> Self:
        """The preprocessing with the network's name of its input, if there is only one."""
        if len(self.inputs) > 1 or len(spec.inputs) > 1:
            return self
        return replace(self, inputs=dict(zip(spec.inputs, self.inputs.values(), strict=True)))

    def ordered(self, spec: NetworkSpec) -> Self:
        """The preprocessing with its inputs in the order of the network's."""
        return replace(self, inputs={name: self.inputs[name] for name in spec.inputs})

    def complete(self, spec: NetworkSpec) -> NetworkSpec:
        """The spec with the scaling and the columns of this preprocessing, where it has the input."""
        known = {name: self.inputs[name].complete(spec.inputs[name]) for name in self.inputs}
        return replace(spec, inputs=spec.inputs | known)

    def network_inputs(self, split: Split) -> dict[str, np.ndarray]:
        """A split's rows as network inputs: float32, rows first, by input."""
        table, tensors = split.table or {}, by_input(self.inputs, split.tensors or {})
        if self.shared is not None and len(split.rows) > TEXTS_AT_ONCE:
            return self._transform_pages(split)
        return {
            name: input_.transform(tensors[name]) if isinstance(input_, TensorInput) else input_.transform(table)
            for name, input_ in self.inputs.items()
        }

    def _transform_pages(self, split: Split) -> dict[str, np.ndarray]:
        """As `network_inputs`, without all texts of the split in memory."""
        inputs = {
            name: aligned_empty((len(split.rows), *input_.shape), np.float32) for name, input_ in self.inputs.items()
        }
        start = 0
        for page in split.pages(TEXTS_AT_ONCE):
            for name, values in self.network_inputs(page).items():
                inputs[name][start : start + len(values)] = values
            start += len(page.rows)
        return inputs

    @cached_property
    def shared(self) -> SharedTable | None:
        """The table that the inputs take columns of, if one of them takes texts."""
        inputs = {name: input_ for name, input_ in self.inputs.items() if not isinstance(input_, TensorInput)}
        return SharedTable(inputs) if any(isinstance(input_, TextInput) for input_ in inputs.values()) else None

    @cached_property
    def _readers(self) -> dict[str, TensorInput | TableInput]:
        """The inputs that read their own part of posted rows; none if a shared table reads whole rows."""
        own = {name: input_ for name, input_ in self.inputs.items() if not isinstance(input_, TextInput)}
        return own if self.shared is None else {}

    def read_instances(
        self, instances: Instances, allowance: Allowance | None = None, *, ignores_extra: bool = False
    ) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
        """Posted instances as network inputs, and at most 100 warnings (`row`, `column`, `type`, `detail`).

        With one input an instance is its row; with several it is an object of rows by input. Unknown columns of a
        table are refused unless `ignores_extra`. Raises InvalidInstances, naming row and column; Excessive and
        TookTooLong if the instances exceed the allowance.
        """
        allowance = allowance or Allowance()
        if isinstance(instances, JsonNumbers):
            allowance.take_rows(len(instances))
            read = self._read_numbers(instances.values)
            return read or self._read_posted(instances.read_again(), allowance, ignores_extra)
        if not isinstance(instances, Instances):
            raise InvalidInstances(Fault(f"Expected a list, not {name_type(instances)}.", INSTANCES.whole))
        instances = self._as_file(instances)
        if not isinstance(instances, CsvText | TableFile | TableColumns):
            allowance.take_rows(len(instances))
        return self._read_posted(instances, allowance, ignores_extra)

    def _read_posted(
        self,
        instances: list | np.ndarray | CsvText | TableFile | TableColumns,
        allowance: Allowance,
        ignores_extra: bool,
    ) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
        """As `read_instances`, for values of any kind."""
        json = isinstance(instances, list) and {bytes, NamedFile}.isdisjoint(map(type, instances))
        place = INSTANCES if json else NOT_JSON
        if len(self.inputs) > 1 and place is NOT_JSON and not isinstance(instances, TableFile) and self.shared is None:
            detail = f"The model has the inputs {self._names()}: post JSON, with one object of them per instance."
            raise InvalidInstances(Fault(detail, pointer="#"))
        rows = self._read_rows(instances, allowance, ignores_extra)
        if not len(rows):
            raise InvalidInstances(Fault("There are no instances.", place.whole or "#"))
        if self.shared is not None:
            return self.shared.read(rows, place, allowance, ignores_extra)
        ((name, input_), *_) = self._readers.items()
        if isinstance(input_, TableInput) and len(self.inputs) == 1:
            values, warnings = input_.read(rows, place, allowance, ignores_extra)
            return {name: values}, warnings[:MAX_WARNINGS]
        assert not isinstance(rows, TableColumns)  # only a table is read as one
        if self._are_named(rows):
            return self._read_named(list(rows), place, allowance)
        values, warnings = input_.read(rows, place, allowance)
        return {name: values}, warnings[:MAX_WARNINGS]

    def read_series(
        self, instances: Instances, allowance: Allowance, *, ignores_extra: bool = False
    ) -> SeriesInputs | None:
        """Posted rows of the table that the sequences come from, as one sequence for each series: its last rows.

        None if the instances aren't such rows, but sequences. Raises what `read_instances` raises.
        """
        if self.rows is None:
            return None
        rows = self._find_series_rows(self._as_file(instances), allowance, ignores_extra)
        if rows is None:
            return None
        sequences = self.rows.read(rows, INSTANCES if rows is instances else NOT_JSON, allowance, ignores_extra)
        return SeriesInputs(self.transform(sequences.values), sequences.labels, sequences.warnings)

    def _find_series_rows(
        self, instances: Instances, allowance: Allowance, ignores_extra: bool
    ) -> list | TableColumns | None:
        """The rows in instances that are rows of the table that the sequences come from; None if they are others."""
        assert self.rows is not None
        rows: Any = instances
        columns = replace(self.rows.table.csv_columns(), ignores_extra=ignores_extra)
        if isinstance(instances, CsvText):
            if not names_columns(instances.data, instances.encoding, columns):
                return None
            rows = read_csv_instances(instances.data, columns, instances.encoding, allowance)
        elif isinstance(instances, TableFile):
            rows = read_table_file(instances, columns, self.rows.table.types, allowance)
        (name,) = self.inputs
        is_table = isinstance(rows, list) and len(rows) > 0 and is_table_row(rows[0], name)
        return rows if is_table or isinstance(rows, TableColumns) else None

    @property
    def table(self) -> TableInput | None:
        """What reads rows of the dataset's table; None if the dataset wasn't one."""
        if self.rows is not None:
            return self.rows.table
        if self.shared is not None:
            return self.shared.reader
        (input_, *_) = self.inputs.values()
        return input_ if isinstance(input_, TableInput) else None

    def transform(self, sequences: np.ndarray) -> dict[str, np.ndarray]:
        """Raw sequences from a table (rows, steps, features) as network inputs: float32, rows first, by input."""
        return {
            name: input_.transform(sequences) for name, input_ in self.inputs.items() if isinstance(input_, TensorInput)
        }

    def _as_file(self, instances: Kind) -> Kind | TableFile:
        """A file that was posted in a form is an image for an input of images, and rows for every other."""
        if not (isinstance(instances, list) and instances and isinstance(instances[0], NamedFile)):
            return instances
        (input_, *_) = self.inputs.values()
        is_picture = isinstance(input_, TensorInput) and input_.picture is not None and self.rows is None
        if is_picture and len(self.inputs) == 1:
            return instances
        if len(instances) > 1:
            detail = f"There are {len(instances)} files of rows; send one."
            raise InvalidInstances(Fault(detail, pointer="#/file", file=instances[1].name))
        return TableFile(instances[0], name=instances[0].name)

    def _read_numbers(self, values: np.ndarray) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]] | None:
        """As `read_instances`, for rows of numbers only; None if they don't fit or need more work."""
        if len(self._readers) != 1:
            return None
        ((name, input_),) = self._readers.items()
        read = input_.read_numbers(values)
        return None if read is None else ({name: read[0]}, read[1])

    def read_arrays(self, arrays: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
        """As `read_instances`, for one array per input, by its name."""
        if arrays.keys() != self.inputs.keys():
            detail = f"The model has the inputs {self._names()}, not {', '.join(arrays)}."
            raise InvalidInstances(Fault(detail, allowed=tuple(self.inputs)))
        if self.shared is not None:
            raise InvalidInstances(Fault("The model takes texts of a table: send rows by column instead of arrays."))
        allowance = Allowance.for_blocks(Limits())
        read = {name: input_.read(arrays[name], NOT_JSON, allowance) for name, input_ in self._readers.items()}
        warnings = [warning for _, found in read.values() for warning in found]
        return {name: values for name, (values, _) in read.items()}, warnings[:MAX_WARNINGS]

    def find_warnings(self, split: Split) -> list[dict[str, Any]]:
        """The warnings about a split's rows, as for posted ones, by their index in the split."""
        table = split.table or {}
        if self.shared is not None:
            return self.shared.find_warnings(table)
        found = [input_.find_warnings(table) for input_ in self.inputs.values() if isinstance(input_, TableInput)]
        return [warning for warnings in found for warning in warnings]

    def _are_named(self, rows: list | np.ndarray) -> bool:
        """Whether instances are objects of rows by input; optional for a single input with a name of its own."""
        if len(self.inputs) > 1:
            return True
        ((name, input_),) = self.inputs.items()
        named = name != SINGLE_INPUT and isinstance(input_, TensorInput) and isinstance(rows, list)
        return named and all(isinstance(row, dict) and row.keys() == {name} for row in rows)

    def _read_named(
        self, rows: list, above: Place, allowance: Allowance
    ) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
        """The rows of every input; the faults of all inputs are reported together."""
        self._check_names(rows, above)
        inputs: dict[str, np.ndarray] = {}
        warnings: list[dict[str, Any]] = []
        faults: list[Fault] = []
        for name, input_ in self._readers.items():
            place = Place(above.above, (name,))
            try:
                inputs[name], found = input_.read([row[name] for row in rows], place, allowance)
            except InvalidInstances as error:
                faults += error.faults
            else:
                warnings += found
        if faults:
            raise InvalidInstances(*sorted(faults, key=lambda fault: fault.row or 0)[:MAX_FAULTS])
        return inputs, sorted(warnings, key=lambda warning: warning["row"])[:MAX_WARNINGS]

    def _names(self) -> str:
        return ", ".join(f'"{name}"' for name in self.inputs)

    def _read_rows(
        self,
        instances: list | np.ndarray | CsvText | TableFile | TableColumns,
        allowance: Allowance,
        ignores_extra: bool,
    ) -> list | np.ndarray | TableColumns:
        """The rows of instances that are a file; others as they are."""
        if not isinstance(instances, CsvText | TableFile):
            return instances
        table, types = None, {}
        if self.rows is None and self.table is not None:
            table, types = replace(self.table.csv_columns(), ignores_extra=ignores_extra), self.table.types
        if isinstance(instances, CsvText):
            rows: Any = read_csv_instances(instances.data, table, instances.encoding, allowance)
        else:
            rows = read_table_file(instances, table, types, allowance)
        if not isinstance(rows, TableColumns):
            allowance.take_rows(len(rows))
        return rows

    def _check_names(self, instances: list, place: Place) -> None:
        """Raise InvalidInstances unless every instance is an object that has exactly the inputs."""
        faults = (fault for row, value in enumerate(instances) for fault in self._find_name_faults(row, value, place))
        found = list(islice(faults, MAX_FAULTS))
        if found:
            raise InvalidInstances(*found)

    def _find_name_faults(self, row: int, value: object, place: Place) -> Iterator[Fault]:
        if not isinstance(value, dict):
            detail = f"Row {row} is {name_type(value)}; expected an object with {self._names()}."
            yield Fault(detail, place.pointer(row), row=row)
            return
        for name in self.inputs:
            if name not in value:
                yield Fault(f'Row {row} has no "{name}".', place.pointer(row, (name,)), row=row, column=name)
        for name in value:
            if name not in self.inputs:
                fault = unknown_name(name, tuple(self.inputs), place.pointer(row, (name,)), "input")
                yield replace(fault, detail=f"Row {row}: {fault.detail}", row=row, column=name)

    def to_document(self) -> dict[str, Any]:
        """As JSON: an object by input."""
        return {name: input_.to_document() for name, input_ in self.inputs.items()}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        inputs = {name: TYPES[input_["type"]].from_document(input_) for name, input_ in document.items()}
        for name, input_ in inputs.items():
            if isinstance(input_, TensorInput) and "rows" in document[name]:
                inputs[name] = replace(input_, rows=WindowRows.from_document(document[name]["rows"]))
        return cls(inputs)


TYPES: dict[str, type[TensorInput] | type[TableInput] | type[TextInput]] = {
    "tensor": TensorInput, "table": TableInput, "text": TextInput,
}  # fmt: skip
"""The kinds of inputs, by the `type` in their documents."""


def _fit_table_input(spec: InputSpec, training: Split, descriptor: DatasetDescriptor) -> TableInput | TextInput:
    """An input that takes columns of a table, fitted to its training rows."""
    if spec.text is not None:
        column = spec.text.column
        texts = (page.texts(column) for page in training.pages(TEXTS_AT_ONCE))
        return TextInput.fit(spec.text, texts, PostedTable.of(descriptor, (Column(column, TEXT),)))
    own = table_columns(descriptor)
    written = {column.name: column.format for column in own}
    columns = tuple(replace(column, format=written[column.name]) for column in spec.columns or own)
    return TableInput.fit(spec, columns, training.table or {}, PostedTable.of(descriptor, columns))


def _continue(input_: TensorInput, shape: Shape, raw: Shape, descriptor: DatasetDescriptor) -> TensorInput:
    rows = None if input_.rows is None else input_.rows.continued(descriptor)
    return replace(input_.continued(shape, raw), rows=rows)


def is_table_row(instance: object, name: str) -> bool:
    """Whether an instance is a row of a table by column, not an image, nor the row of the input `name`."""
    return isinstance(instance, dict) and instance.keys() not in ({B64}, {name})
