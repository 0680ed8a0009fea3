"""Whether a network in a file is like the network of the model to which it is added as a version.

Predictions of all versions of a model have the same form, and a training can start from each of them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import zip_longest
from typing import Any, Final

from models.errors import Fault, InvalidData, InvalidSpec
from models.graph import Node, connect
from models.jobs.model_import import ExtendedModel
from models.model_files.formats import FILE
from models.model_files.imported import ImportedNetwork, ImportFields
from models.spec import SINGLE_INPUT, LayerSpec, Task
from models.version_differences import check_same_weights

CLASSES: Final = "#/classes"
OF_TRAINING: Final = ("_initializer", "_regularizer", "trainable", "dtype", "seed")
"""The ends of the names of parameters that don't change predictions."""
PLAIN: Final = (bool, int, float, str, list)


def complete_fields(fields: ImportFields, model: ExtendedModel) -> ImportFields:
    """What the client says, and for what it omits, what holds for the model."""
    classes = model.classes if fields.classes is None else fields.classes
    input_, name = fields.input, None
    if len(model.inputs) == 1:
        ((name, only),) = model.inputs.items()
        input_ = {key: only[key] for key in ("shape", "scaling") if key in only} if input_ is None else input_
    return ImportFields(fields.task or model.task, classes, input_, name)


def blame_file(error: InvalidSpec, fields: ImportFields) -> InvalidSpec:
    """The error with the pointer to the file in place of fields that the client didn't send."""
    unsent = [name for name, value in vars(fields).items() if value is None]
    return InvalidSpec(
        *(
            replace(fault, pointer=FILE) if (fault.pointer or "").removeprefix("#/").split("/")[0] in unsent else fault
            for fault in error.faults
        )
    )


def check_same_network(imported: ImportedNetwork, model: ExtendedModel) -> None:
    """Raise InvalidSpec with the first difference between a network and that of the model."""
    for fault in _find_differences(imported, model):
        raise InvalidSpec(fault)
    if model.trainable:
        _check_weights(imported, model)


def network_inputs(document: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a model's document by name; empty while it has none, because its file hasn't been read."""
    inputs: dict[str, Any] = document.get("inputs") or {}
    return inputs or ({SINGLE_INPUT: document["input"]} if document.get("input") is not None else {})


def _find_differences(imported: ImportedNetwork, model: ExtendedModel) -> Iterator[Fault]:
    if imported.trainable != model.trainable:
        kinds = ("a network that can be trained", "a network in ONNX, which can't be trained")
        ours, theirs = kinds if model.trainable else reversed(kinds)
        yield Fault(f"The model has {ours}, the file {theirs}: import the file as a new model.", FILE)
    task = Task(imported.document["task"])
    if task is not model.task:
        yield Fault(f"The model's task is {model.task}, that of the network in the file {task}.", FILE)
    yield from _find_input_differences(network_inputs(imported.document), model.inputs)
    classes = imported.version.classes
    if model.classes is not None and classes != model.classes:
        detail = f"The model's classes are {_name(model.classes)}, those of the new version {_name(classes or [])}."
        yield Fault(f"{detail} Versions of a model have the same classes in the same order.", CLASSES)
    if model.trainable:
        yield from _find_layer_differences(imported, model)


def _find_input_differences(theirs: dict[str, Any], ours: dict[str, Any]) -> Iterator[Fault]:
    if list(theirs) != list(ours):
        names = f"The model's inputs are {_name(list(ours))}, those of the network in the file {_name(list(theirs))}."
        yield Fault(names, FILE)
        return
    for name, input_ in ours.items():
        shapes = [list(each["shape"]) for each in (input_, theirs[name])]
        if shapes[0] != shapes[1]:
            detail = f'The model\'s input "{name}" has the shape {shapes[0]}, that of the file {shapes[1]}.'
            yield Fault(detail, FILE)


def _find_layer_differences(imported: ImportedNetwork, model: ExtendedModel) -> Iterator[Fault]:
    theirs = _nodes(imported.document["layers"], network_inputs(imported.document))
    ours = _nodes(model.layers, model.inputs)
    for our, their in zip_longest(ours, theirs):
        if our is None or their is None:
            node, which = (their, "the file") if our is None else (our, "the model")
            yield Fault(f'Only {which} has the layer "{node.name}" ({node.layer.type}).', FILE)
        elif our.layer.type != their.layer.type:
            what = f'a {our.layer.type} ("{our.name}") in the model, and a {their.layer.type} ("{their.name}")'
            yield Fault(f"Layer {our.index} is {what} in the file.", FILE)
        else:
            yield from _find_parameter_differences(our, their)
            if _parents(our, ours) != _parents(their, theirs):
                detail = f'The layer "{their.name}" of the file takes other layers or inputs than "{our.name}"'
                yield Fault(f"{detail} of the model.", FILE)


def _nodes(layers: list[dict[str, Any]], inputs: Mapping[str, Any]) -> tuple[Node, ...]:
    return connect(map(LayerSpec.from_document, layers), tuple(inputs))


def _parents(node: Node, nodes: tuple[Node, ...]) -> list[int | str]:
    """What a layer takes: layers by their index, and the network's inputs by name."""
    places = {other.name: other.index for other in nodes}
    return [places.get(name, name) for name in node.inputs]


def _find_parameter_differences(ours: Node, theirs: Node) -> Iterator[Fault]:
    """The parameters that both have, in the same form, with other values."""
    for name in sorted(ours.layer.parameters.keys() & theirs.layer.parameters.keys()):
        values = [node.layer.parameters[name] for node in (ours, theirs)]
        if name.endswith(OF_TRAINING) or not all(isinstance(value, PLAIN) for value in values):
            continue
        if values[0] != values[1]:
            detail = f'`{name}` of the layer "{ours.name}" is {values[0]} in the model, and {values[1]} in the file.'
            yield Fault(detail, FILE)


def _check_weights(imported: ImportedNetwork, model: ExtendedModel) -> None:
    try:
        check_same_weights(model.summary, imported.summary, FILE)
    except InvalidData as error:
        raise InvalidSpec(*error.faults) from error


def _name(values: list[Any]) -> str:
    shown = ", ".join(map(str, values[:10])) or "none"
    return f"{shown} and {len(values) - 10:,} more" if len(values) > 10 else shown
