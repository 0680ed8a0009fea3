"""Checks whether a dataset fits a network, or a version, before a job is queued."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice, zip_longest
from typing import Any

from models.dataset_descriptor import DatasetDescriptor, TargetDescriptor
from models.errors import MOST_FAULTS, Fault, InvalidData, InvalidSpec
from models.graph import resolve
from models.preprocessing import Preprocessing
from models.preprocessing.dataset_inputs import by_input, table_columns, text_columns
from models.preprocessing.fitted_column import FittedColumn
from models.preprocessing.imported import takes_columns
from models.preprocessing.table_input import TableInput
from models.preprocessing.tensor_input import TensorInput
from models.preprocessing.text_input import TextInput
from models.spec import Column, InputSpec, NetworkSpec, Scaling, Task
from models.targets import (
    TargetEncoding,
    count_outputs,
    find_kind_problem,
    find_target_problem,
    find_unknown_classes,
    number_shape,
)
from models.text_options import OutputMode, TextOptions
from models.validation.texts import find_text_problem
from models.values.pointers import pointer_to
from models.values.tensors import Shape, shapes_fit
from models.version_differences import find_differences
from models.vocabulary import vocabularies

DATASET, MODEL, PREPROCESSING = "#/dataset", "#/model", "#/preprocessing"
REFIT_INSTEAD = 'To fit the preprocessing to the dataset instead, set `preprocessing` to "refit".'
MOST_NAMED = 20
"""The maximum of classes or columns that a sentence names."""


def check_fit(
    spec: NetworkSpec,
    output_shape: Shape,
    descriptor: DatasetDescriptor,
    layer: str | None = None,
    kept: TargetEncoding | None = None,
) -> None:
    """Raise InvalidData with all reasons why the network can't be trained on the dataset.

    `output_shape` is the shape of one row, without the batch; `descriptor` the dataset's (with its `name`, if it has
    one); `layer` the name of the last layer. With a `kept` encoding, the dataset may lack some of its classes. The
    faults point to `#/dataset` or `#/model`.
    """
    covered = kept is not None and kept.covers(descriptor.target)
    found = chain(
        _find_input_faults(spec, descriptor),
        _find_unknown_numbers(spec, descriptor),
        _find_kind_faults(spec, descriptor.target)
        if covered
        else _find_target_faults(spec, output_shape, descriptor.target, descriptor.name, layer),
    )
    faults = list(islice(found, MOST_FAULTS))
    if descriptor.splits["train"] == 0:
        faults.append(Fault(f"{_title(descriptor.name)} has no training rows.", DATASET))
    if faults:
        raise InvalidData(*faults)


def check_target(
    spec: NetworkSpec, output_shape: Shape, target: TargetDescriptor, dataset: str | None, layer: str | None = None
) -> None:
    """Raise InvalidSpec with all reasons why a network that is created for a dataset can't learn its target.

    As `check_fit`, but the faults point into the spec. `dataset` is the dataset's name.
    """
    last = len(spec.layers) - 1
    units = ("units",) if "units" in spec.layers[last].parameters else ()
    places = {DATASET: pointer_to("task"), MODEL: pointer_to("layers", last, *units)}
    faults = _find_target_faults(spec, output_shape, target, dataset, layer)
    if found := [replace(fault, pointer=places[fault.pointer or DATASET]) for fault in faults]:
        raise InvalidSpec(*found)


def check_kept(spec: NetworkSpec, preprocessing: Preprocessing, descriptor: DatasetDescriptor) -> None:
    """Raise InvalidData with all reasons why a network can't keep a version's preprocessing for a dataset that it fits.

    The faults point to `#/preprocessing`.
    """
    tables = {name: input_ for name, input_ in preprocessing.inputs.items() if not isinstance(input_, TensorInput)}
    if not tables and descriptor.is_table:
        tables = _find_bound_tensors(spec, preprocessing)
    mismatches = (fault.detail for fault in _find_input_mismatches(Preprocessing(dict(tables)), descriptor))
    features = (fault.detail for fault in _find_feature_faults(preprocessing, descriptor))
    targets = _find_other_targets(preprocessing, descriptor)
    details = list(islice(chain(find_differences(spec, preprocessing), mismatches, features, targets), MOST_FAULTS))
    if details:
        raise InvalidData(*(Fault(f"{detail} {REFIT_INSTEAD}", PREPROCESSING) for detail in details))


def _find_bound_tensors(spec: NetworkSpec, preprocessing: Preprocessing) -> dict[str, Any]:
    """The inputs of plain numbers that can't become columns of a table, because the version scales them otherwise than
    the network does, or by what it learned from rows."""
    if not takes_columns(preprocessing):
        return preprocessing.inputs
    return {name: one for name, one in preprocessing.inputs.items() if one.scaling is not spec.inputs[name].scaling}


def check_vocabularies(spec: NetworkSpec) -> None:
    """Raise InvalidSpec unless the layers that take the token ids of texts accept all of them."""
    faults: list[Fault] = []
    nodes = {node.name: node.index for node in resolve(spec)}
    for vocabulary in vocabularies(spec):
        options = spec.inputs[vocabulary.input].text
        if options is None or options.output_mode is not OutputMode.INT or options.max_tokens <= vocabulary.size:
            continue
        detail = (
            f'The input "{vocabulary.input}" has `max_tokens` {options.max_tokens:,}, but `{vocabulary.parameter}` of '
            f'the layer "{vocabulary.layer}" is {vocabulary.size:,}: set it to at least {options.max_tokens:,}.'
        )
        faults.append(Fault(detail, f"#/layers/{nodes[vocabulary.layer]}/{vocabulary.parameter}"))
    if faults:
        raise InvalidSpec(*faults)


def check_version_fit(document: dict[str, Any], descriptor: DatasetDescriptor, split: str) -> None:
    """Raise InvalidData with all reasons why a version can't be evaluated on a split of a dataset.

    `document` is the version's `preprocessing.json`, `descriptor` as for check_fit. The faults point to `#/dataset` or
    `#/split`.
    """
    preprocessing = Preprocessing.from_document(document["inputs"])
    faults = list(islice(_find_version_mismatches(preprocessing, descriptor), MOST_FAULTS))
    encoding = TargetEncoding.from_document(document["target"])
    problem = _find_target_mismatch(Task(document["task"]), encoding, descriptor.target)
    if problem:
        faults.append(Fault(problem, DATASET, allowed=tuple(encoding.classes or ())))
    faults += (Fault(detail, DATASET) for detail in _find_other_targets(preprocessing, descriptor))
    faults += _find_empty_split(descriptor, split)
    if faults:
        raise InvalidData(*faults)


def check_inputs_fit(document: dict[str, Any], descriptor: DatasetDescriptor, split: str | None) -> None:
    """Raise InvalidData with all reasons why a version can't predict for a split of a dataset, or for all of it.

    As check_version_fit, but ignores the dataset's target.
    """
    preprocessing = Preprocessing.from_document(document["inputs"])
    mismatches = _find_version_mismatches(preprocessing, descriptor)
    found = chain(mismatches, _find_empty_split(descriptor, split))
    faults = list(islice(found, MOST_FAULTS))
    if faults:
        raise InvalidData(*faults)


def _find_empty_split(descriptor: DatasetDescriptor, split: str | None) -> Iterator[Fault]:
    if split is not None and descriptor.splits[split] == 0:
        there = tuple(name for name, rows in descriptor.splits.items() if rows)
        yield Fault(f"{_title(descriptor.name)} has no {split} rows.", "#/split", allowed=there)


def _find_version_mismatches(preprocessing: Preprocessing, descriptor: DatasetDescriptor) -> Iterator[Fault]:
    """The faults of a dataset that lacks inputs of the version. A network that has learned nothing of its numbers takes
    those of a table in order (preprocessing/imported.py)."""
    if not descriptor.is_table or not takes_columns(preprocessing) or not _is_plain(descriptor):
        yield from _find_input_mismatches(preprocessing, descriptor)
        return
    ((name, input_),) = preprocessing.inputs.items()
    yield from _find_table_faults({name: InputSpec(input_.shape)}, descriptor)
    for entry in descriptor.inputs:
        if entry.missing:
            detail = f'The column "{entry.name}" of {_name(descriptor.name)} has missing values, which'
            yield Fault(f"{detail} the version has nothing to replace with.", DATASET, column=entry.name)


def _is_plain(descriptor: DatasetDescriptor) -> bool:
    """Whether a table has only columns that are one number each."""
    return all(column.type in ("number", "boolean") for column in table_columns(descriptor))


def _find_input_mismatches(preprocessing: Preprocessing, descriptor: DatasetDescriptor) -> Iterator[Fault]:
    """The faults of a dataset that lacks inputs of the version."""
    is_table = descriptor.is_table
    shapes = by_input(preprocessing.inputs, _shapes(descriptor))
    yield from _find_feature_faults(preprocessing, descriptor)
    for name, input_ in preprocessing.inputs.items():
        if isinstance(input_, TextInput):
            yield from _find_text_faults(input_.options, descriptor)
        elif isinstance(input_, TableInput) and is_table:
            yield from _find_column_faults(input_.columns, descriptor)
        elif isinstance(input_, TableInput):
            columns = ", ".join(column.name for column in input_.columns[:20])
            yield Fault(f"The model takes the columns {columns}, but {_name(descriptor.name)} isn't a table.", DATASET)
        elif is_table:
            detail = (
                f"{_title(descriptor.name)} is a table, but the model takes numbers of the shape {list(input_.shape)}."
            )
            yield Fault(detail, DATASET)
        elif name not in shapes:
            yield Fault(f'{_title(descriptor.name)} has no input "{name}".', DATASET, allowed=tuple(shapes))
        elif not shapes_fit(shapes[name], input_.shape):
            detail = f"Rows of {_name(descriptor.name)} have the shape {list(shapes[name])}, but the model takes"
            yield Fault(f"{detail} {list(input_.shape)}.", DATASET)


def _find_feature_faults(preprocessing: Preprocessing, descriptor: DatasetDescriptor) -> Iterator[Fault]:
    """The fault of sequences whose features aren't those of the version, or in another order."""
    ours = descriptor.inputs[0].features
    if preprocessing.rows is None or ours is None or ours == preprocessing.rows.window.features:
        return
    known = preprocessing.rows.window.features
    place = next(place for place, pair in enumerate(zip_longest(known, ours)) if pair[0] != pair[1])
    found, wanted = (f'"{names[place]}"' if place < len(names) else "missing" for names in (ours, known))
    detail = (
        f"The features of {_name(descriptor.name)} differ from the version's: feature {place} is {found} instead of"
    )
    yield Fault(f"{detail} {wanted}.", DATASET, allowed=tuple(known))


def _find_other_targets(preprocessing: Preprocessing, descriptor: DatasetDescriptor) -> Iterator[str]:
    """Why the targets of a dataset's windows aren't those of a version's, as sentences."""
    if preprocessing.rows is None or descriptor.window is None:
        return
    ours, theirs = preprocessing.rows.window, descriptor.window
    if ours.targets != theirs.targets and len(ours.targets) > 1:  # a single one may have another name
        yield f"The version predicts {', '.join(ours.targets)}; the dataset's targets are {', '.join(theirs.targets)}."
    if ours.horizons != theirs.horizons:
        known, other = (", ".join(map(str, window.horizons)) for window in (ours, theirs))
        yield f"The horizons of the version are {known}, those of the dataset {other}."


def _find_target_mismatch(task: Task, encoding: TargetEncoding, target: TargetDescriptor) -> str | None:
    """Why a dataset's target can't be compared with a version's predictions, as a sentence; None if it can."""
    problem = find_kind_problem(task, target)
    if problem:
        return problem
    if encoding.classes is None:
        shape = number_shape(target)
        if math.prod(shape) == math.prod(encoding.shape):
            return None
        return f"A row's target has the shape {list(shape)}, but the version predicts {list(encoding.shape)}."
    unknown = find_unknown_classes(encoding.classes, target.labels)
    if not unknown:
        return None
    more = f" and {len(unknown) - MOST_NAMED} more" if len(unknown) > MOST_NAMED else ""
    return f"The version doesn't know the classes {', '.join(map(str, unknown[:MOST_NAMED]))}{more}."


def _find_input_faults(spec: NetworkSpec, descriptor: DatasetDescriptor) -> Iterator[Fault]:
    if descriptor.is_table:
        yield from _find_table_faults(spec.inputs, descriptor)
        return
    shapes = by_input(spec.inputs, _shapes(descriptor))
    for name, input_ in spec.inputs.items():
        if input_.columns is not None or input_.text is not None:
            yield Fault(f"The model takes the columns of a table, but {_name(descriptor.name)} isn't a table.", DATASET)
        elif name not in shapes:
            yield Fault(f'{_title(descriptor.name)} has no input "{name}".', DATASET, allowed=tuple(shapes))
        elif not shapes_fit(shapes[name], input_.shape):
            detail = f"Rows of {_name(descriptor.name)} have the shape {list(shapes[name])}, but the model takes"
            yield Fault(f"{detail} {list(input_.shape)}.", DATASET)


def _shapes(descriptor: DatasetDescriptor) -> dict[str, Shape]:
    """The shapes of a row's values, by the dataset's names of its inputs."""
    return {entry.name: tuple(entry.shape) for entry in descriptor.inputs}


def _find_unknown_numbers(spec: NetworkSpec, descriptor: DatasetDescriptor) -> Iterator[Fault]:
    """The faults of numbers outside the range of layers that take an unscaled input."""
    is_table = descriptor.is_table
    entries = by_input(spec.inputs, {entry.name: entry for entry in descriptor.inputs})
    for vocabulary in vocabularies(spec):
        input_ = spec.inputs[vocabulary.input]
        if input_.scaling is not Scaling.NONE or input_.text is not None:
            continue
        for entry in descriptor.inputs:
            if entry.type != "number" or not (is_table or entry is entries.get(vocabulary.input)):
                continue
            if entry.min < 0:
                yield Fault(f"{_title(descriptor.name)} has the number {entry.min:g}, but {vocabulary}.", DATASET)
            elif entry.max >= vocabulary.size:
                fix = f"set its `{vocabulary.parameter}` to at least {math.floor(entry.max) + 1}"
                yield Fault(f"{_title(descriptor.name)} has the number {entry.max:g}, but {vocabulary}: {fix}.", MODEL)


def _find_table_faults(inputs: dict[str, InputSpec], descriptor: DatasetDescriptor) -> Iterator[Fault]:
    taken = [input_ for input_ in inputs.values() if input_.text is None]
    for input_ in inputs.values():
        if input_.text is not None:
            yield from _find_text_faults(input_.text, descriptor)
    if len(taken) > 1:
        yield Fault(
            f"{_title(descriptor.name)} is a table, which is one input, but the model has {len(taken)}.", DATASET
        )
    if len(taken) != 1:
        return
    (input_,) = taken
    present = {column.name: column for column in table_columns(descriptor)}
    if input_.columns is None:
        special = [column for column in present.values() if column.type in ("category", "date")]
        if special:
            what = f'The column "{special[0].name}" of {_name(descriptor.name)} is a {special[0].type}'
            detail = f"{what}, but the model takes plain"
            yield Fault(f'{detail} numbers: create the model with "input": {{"dataset": …}}.', DATASET)
        elif not shapes_fit((len(present),), input_.shape):
            detail = f"{_title(descriptor.name)} has {len(present)} columns, but the model takes rows of the shape"
            yield Fault(f"{detail} {list(input_.shape)}.", DATASET)
        return
    yield from _find_column_faults(input_.columns, descriptor)


def _find_text_faults(options: TextOptions, descriptor: DatasetDescriptor) -> Iterator[Fault]:
    """The fault of a dataset that lacks a column of texts."""
    problem = find_text_problem(options.column, descriptor)
    if problem:
        yield Fault(f"{_title(descriptor.name)} {problem}.", DATASET, allowed=text_columns(descriptor))


def _find_column_faults(columns: Iterable[Column | FittedColumn], descriptor: DatasetDescriptor) -> Iterator[Fault]:
    present = {column.name: column for column in table_columns(descriptor)}
    for column in columns:
        found = present.get(column.name)
        if found is None:
            detail = f'{_title(descriptor.name)} has no column "{column.name}", which the model requires.'
            yield Fault(detail, DATASET, column=column.name)
        elif found.type != column.type:
            detail = f'The column "{column.name}" of {_name(descriptor.name)} is a {found.type}, not a {column.type}.'
            yield Fault(detail, DATASET, column=column.name)


def _find_kind_faults(spec: NetworkSpec, target: TargetDescriptor) -> Iterator[Fault]:
    problem = find_kind_problem(spec.task, target)
    if problem:
        yield Fault(problem, DATASET)


def _find_target_faults(
    spec: NetworkSpec, output_shape: Shape, target: TargetDescriptor, dataset: str | None, layer: str | None
) -> Iterator[Fault]:
    problem = find_target_problem(spec.task, target)
    if problem:
        yield Fault(problem, DATASET)
        return
    last = f'The last layer, "{layer}",' if layer else "The last layer"
    if spec.task is Task.REGRESSION and len(number_shape(target)) > 1:
        wanted = number_shape(target)
        if not (len(output_shape) > 1 and shapes_fit(output_shape, wanted)):
            yield Fault(f"{last} outputs the shape {list(output_shape)}, but targets have {list(wanted)}.", MODEL)
        return
    if len(output_shape) != 1:
        detail = f"{last} outputs the shape {list(output_shape)}: it must be a vector, as after Flatten and Dense."
        yield Fault(detail, MODEL)
        return
    allowed = count_outputs(spec.task, target)
    if output_shape[0] not in allowed:
        needs = _describe_need(spec.task, target, dataset)
        detail = f"{last} has {_units(output_shape[0])}, but {needs}: set it to {_units(allowed[0])}."
        yield Fault(detail, MODEL)


def _describe_need(task: Task, target: TargetDescriptor, dataset: str | None) -> str:
    if task is Task.REGRESSION:
        (numbers,) = number_shape(target)
        return f"a row's target in {_name(dataset)} is {numbers} number{'s' * (numbers != 1)}"
    return f"{_name(dataset)} has {len(target.labels)} classes"


def _units(count: int) -> str:
    return f"{count} unit{'s' * (count != 1)}"


def _name(dataset: str | None) -> str:
    return "the dataset" if dataset is None else f'dataset "{dataset}"'


def _title(dataset: str | None) -> str:
    """The name at the start of a sentence."""
    return "The dataset" if dataset is None else f'Dataset "{dataset}"'
