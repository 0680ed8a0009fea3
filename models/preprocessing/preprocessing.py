"""The preprocessing of all inputs of a network, fitted to a dataset's training rows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any, Self

import numpy as np

from models.allowance import Allowance
from models.datasets import Dataset, Split
from models.errors import Fault, InvalidData, InvalidInstances
from models.limits import Limits
from models.memory import aligned_empty
from models.preprocessing.missing import choose_missing
from models.preprocessing.posted import CsvText, Instances, JsonNumbers, NamedFile
from models.preprocessing.shared_table import SharedTable
from models.preprocessing.table_input import MAX_WARNINGS, PostedTable, TableInput
from models.preprocessing.tensor_input import TensorInput
from models.preprocessing.text_input import TEXTS_AT_ONCE, TextInput
from models.spec import SINGLE_INPUT, Column, InputSpec, NetworkSpec, Scaling
from models.suggestions import unknown_name
from models.tabular.csv_instances import read_csv_instances
from models.tabular.describing import TEXT
from models.text_options import TextOptions
from models.values.tensors import KINDS, MAX_FAULTS, Place, name_type

INSTANCES = Place(("instances",))
NOT_JSON = Place(None)


BYTE, UPPER_HALF = 255, 128
"""The largest byte, and the smallest with the highest bit set."""
OWN_SCALING = ("Embedding", "Normalization", "Rescaling")
"""Layers that expect unscaled numbers."""


def inputs_from_dataset(
    descriptor: dict[str, Any],
    name: str,
    scaling: str | None = None,
    layers: Iterable[str] = (),
    missing: Any = None,
    indicator: Any = None,
) -> dict[str, InputSpec]:
    """The inputs of a model with `{"dataset": name}` in its spec, from the dataset's descriptor.

    A table is one input, whose size is the sum of its columns' widths; other datasets have their own shapes. The
    default of `scaling` for images and video is `unit` if their numbers are bytes (none below 0 or above 255, some
    above 127), and `standard` for everything else; but it is `none`, except for tables, if one of the types in `layers`
    expects unscaled numbers. `missing` and `indicator` are `missing` and `missing_indicator` as find_missing_faults
    accepted them.
    """
    if descriptor["kind"] == "table":
        incomplete = frozenset(entry["name"] for entry in descriptor["inputs"] if entry["missing"])
        columns = choose_missing(table_columns(descriptor), missing, indicator, incomplete)
        shape = (sum(column.width for column in columns),)
        return {SINGLE_INPUT: InputSpec(shape, Scaling(scaling or Scaling.STANDARD), columns, name)}
    own = any(layer in OWN_SCALING for layer in layers)
    return {
        entry["name"]: InputSpec(
            tuple(entry["shape"]),
            Scaling(scaling or (Scaling.NONE if own else _usual_scaling(descriptor["kind"], entry))),
            dataset=name,
        )
        for entry in descriptor["inputs"]
    }


def _usual_scaling(kind: str, entry: dict[str, Any]) -> Scaling:
    bytes_ = entry["min"] >= 0 and UPPER_HALF <= entry["max"] <= BYTE
    return Scaling.UNIT if kind in ("image", "video") and bytes_ else Scaling.STANDARD


def named_input_from_dataset(
    descriptor: dict[str, Any],
    dataset: str,
    name: str,
    alone: bool,
    scaling: str | None = None,
    layers: Iterable[str] = (),
    missing: Any = None,
    indicator: Any = None,
) -> InputSpec:
    """The input `name` of a model with `{"dataset": …}` in its spec: the dataset's input of the same name.

    If it is the model's only input, it may be a table. Raises InvalidData with a fault without a pointer.
    """
    inputs = inputs_from_dataset(descriptor, dataset, scaling, layers, missing, indicator)
    if descriptor["kind"] == "table":
        if not alone:
            detail = f'The dataset "{dataset}" is a table, which is one input: a model for it can have no other input.'
            raise InvalidData(Fault(detail))
        return inputs[SINGLE_INPUT]
    if name not in inputs:
        raise InvalidData(Fault(f'The dataset "{dataset}" has no input "{name}".', allowed=tuple(inputs)))
    return inputs[name]


def table_columns(descriptor: dict[str, Any]) -> tuple[Column, ...]:
    """The columns of a table that become one vector, in order: all but those of texts."""
    return tuple(_table_column(entry) for entry in descriptor["inputs"] if entry["type"] != TEXT)


def text_columns(descriptor: dict[str, Any]) -> tuple[str, ...]:
    """The names of a table's columns of texts, in order."""
    return tuple(entry["name"] for entry in descriptor["inputs"] if entry["type"] == TEXT)


def text_input(options: TextOptions, dataset: str) -> InputSpec:
    """The input of a model that takes texts of a dataset, which find_text_faults has accepted."""
    return InputSpec(options.shape, Scaling.NONE, dataset=dataset, text=options)


def _table_column(entry: dict[str, Any]) -> Column:
    if entry["type"] == "category":
        return Column(entry["name"], "category", tuple(entry["categories"]))
    if entry["type"] == "date":
        return Column(entry["name"], "date", parts=tuple(entry["parts"]), format=entry["format"])
    return Column(entry["name"], entry["type"], format=entry.get("format"))


@dataclass(frozen=True)
class Preprocessing:
    """Converts raw rows to network inputs, by the names of the inputs."""

    inputs: dict[str, TensorInput | TableInput | TextInput]

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
        tensors, kind = training.tensors or {}, dataset.descriptor["kind"]
        kinds = {name: kind if len(tensors) == 1 else KINDS[values.ndim - 1] for name, values in tensors.items()}
        fills = {entry["name"]: entry.get("fill") for entry in dataset.descriptor["inputs"]}
        return cls(
            {
                name: TensorInput.fit(input_, tensors[name], kinds[name], fills[name])
                for name, input_ in spec.inputs.items()
            }
        )

    def continued(self, spec: NetworkSpec, dataset: Dataset) -> "Preprocessing":
        """The preprocessing of a network that continues on another dataset, which check_kept has accepted.

        Rows are encoded and scaled as before. Formats of dates and numbers are those of the other dataset.
        """
        training = dataset.split("train")
        table, tensors = training.table or {}, training.tensors or {}
        return Preprocessing(
            {
                name: input_.continued(table, dataset.descriptor)
                if not isinstance(input_, TensorInput)
                else input_.continued(spec.inputs[name].shape, tensors[name].shape[1:])
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
        table, tensors = split.table or {}, split.tensors or {}
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

    @property
    def table(self) -> TableInput | None:
        """What reads posted rows of a table; None if the inputs are tensors."""
        if self.shared is not None:
            return self.shared.reader
        first = next(iter(self.inputs.values()))
        return first if isinstance(first, TableInput) else None

    def read_instances(
        self, instances: Instances, allowance: Allowance | None = None
    ) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
        """Posted instances as network inputs, and at most 100 warnings (`row`, `column`, `type`, `detail`).

        With one input an instance is its row; with several it is an object of rows by input. Raises InvalidInstances,
        naming row and column; Excessive and TookTooLong if the instances exceed the allowance.
        """
        allowance = allowance or Allowance()
        if not isinstance(instances, Instances):
            raise InvalidInstances(Fault(f"Expected a list, not {name_type(instances)}.", INSTANCES.whole))
        if not isinstance(instances, CsvText):
            allowance.take_rows(len(instances))
        if isinstance(instances, JsonNumbers):
            read = self._read_numbers(instances.values)
            if read is not None:
                return read
            instances = instances.read_again()
        json = isinstance(instances, list) and {bytes, NamedFile}.isdisjoint(map(type, instances))
        place = INSTANCES if json else NOT_JSON
        if len(self.inputs) > 1 and place is NOT_JSON and self.shared is None:
            detail = f"The model has the inputs {self._names()}: post JSON, with one object of them per instance."
            raise InvalidInstances(Fault(detail, pointer="#"))
        rows = self._read_csv(instances, allowance) if isinstance(instances, CsvText) else instances
        if not len(rows):
            raise InvalidInstances(Fault("There are no instances.", place.whole or "#"))
        if self.shared is not None:
            return self.shared.read(rows, place, allowance)
        if self._are_named(rows):
            return self._read_named(list(rows), allowance)
        ((name, input_),) = self._readers.items()
        values, warnings = input_.read(rows, place, allowance)
        return {name: values}, warnings[:MAX_WARNINGS]

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
        allowance = Allowance.for_blocks(Limits())
        if self.shared is not None:
            raise InvalidInstances(Fault("The model takes texts of a table: send rows by column instead of arrays."))
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

    def _read_named(self, rows: list, allowance: Allowance) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
        """The rows of every input; the faults of all inputs are reported together."""
        self._check_names(rows)
        inputs: dict[str, np.ndarray] = {}
        warnings: list[dict[str, Any]] = []
        faults: list[Fault] = []
        for name, input_ in self._readers.items():
            place = Place(INSTANCES.above, (name,))
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

    def _read_csv(self, text: CsvText, allowance: Allowance) -> list[Any]:
        table = None if self.table is None else self.table.csv_columns()
        rows = read_csv_instances(text.data, table, text.encoding, allowance)
        allowance.take_rows(len(rows))
        return rows

    def _check_names(self, instances: list) -> None:
        """Raise InvalidInstances unless every instance is an object that has exactly the inputs."""
        faults = (fault for row, value in enumerate(instances) for fault in self._find_name_faults(row, value))
        found = list(islice(faults, MAX_FAULTS))
        if found:
            raise InvalidInstances(*found)

    def _find_name_faults(self, row: int, value: object) -> Iterator[Fault]:
        if not isinstance(value, dict):
            detail = f"Row {row} is {name_type(value)}; expected an object with {self._names()}."
            yield Fault(detail, INSTANCES.pointer(row), row=row)
            return
        for name in self.inputs:
            if name not in value:
                yield Fault(f'Row {row} has no "{name}".', INSTANCES.pointer(row, (name,)), row=row, column=name)
        for name in value:
            if name not in self.inputs:
                fault = unknown_name(name, tuple(self.inputs), INSTANCES.pointer(row, (name,)), "input")
                yield replace(fault, detail=f"Row {row}: {fault.detail}", row=row, column=name)

    def to_document(self) -> dict[str, Any]:
        """As JSON: an object by input."""
        return {name: input_.to_document() for name, input_ in self.inputs.items()}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        return cls({name: TYPES[input_["type"]].from_document(input_) for name, input_ in document.items()})


TYPES: dict[str, type[TensorInput] | type[TableInput] | type[TextInput]] = {
    "tensor": TensorInput, "table": TableInput, "text": TextInput,
}  # fmt: skip
"""The kinds of inputs, by the `type` in their documents."""


def _fit_table_input(spec: InputSpec, training: Split, descriptor: dict[str, Any]) -> TableInput | TextInput:
    """An input that takes columns of a table, fitted to its training rows."""
    if spec.text is not None:
        column = spec.text.column
        texts = (page.texts(column) for page in training.pages(TEXTS_AT_ONCE))
        return TextInput.fit(spec.text, texts, PostedTable.of(descriptor, (Column(column, TEXT),)))
    own = table_columns(descriptor)
    written = {column.name: column.format for column in own}
    columns = tuple(replace(column, format=written[column.name]) for column in spec.columns or own)
    return TableInput.fit(spec, columns, training.table or {}, PostedTable.of(descriptor, columns))
