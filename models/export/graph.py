"""The ONNX graph under construction: its tensors, its weights, and one layer of the spec at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx_ir as ir
from onnxscript import GraphBuilder, OpBuilder

from models.catalogue import load_catalogue
from models.errors import NotServable
from models.graph import base_name
from models.spec import ComponentSpec

OPSET = 20
"""The first opset with Gelu; each newer one shuts out older runtimes."""
ML_DOMAIN, ML_OPSET = "ai.onnx.ml", 3
"""The domain of classic machine learning, in an opset that every runtime with OPSET knows."""
UNUSED = "/"
"""No name that a client chose and none that onnxscript generates begins so."""
ROWS = "rows"
"""The name of the variable first dimension of inputs and outputs."""


@dataclass(frozen=True)
class Tensor:
    """A tensor between two layers, with the mask that Keras hands on with it."""

    value: ir.Value
    """float32, rows first."""
    shape: tuple[int, ...]
    """The shape of a row, without the batch."""
    mask: ir.Value | None = None
    """bool, (rows, steps): false where a step doesn't count. None: all steps count."""


class Graph:
    """Collects the nodes and weights of a network. Weights become initializers named by their Keras paths."""

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        self._weights = weights
        self._initializers: dict[str, ir.Value] = {}
        self._without_mask: set[ir.Value] = set()
        self._graph = ir.Graph([], [], nodes=[], opset_imports={"": OPSET}, name="network")
        self.builder = GraphBuilder(self._graph)

    @property
    def op(self) -> OpBuilder:
        """Makes nodes: `op.MatMul(a, b)`. Numbers and lists of numbers become constants of the other inputs' type."""
        return self.builder.op

    @property
    def ml_op(self) -> OpBuilder:
        """Makes nodes of ai.onnx.ml, ONNX's other domain."""
        self._graph.opset_imports[ML_DOMAIN] = ML_OPSET
        return self.builder.opset(ML_DOMAIN, ML_OPSET)

    def input(self, name: str, shape: Sequence[int]) -> Tensor:
        """Add an input of float32 rows of this shape."""
        value = self.builder.input(f"{UNUSED}{name}", ir.DataType.FLOAT, [ROWS, *shape])
        return Tensor(value, tuple(shape))

    def weight(self, path: str) -> ir.Value:
        """The initializer of a weight. Raises NotServable if the network has no such weight."""
        if path not in self._initializers:
            if path not in self._weights:
                raise NotServable(f"The network can't be exported to ONNX: it has no weight `{path}`.")
            tensor = ir.tensor(self._weights[path])
            self._initializers[path] = self.builder.initializer(tensor, path, qualify=False)
        return self._initializers[path]

    def constant(self, value: Any, dtype: Any = np.float32) -> ir.Value:
        """A constant array, for values that don't belong to the network's weights."""
        return self.op.Constant(value=ir.tensor(np.asarray(value, dtype)))

    def take_masks(self, *tensors: Tensor) -> None:
        """Take the masks away from these tensors, for all layers that look for them there (see registry.build)."""
        self._without_mask.update(tensor.value for tensor in tensors)

    def as_attached(self, tensor: Tensor) -> Tensor:
        """The tensor, without its mask if it was taken away."""
        return replace(tensor, mask=None) if tensor.value in self._without_mask else tensor

    def finish(self, output: Tensor, name: str) -> ir.Model:
        """The model, with `output` as its only output under this name."""
        value = self.op.Identity(output.value)  # an output may be an input, and an input's name can't change
        value.shape, value.type = ir.Shape([ROWS, *output.shape]), ir.TensorType(ir.DataType.FLOAT)
        self.builder.add_output(value, name)
        self._remove_unused_nodes()
        self._restore_input_names()
        return ir.Model(self._graph, ir_version=10, producer_name="fitserve")

    def _remove_unused_nodes(self) -> None:
        """Remove what ONNX Runtime would compute for nothing, such as sequences of which only the images are used."""
        for node in reversed(self._graph):
            if not any(value.uses() or value.is_graph_output() for value in node.outputs):
                self._graph.remove(node, safe=True)

    def _restore_input_names(self) -> None:
        """Give the inputs the names that the client chose, and other names to values that have these."""
        names = {input_: str(input_.name).removeprefix(UNUSED) for input_ in self._graph.inputs}
        values = list(self._graph.initializers.values())
        for node in ir.traversal.RecursiveGraphIterator(self._graph):
            node.metadata_props.clear()  # onnxscript's notes on scopes, which are empty
            values += node.outputs
        for value in values:
            if value.name in names.values():
                value.name = f"{UNUSED}{value.name}"
        for input_, name in names.items():
            input_.name = name


@dataclass(frozen=True)
class Layer:
    """A layer to export: its type, its parameters with the catalogue's defaults and names of activations, and the path
    of its weights."""

    graph: Graph
    type: str
    parameters: Mapping[str, Any]
    path: str
    """The beginning of its weights' names, `time_distributed/dense`."""

    @classmethod
    def of(cls, graph: Graph, component: ComponentSpec, path: str, kind: str = "layer") -> Layer:
        """A layer or, with `kind` "cell", a cell of the catalogue. Raises NotServable for another type."""
        entry = load_catalogue().find(kind, component.type)
        if entry is None:
            raise NotServable(f"There is no {kind} `{component.type}`.")
        values = {name: parameter.default for name, parameter in entry.by_name.items() if not parameter.required}
        values |= component.parameters
        for name, parameter in entry.by_name.items():
            if parameter.type == "activation" and values.get(name) is not None:
                values[name] = find_activation(values[name])
        return cls(graph, entry.type, values, path)

    @property
    def op(self) -> OpBuilder:
        return self.graph.op

    def __getitem__(self, parameter: str) -> Any:
        """The value of a parameter."""
        return self.parameters[parameter]

    def weight(self, name: str) -> ir.Value:
        """The initializer of the layer's own weight, such as `kernel`."""
        return self.graph.weight(f"{self.path}/{name}")

    def inner(self, document: Any, name: str | None = None, index: int = 0, kind: str = "layer") -> Layer:
        """A layer or cell inside this one, from its document in the spec. It is named as models.building names it:
        `name`, else its posted name, else its type and its index."""
        component = ComponentSpec.from_document(document)
        own = base_name(component.type) + (f"_{index}" if index else "")
        name = name or component.parameters.get("name") or own
        return self.of(self.graph, component, f"{self.path}/{name}", kind)


def find_activation(document: str | dict[str, Any]) -> str:
    """The catalogue's name of an activation that is posted by a name, an alias or as an object. Raises NotServable."""
    name = ComponentSpec.from_document(document).type
    entry = load_catalogue().find("activation", name)
    if entry is None:
        raise NotServable(f"There is no activation `{name}`.")
    return entry.type
