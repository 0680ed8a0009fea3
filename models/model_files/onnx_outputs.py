"""What a network from an ONNX file gives: the output that is served, the task, the classes, and what the scores are."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import AttributeProto, GraphProto, NodeProto, TensorProto, numpy_helper

from models.errors import InvalidSpec
from models.model_files.imported import ImportFields
from models.model_files.onnx_checks import refuse
from models.model_files.onnx_inputs import FLOATS, INTEGERS, type_name
from models.model_files.outputs import check_classes
from models.scores import Activation
from models.spec import OUTPUT, Task

CLASSIFIERS = ("LinearClassifier", "SVMClassifier", "TreeEnsembleClassifier")
PASSING = (
    "ArgMax", "ArrayFeatureExtractor", "Cast", "Flatten", "Gather", "Identity", "Reshape", "Squeeze", "Unsqueeze",
)  # fmt: skip
"""Operators between the labels of a classifier and its output."""
LAST = ("Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
"""Operators that change no scores."""
CLASS_LISTS = ("classlabels_strings", "classlabels_ints", "classlabels_int64s")
SURE = 1e-3
"""How far scores may be from adding up to 1."""


@dataclass
class ServedOutput:
    """The output that predictions come from."""

    name: str
    kind: int
    """The type in the file, a TensorProto.DataType."""
    classes: list[Any] | None
    """The classes that the file names."""
    is_classifier: bool
    last: str
    """The operator that makes it, apart from those that only reshape it."""
    notes: list[str] = field(default_factory=list)


def choose_output(graph: GraphProto) -> ServedOutput:
    """The output to serve; ZipMap nodes, which turn scores into maps, are passed. Raises InvalidSpec."""
    made_by = {name: node for node in graph.node for name in node.output}
    zipmap = next((node for node in graph.node if node.op_type == "ZipMap"), None)
    candidates, others = _numeric_outputs(graph, made_by)
    labels = _find_labels(graph, candidates, others, zipmap)
    offered = {name: kind for name, kind in candidates.items() if name not in labels}
    if not offered:
        found = ", ".join(f'"{value.name}"' for value in graph.output)
        raise refuse(f"None of the outputs ({found}) is a tensor of numbers that could be served.")
    name = _choose(offered)
    classes = _find_classes(graph, zipmap, labels, made_by)
    classifiers = [node for node in graph.node if node.op_type in CLASSIFIERS]
    served = ServedOutput(name, offered[name], classes, bool(labels or classifiers), _last_operator(name, made_by))
    left = [value.name for value in graph.output if value.name not in (name, *labels)]
    left = [other for other in left if not (zipmap is not None and other in zipmap.output)]
    if left:
        names = ", ".join(f'"{other}"' for other in left)
        served.notes.append(f'Predictions come from the output "{name}"; these are not served: {names}.')
    if labels:
        served.notes.append(f'The labels come from the scores in "{name}", not from the output "{labels[0]}".')
    if served.kind not in (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.BOOL):
        served.notes.append(f'The output "{name}" is {type_name(served.kind)}; predictions have it rounded to float32.')
    return served


def _numeric_outputs(graph: GraphProto, made_by: dict[str, NodeProto]) -> tuple[dict[str, int], list[str]]:
    """The tensors of numbers among the outputs with their types, and the names of the others."""
    candidates: dict[str, int] = {}
    others: list[str] = []
    for value in graph.output:
        node = made_by.get(value.name)
        if node is not None and node.op_type == "ZipMap":
            candidates[node.input[0]] = TensorProto.FLOAT  # as the operator's definition says
        elif value.type.tensor_type.elem_type in (*FLOATS, *INTEGERS, TensorProto.BOOL):
            candidates[value.name] = value.type.tensor_type.elem_type
        else:
            others.append(value.name)
    return candidates, others


def _find_labels(
    graph: GraphProto, candidates: dict[str, int], others: list[str], zipmap: NodeProto | None
) -> list[str]:
    """The outputs that give a classifier's labels, beside its scores."""
    classifies = zipmap is not None or any(node.op_type in CLASSIFIERS for node in graph.node)
    integers = [name for name, kind in candidates.items() if kind in INTEGERS]
    if len(candidates) + len(others) < 2 or not any(kind in FLOATS for kind in candidates.values()):
        return []
    return [name for name in (*others, *integers) if classifies or name.endswith("label")]


def _choose(offered: dict[str, int]) -> str:
    floats = [name for name, kind in offered.items() if kind in FLOATS]
    named = [name for name in floats if "prob" in name.lower()] + [name for name in floats if name == OUTPUT]
    return (named or floats or list(offered))[0]


def _last_operator(name: str, made_by: dict[str, NodeProto]) -> str:
    node = made_by.get(name)
    while node is not None and node.op_type in LAST and node.input[0] in made_by:
        node = made_by[node.input[0]]
    return "" if node is None else node.op_type


def _find_classes(
    graph: GraphProto, zipmap: NodeProto | None, labels: list[str], made_by: dict[str, NodeProto]
) -> list[Any] | None:
    nodes = [zipmap] if zipmap is not None else []
    nodes += [node for node in graph.node if node.op_type in CLASSIFIERS]
    for node in nodes:
        for attribute in node.attribute:
            if attribute.name in CLASS_LISTS and (attribute.strings or attribute.ints):
                return _class_list(attribute)
    weights = {tensor.name: tensor for tensor in graph.initializer}
    for label in labels:
        source: NodeProto | None = made_by.get(label)
        while source is not None and source.op_type in PASSING:
            if source.op_type in ("ArrayFeatureExtractor", "Gather") and source.input[0] in weights:
                return _weights_as_classes(weights[source.input[0]])
            source = made_by.get(source.input[0])
    return None


def _class_list(attribute: AttributeProto) -> list[Any]:
    if attribute.strings:
        return [name.decode("utf-8", "replace") for name in attribute.strings]
    return list(attribute.ints)


def _weights_as_classes(tensor: TensorProto) -> list[Any]:
    values = numpy_helper.to_array(tensor).ravel().tolist()
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values]


@dataclass(frozen=True)
class Meaning:
    """What the numbers of the output are."""

    task: Task
    classes: list[Any] | None
    activation: Activation | None
    """What turns them into scores; None if they are scores."""
    notes: tuple[str, ...] = ()


def find_meaning(served: ServedOutput, fields: ImportFields, outputs: np.ndarray) -> Meaning:
    """The task, the classes and the activation, from what the client says, the file, and `outputs` for some rows.

    Raises InvalidSpec at `#/task` or `#/classes`.
    """
    notes: list[str] = []
    shape = outputs.shape[1:]
    count = shape[0] if len(shape) == 1 else None
    task = fields.task or _infer_task(served, fields, count, outputs, notes)
    if task is Task.REGRESSION:
        if fields.classes is not None:
            raise refuse("A regression has no classes.", "#/classes")
        return Meaning(task, None, None, tuple(notes))
    if count is None:
        detail = f"A {task.value} task needs scores in one row, but the output has the shape {list(shape)} for a row."
        raise refuse(detail, "#/task")
    if task is Task.BINARY and count > 2:
        raise refuse(f"A binary task has 1 or 2 outputs, but the network has {count}.", "#/task")
    if task is Task.MULTICLASS and count == 1:
        raise refuse("A multiclass task needs several outputs, but the network has 1: use binary.", "#/task")
    classes = _find_names(served, fields, 2 if task is Task.BINARY else count, notes)
    return Meaning(task, classes, _find_activation(served, task, outputs, notes), tuple(notes))


def _infer_task(
    served: ServedOutput, fields: ImportFields, count: int | None, outputs: np.ndarray, notes: list[str]
) -> Task:
    task, why = Task.REGRESSION, f"its last operator is {served.last or 'unknown'}"
    if count is not None and (fields.classes is not None or served.is_classifier):
        named = "the request has classes" if fields.classes is not None else "the file is a classifier's"
        task, why = (Task.BINARY if count <= 2 else Task.MULTICLASS), named
    elif count is not None and count > 1 and served.last in ("Softmax", "LogSoftmax"):
        task = Task.BINARY if count == 2 else Task.MULTICLASS
    elif count is not None and served.last == "Sigmoid":
        task = Task.BINARY if count == 1 else Task.MULTILABEL
    notes.append(f"The task is {task.value}, because {why}.")
    return task


def _find_names(served: ServedOutput, fields: ImportFields, count: int, notes: list[str]) -> list[Any]:
    """The classes in the order of the outputs."""
    if fields.classes is not None:
        check_classes(fields.classes, count)
        return fields.classes
    if served.classes is not None and len(served.classes) == count:
        _check_named(served.classes)
        notes.append("The classes are those that the file names.")
        return served.classes
    notes.append(f"The file doesn't name the classes: they are the numbers from 0 to {count - 1}.")
    return list(range(count))


def _check_named(classes: list[Any]) -> None:
    """Raise InvalidSpec if the names of classes in the file can't be used."""
    try:
        check_classes(classes, len(classes))
    except InvalidSpec as error:
        detail = f"The file names classes that can't be used: {error.faults[0].detail} Send `classes` in their place."
        raise refuse(detail, "#/classes") from error


def _find_activation(served: ServedOutput, task: Task, outputs: np.ndarray, notes: list[str]) -> Activation | None:
    """What turns the outputs into scores, judged by the last operator, or else by the outputs for random rows."""
    exclusive = task is Task.MULTICLASS or (outputs.shape[1] == 2 and task is Task.BINARY)
    if served.last in (("Softmax",) if exclusive else ("Sigmoid",)):
        return None
    within = bool(((outputs >= -SURE) & (outputs <= 1 + SURE)).all())
    if within and (not exclusive or bool((np.abs(outputs.sum(axis=1) - 1) <= SURE).all())):
        what = "are from 0 to 1 and add up to 1" if exclusive else "are from 0 to 1"
        notes.append(f"The scores are the network's outputs as they are: for random rows they {what}.")
        return None
    activation = Activation.SOFTMAX if exclusive else Activation.SIGMOID
    notes.append(
        f"The network's outputs are no probabilities (its last operator is {served.last or 'unknown'}): the scores are "
        f"the {activation.value} of them."
    )
    return activation


def loss_of(task: Task, outputs: int, activation: Activation | None) -> dict[str, Any]:
    """The loss, as in a model's document, that evaluations compute for such outputs."""
    if task is Task.REGRESSION:
        return {"type": "MeanSquaredError"}
    if task is Task.MULTICLASS:
        type_ = "SparseCategoricalCrossentropy"
    else:
        type_ = "CategoricalCrossentropy" if task is Task.BINARY and outputs == 2 else "BinaryCrossentropy"
    return {"type": type_, "from_logits": activation is not None}
