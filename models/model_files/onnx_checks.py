"""Checks an ONNX file that someone else made, before anything in it is computed.

The checks cost no more than reading the file: a few bytes can declare terabytes, so sizes are compared before anything
of that size is made. What a valid file needs when it runs is measured afterwards (onnx_trial.py).
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.inliner
from onnx import AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto

from models.errors import Fault, InvalidSpec, describe_problem
from models.files.formats import SIGNATURES
from models.limits import Limits

FILE = "#/file"
STANDARD, ML = "ai.onnx", "ai.onnx.ml"
DOMAINS = {"": STANDARD, STANDARD: STANDARD, ML: ML}
"""The accepted domains of operators; the empty one is ai.onnx."""
LOWEST_OPSET = 7
"""The lowest version of ai.onnx whose operators ONNX Runtime supports."""
MOST_NODES = 20_000
"""Nodes of a network, including those of subgraphs and of every call of a function."""
IR_VERSION = 10
"""The version of the format that networks are saved with, which ONNX Runtime has supported since 1.18: nothing that a
network without functions and metadata may have differs between the versions."""
LONGEST_NAME = 1000
MOST_NAMED = 10
MOST_NESTING = 8
"""Levels of subgraphs."""
BYTES_PER_PARAMETER = 8
BYTES_BESIDES = 64 * 1024**2
"""The bytes of a file besides its parameters: nodes, names, shapes."""
TENSORS = ("t", "tensors", "sparse_tensor", "sparse_tensors")


def refuse(detail: str, pointer: str = FILE) -> InvalidSpec:
    """The error for a network that can't be imported."""
    return InvalidSpec(Fault(detail, pointer))


def read_model(path: Path, limits: Limits) -> tuple[ModelProto, list[str]]:
    """The file's network, without functions and metadata, and notes. Raises InvalidSpec at `#/file`."""
    most = limits.parameters * BYTES_PER_PARAMETER + BYTES_BESIDES
    if (size := path.stat().st_size) > most:
        raise refuse(
            f"The file has {size:,} bytes; a network of {limits.parameters:,} parameters has at most {most:,}."
        )
    data = path.read_bytes()
    _check_format(data)
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's DecodeError, which has no public name, also for messages nested too deep
        raise refuse("The file isn't an ONNX network, or it is damaged or nested too deep.") from error
    if _has_broken_text(model):
        raise refuse("The file has a name or another text that isn't UTF-8.")
    if not model.ir_version or not model.graph.node:
        raise refuse("The file isn't an ONNX network: it has no version and no nodes.")
    _check_contents(model, limits)
    try:
        onnx.checker.check_model(model)  # its inference of shapes is left to ONNX Runtime, which does it at loading
    except onnx.checker.ValidationError as error:
        raise refuse(f"The file isn't a valid ONNX network: {describe_problem(error)}.") from error
    kept_out = sorted(entry.key for entry in model.metadata_props)
    named = ", ".join(key[:64] if key.isprintable() else ascii(key[:64]) for key in kept_out[:MOST_NAMED])
    notes = [f"The file's own metadata isn't kept: {named}."] if kept_out else []
    return _simplify(model), notes


def _has_broken_text(message: Any) -> bool:
    """Whether a text in a protobuf message isn't UTF-8. What reads it would get bytes."""
    for field, value in message.ListFields():
        items = value if field.is_repeated else [value]
        if field.type == field.TYPE_STRING and any(isinstance(item, bytes) for item in items):
            return True
        if field.type == field.TYPE_MESSAGE and any(map(_has_broken_text, items)):
            return True
    return False


def _check_format(data: bytes) -> None:
    kind = next((kind for signature, kind in SIGNATURES.items() if data.startswith(signature)), None)
    if kind is not None:
        raise refuse(f"The file is {kind}, not ONNX.")
    if not data:
        raise refuse("The file is empty.")


def _check_contents(model: ModelProto, limits: Limits) -> None:
    graphs = [model.graph, *model.functions]
    _check_domains(model)
    _check_nodes(model)
    names = (name for graph in graphs for name in _names(graph))
    if (bad := next((name for name in names if not name.isprintable() or len(name) > LONGEST_NAME), None)) is not None:
        raise refuse(f"The name {bad[:64]!a} has characters that can't be printed, or more than {LONGEST_NAME:,}.")
    if model.training_info:
        raise refuse("The file has a training graph (`training_info`): export the network for inference.")
    parameters = 0
    for graph in graphs:
        for tensor in _tensors(graph):
            parameters += _check_tensor(tensor)
    if parameters > limits.parameters:
        raise refuse(f"The network has {parameters:,} parameters; the limit is {limits.parameters:,}.")
    _check_names_once(model.graph)


def _check_domains(model: ModelProto) -> None:
    own = {function.domain for function in model.functions}
    for imported in [*model.opset_import, *(each for f in model.functions for each in f.opset_import)]:
        if imported.domain not in DOMAINS and imported.domain not in own:
            detail = f'The network needs operators of the domain "{imported.domain[:64]}"; supported are'
            raise refuse(f"{detail} {STANDARD} and {ML}.")
        if DOMAINS.get(imported.domain) == STANDARD and imported.version < LOWEST_OPSET:
            detail = f"The network has opset {imported.version} of {STANDARD}; the lowest that is supported is"
            raise refuse(f"{detail} {LOWEST_OPSET}: convert it with onnx.version_converter.")
    functions = {(function.domain, function.name) for function in model.functions}
    if len(functions) < len(model.functions):
        raise refuse("Two functions of the file have the same name.")
    for graph in [model.graph, *model.functions]:
        for node in walk(graph):
            if node.domain not in DOMAINS and (node.domain, node.op_type) not in functions:
                what = f'The operator "{node.op_type[:64]}" is of the domain "{node.domain[:64]}"'
                raise refuse(f"{what}; supported are {STANDARD} and {ML}.")


def _check_nodes(model: ModelProto) -> None:
    """Count the nodes with every call of a function, which mustn't call itself."""
    functions = {(function.domain, function.name): function for function in model.functions}
    counts: dict[tuple[str, str], int] = {}

    def count(graph: GraphProto | FunctionProto, within: tuple[tuple[str, str], ...]) -> int:
        total = 0
        for node in walk(graph):
            key = (node.domain, node.op_type)
            if key in within:
                raise refuse(f'The function "{node.op_type[:64]}" calls itself.')
            if key in functions and key not in counts:
                counts[key] = count(functions[key], (*within, key))
            total += counts.get(key, 1)
            if total > MOST_NODES:
                raise refuse(f"The network has more than {MOST_NODES:,} nodes.")
        return total

    count(model.graph, ())


def walk(graph: GraphProto | FunctionProto, depth: int = 0) -> Iterator[NodeProto]:
    """The nodes of a graph and its subgraphs. Raises InvalidSpec if these are nested too deep."""
    if depth > MOST_NESTING:
        raise refuse(f"The network's subgraphs are nested too deep: at most {MOST_NESTING} levels are supported.")
    for node in graph.node:
        yield node
        for subgraph in subgraphs(node):
            yield from walk(subgraph, depth + 1)


def subgraphs(node: NodeProto) -> Iterator[GraphProto]:
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


def _names(graph: GraphProto | FunctionProto) -> Iterator[str]:
    if isinstance(graph, GraphProto):
        yield from (value.name for value in (*graph.input, *graph.output, *graph.initializer))
    else:
        yield from (graph.name, graph.domain, *graph.input, *graph.output)
    for node in graph.node:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        for subgraph in subgraphs(node):
            yield from _names(subgraph)


def _tensors(graph: GraphProto | FunctionProto) -> Iterator[TensorProto]:
    """The tensors with values, of a graph and its nodes. Raises InvalidSpec for sparse ones."""
    if isinstance(graph, GraphProto):
        if graph.sparse_initializer:
            raise refuse("The network has sparse tensors, which aren't supported.")
        yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("sparse_tensor") or attribute.sparse_tensors:
                raise refuse(f'The node "{node.name or node.op_type}" has a sparse tensor, which isn\'t supported.')
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
        for subgraph in subgraphs(node):
            yield from _tensors(subgraph)


def _check_tensor(tensor: TensorProto) -> int:
    """Raise InvalidSpec unless the tensor has its values in the file, as many as its dimensions declare; returns their
    number."""
    name = f'The tensor "{tensor.name[:64]}"'
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise refuse(f"{name} is in another file: save the network as one file, without external data.")
    if any(length < 0 for length in tensor.dims):
        raise refuse(f"{name} has a negative dimension.")
    declared = math.prod(tensor.dims)
    if (found := _count_values(tensor)) not in (None, declared):
        raise refuse(f"{name} declares {declared:,} values, but the file has {found:,} of them.")
    return declared


def _count_values(tensor: TensorProto) -> int | None:
    """The values that the file has; None for types of less than a byte, which onnx.checker compares."""
    try:
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type))
        field = onnx.helper.tensor_dtype_to_field(tensor.data_type)
    except KeyError:
        raise refuse(f'The tensor "{tensor.name[:64]}" has an unknown type.') from None
    if tensor.HasField("raw_data"):
        packed = tensor.data_type in SMALLER_THAN_A_BYTE
        return _unpacked(tensor, len(tensor.raw_data)) if packed else len(tensor.raw_data) // dtype.itemsize
    stored = len(getattr(tensor, field))
    if tensor.data_type in SMALLER_THAN_A_BYTE:
        return _unpacked(tensor, stored)
    return stored // 2 if dtype.kind == "c" else stored


def _unpacked(tensor: TensorProto, stored: int) -> int:
    """The declared number of values if they fit into the stored bytes, otherwise the number that does."""
    declared, per_byte = math.prod(tensor.dims), SMALLER_THAN_A_BYTE[tensor.data_type]
    return declared if -(-declared // per_byte) == stored else stored * per_byte


SMALLER_THAN_A_BYTE = {
    number: values
    for name, values in {"UINT4": 2, "INT4": 2, "FLOAT4E2M1": 2, "UINT2": 4, "INT2": 4}.items()
    if (number := dict(TensorProto.DataType.items()).get(name)) is not None
}
"""The values in a byte, by the number of the type; the installed onnx may not know all of them."""


def _check_names_once(graph: GraphProto) -> None:
    """Raise InvalidSpec if two inputs, or two outputs, have the same name."""
    for what, values in (("inputs", graph.input), ("outputs", graph.output)):
        names = [value.name for value in values]
        if len(set(names)) < len(names):
            raise refuse(f"Two {what} of the network have the same name.")


def _simplify(model: ModelProto) -> ModelProto:
    """The same network without functions, metadata, and shapes that its maker noted within it."""
    if model.functions:
        own = {function.domain for function in model.functions}
        try:
            model = onnx.inliner.inline_local_functions(model)
        except Exception as error:  # C++ errors of several kinds
            raise refuse(f"A function of the file can't be inlined: {describe_problem(error)}.") from error
        used = [imported for imported in model.opset_import if imported.domain not in own - DOMAINS.keys()]
        simplified = list(used)
        del model.opset_import[:]
        model.opset_import.extend(simplified)
    del model.metadata_props[:]
    model.doc_string = model.graph.doc_string = ""
    known = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in known]
    del model.graph.input[:], model.graph.value_info[:]
    model.graph.input.extend(inputs)
    model.ir_version = IR_VERSION
    return model
