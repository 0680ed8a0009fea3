"""Imports a network that Keras saved: builds it anew from its configuration, and takes its weights."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from models.adaptation import learns_from_rows
from models.building import build_network, compile_network, print_summary, rows_at_once, summarize_network
from models.building.sizing import check_output
from models.errors import Fault, InvalidSpec
from models.graph import connect
from models.limits import Limits
from models.model_files.imported import ImportedNetwork, ImportFields
from models.model_files.inputs import complete_inputs, fixed_preprocessing
from models.model_files.keras.compiled import (
    fit_loss,
    infer_task,
    read_loss,
    read_metrics,
    read_optimizer,
    unknown_task,
)
from models.model_files.keras.container import KerasFile, open_keras
from models.model_files.keras.graph import FlatLayer, FlatNetwork, GraphReader
from models.model_files.keras.refusal import FILE, refusal, shown
from models.model_files.keras.vocabularies import read_vocabulary
from models.model_files.keras.weights import assign_file, assign_optimizer, read_learned
from models.model_files.outputs import describe_classes
from models.parity import random_rows
from models.spec import NetworkSpec, Task
from models.targets import TargetEncoding
from models.validation import check_network
from models.validation.layers import read_layer
from models.validation.outputs import activation_name, origins
from models.versions import TrainedNetwork, save_version

MOST_COMPARED = 100
"""The maximum of random rows on which the export is compared with Keras."""
MOST_NOTES = 100


class Notes(list[str]):
    """What a client should know, each sentence once."""

    def add(self, sentence: str) -> None:
        if sentence not in self:
            self.append(sentence)

    def shortened(self) -> tuple[str, ...]:
        """At most MOST_NOTES sentences, the last of which counts the others."""
        if len(self) <= MOST_NOTES:
            return tuple(self)
        return (*self[: MOST_NOTES - 1], f"There are {len(self) - MOST_NOTES + 1} more notes.")


def import_keras(path: Path, fields: ImportFields, folder: Path, limits: Limits) -> ImportedNetwork:
    """Read the `.keras` or HDF5 file at `path`, and write the files of its version into an empty folder.

    Raises InvalidSpec at `#/file`, or at the field that doesn't fit the file; the folder is empty then.
    """
    with open_keras(path, limits) as file:
        document, network, notes = read_network(file, fields, limits)
    spec = NetworkSpec.from_document(document)
    classes, class_notes = describe_classes(spec.task, network.output_shape[-1], fields.classes)
    for note in class_notes:
        notes.add(note)
    encoding = TargetEncoding.for_import(spec, network.output_shape[-1], classes)
    trained = TrainedNetwork(network, spec, fixed_preprocessing(spec), encoding, metrics={})
    try:
        rows = random_rows(network, max(2, min(MOST_COMPARED, rows_at_once(network))))
        version = save_version(folder, trained, rows)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(exist_ok=True)
        raise
    summary = summarize_network(network)
    return ImportedNetwork(document, True, summary, print_summary(network), version, notes.shortened())


def read_network(file: KerasFile, fields: ImportFields, limits: Limits) -> tuple[dict[str, Any], keras.Model, Notes]:
    """The network of an open file: as a client would post it, built with its weights, and what a client should know.

    Raises InvalidSpec.
    """
    notes = Notes(file.notes)
    flat = GraphReader(file.is_keras_2, limits, notes.add).read(file.network)
    flat = flat if fields.input_name is None else flat.with_input(fields.input_name)
    inputs = complete_inputs(flat.inputs, fields.input, notes.add)
    layers = [_with_learned(layer, file) for layer in flat.layers]
    document: dict[str, Any] = {"inputs": inputs, "layers": [layer.document for layer in layers]}
    network = _build(document, layers, limits)
    _check_operations(network, layers)
    unusual = assign_file(network, layers, file)
    if unusual:
        notes.add(f"{unusual} weights have values that are NaN or infinite, so predictions may be too.")
    document = _complete(document, file, fields, network, notes)
    _check(document, layers, limits)
    _compile(document, network, flat, file, notes)
    return document, network, notes


def _with_learned(layer: FlatLayer, file: KerasFile) -> FlatLayer:
    """The layer with what it has learned from rows among its parameters, as in the spec of a trained network."""
    document = layer.document
    if document["type"] == "IntegerLookup" and not document.get("vocabulary"):
        return replace(layer, document=document | read_vocabulary(layer, file))
    if document["type"] != "Normalization" or not learns_from_rows("Normalization", document):
        return layer
    mean, variance = read_learned(layer, file)
    scalar = len(mean) == 1 and document.get("axis", -1) is None
    learned = {"mean": mean[0], "variance": variance[0]} if scalar else {"mean": mean, "variance": variance}
    return replace(layer, document=document | learned)


def _build(document: Mapping[str, Any], layers: list[FlatLayer], limits: Limits) -> keras.Model:
    """Build the network as a regression, because its task may depend on the number of its outputs."""
    provisional = {**document, "task": Task.REGRESSION.value, "optimizer": "sgd", "loss": "mse"}
    _check(provisional, layers, limits)
    try:
        return build_network(NetworkSpec.from_document(provisional), limits)
    except InvalidSpec as error:
        raise _within_file(error, layers) from error


def _check(document: Mapping[str, Any], layers: list[FlatLayer], limits: Limits) -> None:
    try:
        check_network(document, limits)
    except InvalidSpec as error:
        raise _within_file(error, layers) from error


def _within_file(error: InvalidSpec, layers: list[FlatLayer]) -> InvalidSpec:
    """The error with faults of the file: they name layers in place of pointers into a document that nobody posted."""
    return InvalidSpec(*(_fault_within_file(fault, layers) for fault in error.faults))


def _fault_within_file(fault: Fault, layers: list[FlatLayer]) -> Fault:
    parts = (fault.pointer or "").split("/")
    if parts[:2] == ["#", "layers"] and len(parts) > 2 and parts[2].isdigit() and int(parts[2]) < len(layers):
        name = shown(layers[int(parts[2])].saved_name)
        return Fault(f"The layer `{name}` can't be imported: {fault.detail}", FILE)
    if parts[:2] in (["#", "layers"], ["#", "inputs"], ["#", "input"]):
        return Fault(fault.detail, FILE)
    return fault


def _check_operations(network: keras.Model, layers: list[FlatLayer]) -> None:
    """Refuse an operation on tensors of different ranks: layers align their axes in another way than functions."""
    for flat in layers:
        tensors = network.get_layer(flat.name).input if flat.is_operation else None
        if isinstance(tensors, list) and len({len(tensor.shape) for tensor in tensors}) > 1:
            detail = f"The operation `{shown(flat.saved_name)}` combines tensors of different ranks"
            raise refusal(f"{detail}, which isn't supported.")


def _complete(
    document: dict[str, Any], file: KerasFile, fields: ImportFields, network: keras.Model, notes: Notes
) -> dict[str, Any]:
    """The document with its task, optimizer, loss and metrics."""
    compiled, units = file.compiled or {}, network.output_shape[-1]
    loss = read_loss(compiled, notes.add)
    activation = _last_activation(document)
    task = fields.task
    if task is None:
        task = infer_task(loss, activation, units)
        if task is None:
            raise unknown_task(activation)
        source = f"the loss {loss['type']}" if loss else "the last activation"
        notes.add(f"The task is {task.value}: inferred from {source} and the number of outputs, {units}.")
    _check_units(task, units)
    optimizer = read_optimizer(compiled, notes.add)
    document = {"task": task.value, **document, "optimizer": optimizer}
    document["loss"] = fit_loss(document, loss, notes.add)
    document["metrics"] = read_metrics(compiled, document, notes.add)
    return document


def _check_units(task: Task, units: int) -> None:
    if task is Task.BINARY and units != 1:
        raise refusal(f"A binary network must have 1 output, but the file's has {units}.", "#/task")
    if task is Task.MULTICLASS and units < 2:
        raise refusal("A multiclass network must have at least 2 outputs, but the file's has 1.", "#/task")


def _last_activation(document: Mapping[str, Any]) -> str | None:
    """The activation in which the network ends; None if there are several."""
    layers = document["layers"]
    nodes = connect(map(read_layer, layers), document["inputs"])
    found = {
        activation_name(layers[one]["type"], layers[one].get("activation"))
        for one in origins(nodes, document["inputs"])
    }
    return found.pop() if len(found) == 1 else None


def _compile(document: dict[str, Any], network: keras.Model, flat: FlatNetwork, file: KerasFile, notes: Notes) -> None:
    """Compile the network, and take the optimizer's state if it belongs to the same weights in the same order."""
    spec = NetworkSpec.from_document(document)
    check_output(spec, network.output_shape)
    compile_network(network, spec)
    if file.optimizer is None:
        return
    built = [layer.name for layer in network.layers if layer.trainable_weights]
    saved = [layer.name for layer in flat.layers if layer.name in built]
    if built == saved and not any(layer.is_nested for layer in flat.layers) and assign_optimizer(network, file):
        notes.add(
            "The optimizer's state is in the version's `.keras` file; training jobs start with a fresh optimizer."
        )
    else:
        notes.add("The optimizer's state doesn't fit the network, so it was dropped. Training starts with a fresh one.")
