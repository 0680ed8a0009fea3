"""Completes the inputs of a posted model that refer to a dataset."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

from models.dataset_descriptor import DatasetDescriptor, DatasetTarget
from models.errors import Fault, InvalidData
from models.preprocessing import inputs_from_dataset, named_input_from_dataset, text_from_dataset
from models.preprocessing.dataset_inputs import table_columns, text_columns
from models.preprocessing.missing import find_missing_faults
from models.spec import SINGLE_INPUT
from models.text_options import TextOptions
from models.validation.texts import find_text_faults
from models.values.pointers import pointer_to
from service import statuses
from service.context import Context
from service.errors import InvalidRequest, NotFound, NotReady
from service.operations.catalog import datasets as catalog_datasets
from service.storage import datasets


def complete_inputs(context: Context, document: dict[str, Any]) -> tuple[dict[str, Any], DatasetTarget | None]:
    """The document, with shapes, columns and scaling filled in for inputs that name a dataset.

    Also returns the name, kind and target of that dataset; None if the inputs name no dataset, or several. Raises
    InvalidRequest, NotReady.
    """
    only, several = document.get("input") or {}, document.get("inputs") or {}
    if "dataset" in only:
        descriptor = _descriptor(context, only["dataset"], "#/input/dataset")
        return document | _inputs_of_dataset(descriptor, document), _target_of(only["dataset"], descriptor)
    completed: dict[str, Any] = {}
    targets: dict[str, DatasetTarget] = {}
    faults: list[Fault] = []
    for name, posted in several.items():
        try:
            completed[name] = posted
            if "dataset" in posted:
                descriptor = _descriptor(context, posted["dataset"], pointer_to("inputs", name, "dataset"))
                targets[posted["dataset"]] = _target_of(posted["dataset"], descriptor)
                completed[name] = _input_of_dataset(descriptor, document, name)
        except InvalidRequest as error:
            faults += error.faults
    faults += _find_other_tables(several)
    if faults:
        raise InvalidRequest(*faults)
    made_for = next(iter(targets.values())) if len(targets) == 1 else None
    return document | {"inputs": completed} if several else {**document}, made_for


def find_import(context: Context, document: dict[str, Any]) -> str | None:
    """The id of the job that is importing a dataset from which the document takes an input; None if there is none.

    Of several, the newest, which usually ends last.
    """
    posted = [document.get("input"), *(document.get("inputs") or {}).values()]
    importing = []
    for name in {input_["dataset"] for input_ in posted if input_ and "dataset" in input_}:
        with suppress(NotFound):  # which creating the model reports, with the place
            importing.append(catalog_datasets.find_import(context, name))
    return max(filter(None, importing), default=None)


def _target_of(name: str, descriptor: DatasetDescriptor) -> DatasetTarget:
    return DatasetTarget(name, descriptor.target, descriptor.kind)


def _inputs_of_dataset(descriptor: DatasetDescriptor, document: dict[str, Any]) -> dict[str, Any]:
    """The `input` for a document that takes it from a dataset, or `inputs` if the dataset has several."""
    posted = document["input"]
    if posted.get("text") is not None:
        return {"input": _text_input(descriptor, posted, "input")}
    missing = _missing_options(descriptor, posted, pointer_to("input"))
    _check_columns(descriptor, posted, pointer_to("input", "dataset"))
    inputs = inputs_from_dataset(descriptor, posted["dataset"], posted.get("scaling"), _layer_types(document), *missing)
    documents = {name: input_.to_document() for name, input_ in inputs.items()}
    if list(documents) == [SINGLE_INPUT]:
        return {"input": documents[SINGLE_INPUT]}
    return {"input": None, "inputs": documents}


def _input_of_dataset(descriptor: DatasetDescriptor, document: dict[str, Any], name: str) -> dict[str, Any]:
    """One of several inputs, or the only input if it is named."""
    posted, alone = document["inputs"][name], _is_alone(document["inputs"], name)
    if posted.get("text") is not None:
        return _text_input(descriptor, posted, "inputs", name)
    scaling, layers = posted.get("scaling"), _layer_types(document)
    missing = _missing_options(descriptor, posted, pointer_to("inputs", name))
    _check_columns(descriptor, posted, pointer_to("inputs", name, "dataset"))
    try:
        return named_input_from_dataset(
            descriptor, posted["dataset"], name, alone, scaling, layers, *missing
        ).to_document()
    except InvalidData as error:
        pointer = pointer_to("inputs", name, "dataset")
        raise InvalidRequest(*(replace(fault, pointer=pointer) for fault in error.faults)) from error


def _is_alone(inputs: dict[str, Any], name: str) -> bool:
    """Whether no other input takes numbers; texts beside them come from the same table."""
    return all(other == name or posted.get("text") is not None for other, posted in inputs.items())


def _text_input(descriptor: DatasetDescriptor, posted: dict[str, Any], *place: str) -> dict[str, Any]:
    """The input at `place`, which takes texts of its dataset. Raises InvalidRequest."""
    faults = list(find_text_faults(posted["text"], descriptor, pointer_to(*place, "text")))
    for name in ("scaling", "missing", "missing_indicator"):
        if posted.get(name) is not None:
            faults.append(Fault(f"`{name}` is for numbers, but the input takes texts.", pointer_to(*place, name)))
    if faults:
        raise InvalidRequest(*faults)
    return text_from_dataset(TextOptions.from_document(posted["text"]), posted["dataset"]).to_document()


def _check_columns(descriptor: DatasetDescriptor, posted: dict[str, Any], pointer: str) -> None:
    """Raise InvalidRequest if a table has only texts, which an input without `text` doesn't take."""
    texts = text_columns(descriptor)
    if descriptor.is_table and len(texts) == len(descriptor.inputs):
        use = f'add "text": {{"column": "{texts[0]}", "max_tokens": 10000, "length": 100}}'
        detail = f'The dataset "{posted["dataset"]}" has only texts as inputs: to take one, {use} to the input.'
        raise InvalidRequest(Fault(detail, pointer))


def _find_other_tables(inputs: dict[str, Any]) -> list[Fault]:
    """The faults of inputs that come from elsewhere than the table whose texts another input takes."""
    texts = next((posted for posted in inputs.values() if posted.get("text") is not None), None)
    if texts is None:
        return []
    detail = f'All inputs must come from the dataset "{texts["dataset"]}", whose texts another input takes.'
    others = (name for name, posted in inputs.items() if posted.get("dataset") != texts["dataset"])
    return [Fault(detail, pointer_to("inputs", name)) for name in others]


def _missing_options(descriptor: DatasetDescriptor, posted: dict[str, Any], pointer: str) -> tuple[Any, Any]:
    """The `missing` and `missing_indicator` of the input at `pointer`. Raises InvalidRequest."""
    missing, indicator = posted.get("missing"), posted.get("missing_indicator")
    if descriptor.is_table:
        faults = find_missing_faults(table_columns(descriptor), missing, indicator, pointer)
    else:
        detail = f'`{{}}` is for tables, but the dataset "{posted["dataset"]}" isn\'t one.'
        options = {"missing": missing, "missing_indicator": indicator}
        faults = [
            Fault(detail.format(name), f"{pointer}/{name}") for name, value in options.items() if value is not None
        ]
    if faults:
        raise InvalidRequest(*faults)
    return missing, indicator


def _layer_types(document: dict[str, Any]) -> list[str]:
    return [layer.get("type", "") for layer in document["layers"] if isinstance(layer, dict)]


def _descriptor(context: Context, name: str, pointer: str) -> DatasetDescriptor:
    """The descriptor of a dataset that a spec names at `pointer`. Raises InvalidRequest, NotReady."""
    with context.database.read() as session:
        dataset = datasets.by_name(session, name)
    if dataset is None:
        raise InvalidRequest(Fault(f'There is no dataset "{name}".', pointer=pointer))
    if dataset.descriptor is None:
        raise NotReady("dataset", name, dataset.status, failed=dataset.status == statuses.FAILED)
    return dataset.descriptor
