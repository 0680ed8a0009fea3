"""The inputs of a posted model: those that it takes from a dataset are filled in."""

from dataclasses import replace
from typing import Any

from models.datasets.pointers import pointer_to
from models.errors import Fault, InvalidData
from models.preprocessing import inputs_from_dataset, named_input_from_dataset
from models.spec import SINGLE_INPUT
from service.context import Context
from service.errors import InvalidRequest, NotReady
from service.storage import datasets


def complete_inputs(context: Context, document: dict[str, Any]) -> dict[str, Any]:
    """The document with shapes and columns where an input names a dataset. Raises InvalidRequest, NotReady."""
    only, several = document.get("input") or {}, document.get("inputs") or {}
    if "dataset" in only:
        return document | _inputs_of_dataset(context, only["dataset"], only.get("scaling"))
    completed: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, posted in several.items():
        try:
            completed[name] = _complete_input(context, name, posted, alone=len(several) == 1)
        except InvalidRequest as error:
            faults += error.faults
    if faults:
        raise InvalidRequest(*faults)
    return document | {"inputs": completed} if several else {**document}


def _inputs_of_dataset(context: Context, name: str, scaling: str | None) -> dict[str, Any]:
    """The `input` of a document that takes it from a dataset, or its `inputs` when the dataset has several."""
    inputs = inputs_from_dataset(_descriptor(context, name, "#/input/dataset"), name, scaling)
    documents = {name: input_.to_document() for name, input_ in inputs.items()}
    if list(documents) == [SINGLE_INPUT]:
        return {"input": documents[SINGLE_INPUT]}
    return {"input": None, "inputs": documents}


def _complete_input(context: Context, name: str, posted: dict[str, Any], *, alone: bool) -> dict[str, Any]:
    """One of several inputs, or the only one with a name of its own."""
    if "dataset" not in posted:
        return posted
    dataset, pointer = posted["dataset"], pointer_to("inputs", name, "dataset")
    descriptor = _descriptor(context, dataset, pointer)
    try:
        return named_input_from_dataset(descriptor, dataset, name, alone, posted.get("scaling")).to_document()
    except InvalidData as error:
        raise InvalidRequest(*(replace(fault, pointer=pointer) for fault in error.faults)) from error


def _descriptor(context: Context, name: str, pointer: str) -> dict[str, Any]:
    """What a dataset is like that a spec names at `pointer`. Raises InvalidRequest, NotReady."""
    with context.database.read() as session:
        dataset = datasets.by_name(session, name)
    if dataset is None:
        raise InvalidRequest(Fault(f'There is no dataset "{name}".', pointer=pointer))
    if dataset.descriptor is None:
        raise NotReady(f'The dataset "{name}" is {dataset.status}.', retry_after=1)
    return dataset.descriptor
