"""Edits of a graph that give it inputs and outputs as Fitserve's runtime takes them: floats, rows first."""

from collections.abc import Iterator, Sequence

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from models.model_files.onnx_checks import subgraphs

BATCH = "batch"
"""The name of the first axis, whose length is any number of rows."""
SUFFIX = "/in_the_file"
"""What a tensor's name gets when its own name goes to the converted one."""


class GraphEdit:
    """The graph of a network whose inputs and outputs are being replaced."""

    def __init__(self, model: ModelProto) -> None:
        self.model, self.graph = model, model.graph
        self._numbers = iter(range(1_000_000))

    def replace_input(
        self, value: ValueInfoProto, shape: Sequence[int | str], sent: int, kind: int, *steps: tuple[str, Sequence[int]]
    ) -> None:
        """Let the network take `value` with the type `sent` and the shape.

        `steps` are Reshape or Transpose with their axes, after which it is cast to the type `kind`.
        """
        name = value.name
        nodes = [self._make(operator, axes) for operator, axes in steps]
        if kind != sent:
            nodes.append(helper.make_node("Cast", [""], [""], to=kind))
        if nodes:
            inner = self._unused(name)
            rename(self.graph, name, inner)
            self._chain(nodes, name, inner)
            for place, node in enumerate(nodes):
                self.graph.node.insert(place, node)
        value.CopyFrom(helper.make_tensor_value_info(name, sent, list(shape)))

    def keep_output(self, name: str, kind: int) -> str:
        """Let the network give `name` alone, as float32; returns its name, which may not be that of an input."""
        exposed = name
        while exposed in {value.name for value in self.graph.input}:
            exposed += "_output"
        if exposed != name or kind != TensorProto.FLOAT:
            inner = name
            if exposed == name:
                inner = self._unused(name)
                rename(self.graph, name, inner)
            self.graph.node.append(helper.make_node("Cast", [inner], [exposed], to=TensorProto.FLOAT))
        del self.graph.output[:]
        self.graph.output.append(helper.make_tensor_value_info(exposed, TensorProto.FLOAT, None))
        return exposed

    def shape_output(self, shape: Sequence[int | str], reshape: Sequence[int] | None) -> None:
        """Declare the shape of the only output, after a Reshape if its rows need one."""
        (value,) = self.graph.output
        name = value.name
        if reshape is not None:
            inner = self._unused(name)
            rename(self.graph, name, inner)
            node = self._make("Reshape", reshape)
            self._chain([node], inner, name)
            self.graph.node.append(node)
        value.CopyFrom(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)))

    def drop_unused(self) -> None:
        """Remove the nodes and weights that the output doesn't need."""
        needed = {value.name for value in self.graph.output}
        kept: list[NodeProto] = []
        for node in reversed(self.graph.node):
            if needed.intersection(node.output):
                kept.append(node)
                needed.update(node.input, *(_used(subgraph) for subgraph in subgraphs(node)))
        weights = [tensor for tensor in self.graph.initializer if tensor.name in needed]
        del self.graph.node[:], self.graph.initializer[:]
        self.graph.node.extend(reversed(kept))
        self.graph.initializer.extend(weights)

    def _make(self, operator: str, axes: Sequence[int]) -> NodeProto:
        if operator == "Transpose":
            return helper.make_node("Transpose", [""], [""], perm=list(axes))
        shape = f"fitserve/shape_{next(self._numbers)}"
        self.graph.initializer.append(numpy_helper.from_array(np.array(axes, np.int64), shape))
        return helper.make_node("Reshape", ["", shape], [""])

    def _chain(self, nodes: Sequence[NodeProto], first: str, last: str) -> None:
        before = first
        for node in nodes:
            node.input[0] = before
            before = node.output[0] = f"fitserve/step_{next(self._numbers)}"
        nodes[-1].output[0] = last

    def _unused(self, name: str) -> str:
        taken = set(_used(self.graph)) | {output for node in self.graph.node for output in node.output}
        taken.update(value.name for value in (*self.graph.input, *self.graph.initializer))
        while name in taken:
            name += SUFFIX
        return name


def rename(graph: GraphProto, old: str, new: str) -> None:
    """Rename a tensor of a graph wherever its nodes and their subgraphs use it, but not the graph's own inputs."""
    for node in graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                if name == old:
                    names[place] = new
        for subgraph in subgraphs(node):
            own = {value.name for value in (*subgraph.input, *subgraph.initializer)}
            if old not in own:
                rename(subgraph, old, new)
                for value in subgraph.output:
                    if value.name == old:
                        value.name = new
    for tensor in graph.initializer:
        if tensor.name == old:
            tensor.name = new


def _used(graph: GraphProto) -> Iterator[str]:
    """The names that a graph's nodes and those of its subgraphs take, and its outputs."""
    for node in graph.node:
        yield from node.input
        for subgraph in subgraphs(node):
            yield from _used(subgraph)
    yield from (value.name for value in graph.output)
