"""From a dataset's descriptor to the inputs of a model that names the dataset in its spec."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeVar

from models.dataset_descriptor import DatasetDescriptor, InputDescriptor
from models.errors import Fault, InvalidData
from models.preprocessing.missing import choose_missing
from models.spec import SINGLE_INPUT, Column, InputSpec, Scaling
from models.tabular.describing import TEXT
from models.text_options import TextOptions

BYTE, UPPER_HALF = 255, 128
"""The largest byte, and the smallest with the highest bit set."""
Found = TypeVar("Found")
OWN_SCALING = ("Embedding", "Normalization", "Rescaling")
"""Layers that expect unscaled numbers."""


def inputs_from_dataset(
    descriptor: DatasetDescriptor,
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
    if descriptor.is_table:
        incomplete = frozenset(entry.name for entry in descriptor.inputs if entry.missing)
        columns = choose_missing(table_columns(descriptor), missing, indicator, incomplete)
        shape = (sum(column.width for column in columns),)
        return {SINGLE_INPUT: InputSpec(shape, Scaling(scaling or Scaling.STANDARD), columns, name)}
    own = any(layer in OWN_SCALING for layer in layers)
    return {
        entry.name: InputSpec(
            tuple(entry.shape),
            Scaling(scaling or (Scaling.NONE if own else _usual_scaling(descriptor.kind, entry))),
            dataset=name,
        )
        for entry in descriptor.inputs
    }


def _usual_scaling(kind: str, entry: InputDescriptor) -> Scaling:
    bytes_ = entry.min >= 0 and UPPER_HALF <= entry.max <= BYTE
    return Scaling.UNIT if kind in ("image", "video") and bytes_ else Scaling.STANDARD


def named_input_from_dataset(
    descriptor: DatasetDescriptor,
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
    if descriptor.is_table:
        if not alone:
            detail = f'The dataset "{dataset}" is a table, which is one input: a model for it can have no other input.'
            raise InvalidData(Fault(detail))
        return inputs[SINGLE_INPUT]
    if name not in inputs:
        raise InvalidData(Fault(f'The dataset "{dataset}" has no input "{name}".', allowed=tuple(inputs)))
    return inputs[name]


def by_input(names: Collection[str], found: Mapping[str, Found]) -> dict[str, Found]:
    """What a dataset that isn't a table has for the inputs of a network: by name. A network's single input takes the
    dataset's single one, whatever the names of both: a network from a file keeps the name of its input."""
    if len(names) == len(found) == 1:
        return dict(zip(names, found.values(), strict=True))
    return dict(found)


def table_columns(descriptor: DatasetDescriptor) -> tuple[Column, ...]:
    """The columns of a table that become one vector, in order: all but those of texts."""
    return tuple(_table_column(entry) for entry in descriptor.inputs if entry.type != TEXT)


def text_columns(descriptor: DatasetDescriptor) -> tuple[str, ...]:
    """The names of a table's columns of texts, in order."""
    return tuple(entry.name for entry in descriptor.inputs if entry.type == TEXT)


def text_from_dataset(options: TextOptions, dataset: str) -> InputSpec:
    """The input of a model that takes texts of a dataset, which find_text_faults has accepted."""
    return InputSpec(options.shape, Scaling.NONE, dataset=dataset, text=options)


def _table_column(entry: InputDescriptor) -> Column:
    if entry.type == "category":
        return Column(entry.name, "category", tuple(entry.categories or ()))
    if entry.type == "date":
        return Column(entry.name, "date", parts=tuple(entry.parts or ()), format=entry.format)
    return Column(entry.name, entry.type, format=entry.format)
