"""Turns a checked ONNX file into the files of a version, which the api predicts with."""

import json
import math
from pathlib import Path
from typing import Any

import onnx
from onnx import GraphProto, ModelProto, ValueInfoProto, helper

from models.limits import Limits
from models.model_files.imported import ImportedNetwork, ImportFields
from models.model_files.onnx_checks import read_model, refuse, walk
from models.model_files.onnx_edits import BATCH, GraphEdit
from models.model_files.onnx_inputs import NetworkInputs, read_inputs
from models.model_files.onnx_outputs import Meaning, choose_output, find_meaning, loss_of
from models.model_files.onnx_sizes import check_sizes
from models.model_files.onnx_trial import Trial, try_network
from models.predictor import Interpretation, write_interpretation
from models.preprocessing import Preprocessing
from models.spec import NetworkSpec, Task
from models.targets import Form, TargetEncoding
from models.version_details import VersionDetails
from models.version_files import ARTIFACTS, TRAINED, describe_artifacts

TARGET = "target"
UNUSED_OPTIMIZER = {"type": "Adam"}
"""A trained network's spec has an optimizer, which nothing uses here."""
UNTRAINABLE = {"optimizer": None, "loss": None}
"""What a model has in place of how it would be trained."""


def make_version(path: Path, fields: ImportFields, folder: Path, limits: Limits) -> ImportedNetwork:
    """Check the network of a file, run it once, and write a version's files into the empty folder.

    It needs onnxruntime but no Keras. Call it in a process whose memory and time are limited. Raises InvalidSpec.
    """
    model, notes = read_model(path, limits)
    check_sizes(model)
    inputs = read_inputs(model, fields, limits)
    ranges = inputs.ranges(model.graph)
    served = choose_output(model.graph)
    edit = GraphEdit(model)
    output = edit.keep_output(served.name, served.kind)
    edit.drop_unused()
    _check_inputs_used(model.graph, inputs)
    layers = _describe_layers(model, inputs.rows)
    inputs.edit(edit)
    trial = try_network(model, inputs, ranges, limits, folder)
    row, reshape = _row_shape(trial, inputs)
    meaning = find_meaning(served, fields, trial.outputs.reshape(len(trial.outputs), *row))
    edit.shape_output([BATCH if inputs.rows == "any" else 1, *row], reshape)
    _save(model, folder / ARTIFACTS["onnx"])
    document = _document(inputs, meaning, row)
    _write_trained(folder / TRAINED, document)
    write_interpretation(
        folder / ARTIFACTS["preprocessing"],
        Preprocessing({input_.name: input_.preprocessing for input_ in inputs.inputs}),
        _encoding(meaning, row),
        Interpretation(meaning.task, meaning.activation, output, tuple(ranges), trial.rows_at_once, imported=True),
    )
    spec = NetworkSpec.from_document(document)
    details = VersionDetails(
        servable=True,
        classes=meaning.classes,
        inputs=[{"name": name, **input_.to_document()} for name, input_ in spec.inputs.items()],
        artifacts=describe_artifacts(folder),
    )
    notes += [*inputs.notes, *served.notes, *meaning.notes, *trial.notes]
    summary, more = _summarize(layers, model.graph, limits.layers)
    return ImportedNetwork(document | UNTRAINABLE, False, summary, print_summary(summary), details, (*notes, *more))


def _check_inputs_used(graph: GraphProto, inputs: NetworkInputs) -> None:
    """Raise InvalidSpec if the served output depends on no input; note inputs that it doesn't depend on."""
    taken = {name for node in walk(graph) for name in node.input}
    unused = [name for name in inputs.specs if name not in taken]
    if len(unused) == len(inputs.specs):
        raise refuse("The network's output depends on none of its inputs.")
    if unused:
        inputs.notes.append(
            f"The output doesn't depend on these inputs, which rows have all the same: {', '.join(unused)}."
        )


def _row_shape(trial: Trial, inputs: NetworkInputs) -> tuple[tuple[int, ...], list[int] | None]:
    """The shape of an output row, and that to which the output must be reshaped; None if it has rows already."""
    row = trial.outputs.shape[1:]
    if not math.prod(row):
        raise refuse(f"The network's output is empty: it has the shape {list(row)} for one row.")
    if inputs.rows == "whole":
        return row or (1,), [1, *(row or (1,))]
    return (row, None) if row else ((1,), [-1, 1])


def _save(model: ModelProto, path: Path) -> None:
    model.producer_name, model.producer_version = "fitserve", ""
    path.write_bytes(model.SerializeToString())


def _document(inputs: NetworkInputs, meaning: Meaning, row: tuple[int, ...]) -> dict[str, Any]:
    """The spec of the version: the loss is what evaluations compute, the metrics are those of the task, which every
    evaluation has."""
    return {
        "task": meaning.task.value,
        "inputs": {name: spec.to_document() for name, spec in inputs.specs.items()},
        "layers": [],
        "optimizer": UNUSED_OPTIMIZER,
        "loss": loss_of(meaning.task, row[-1], meaning.activation),
        "metrics": [],
    }


def _encoding(meaning: Meaning, row: tuple[int, ...]) -> TargetEncoding:
    """How a dataset's targets are compared with the outputs."""
    forms = {Task.REGRESSION: Form.NUMBERS, Task.MULTICLASS: Form.INDICES, Task.MULTILABEL: Form.MULTI_HOT}
    binary = Form.BINARY if row == (1,) else Form.ONE_HOT
    return TargetEncoding(
        TARGET, forms.get(meaning.task, binary), meaning.classes, row if meaning.task is Task.REGRESSION else ()
    )


def _write_trained(path: Path, document: dict[str, Any]) -> None:
    spec = NetworkSpec.from_document(document)
    trained: dict[str, Any] = {"spec": spec.to_document(), "metrics": {}, "guess": None, "random_states": []}
    path.write_text(json.dumps(trained, ensure_ascii=False), encoding="utf-8")


def _describe_layers(model: ModelProto, rows: str) -> list[dict[str, Any]]:
    """The nodes as layers of a summary."""
    try:
        graph = onnx.shape_inference.infer_shapes(model).graph
    except Exception:  # C++ errors of several kinds; a network that can't be inferred can run all the same
        graph = model.graph
    shapes = {value.name: _shape(value, rows) for value in (*graph.value_info, *graph.output)}
    weights = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    counted: set[str] = set()
    layers = []
    names = {node.output[0]: node.name or f"{node.op_type.lower()}_{place}" for place, node in enumerate(graph.node)}
    makers = {output: names[node.output[0]] for node in graph.node for output in node.output}
    for node in graph.node:
        own = [name for name in dict.fromkeys(node.input) if name in weights]
        layers.append(
            {
                "name": names[node.output[0]],
                "type": node.op_type,
                "output_shape": shapes.get(node.output[0], []),
                "parameters": sum(math.prod(weights[name]) for name in own if name not in counted),
                "weight_shapes": [weights[name] for name in own],
                "trainable": False,
                "inputs": [makers.get(name, name) for name in node.input if name and name not in weights],
            }
        )
        counted.update(own)
    return layers


def _shape(value: ValueInfoProto, rows: str) -> list[int | None]:
    dims = [dim.dim_value if dim.dim_value > 0 else None for dim in value.type.tensor_type.shape.dim]
    return dims if rows == "whole" else dims[1:]


def _summarize(layers: list[dict[str, Any]], graph: GraphProto, most: int) -> tuple[dict[str, Any], list[str]]:
    """The summary of a model, and a note if it has only the last nodes."""
    parameters = sum(math.prod(tensor.dims) for tensor in graph.initializer)
    size = sum(math.prod(t.dims) * helper.tensor_dtype_to_np_dtype(t.data_type).itemsize for t in graph.initializer)
    notes = [f"The summary has the last {most} of the network's {len(layers):,} nodes."] if len(layers) > most else []
    return {
        "layers": layers[-most:],
        "parameters": parameters,
        "trainable_parameters": 0,
        "non_trainable_parameters": parameters,
        "bytes": size,
    }, notes


def print_summary(summary: dict[str, Any]) -> str:
    """The summary as a table."""
    rows = [("Node", "Operator", "Output shape", "Parameters")]
    for layer in summary["layers"]:
        shape = ", ".join("any" if length is None else str(length) for length in layer["output_shape"])
        rows.append((layer["name"], layer["type"], f"({shape})", f"{layer['parameters']:,}"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, "", f"Parameters: {summary['parameters']:,}, none of them trainable."])
