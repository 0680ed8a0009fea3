"""Finds the builder of each layer type by its name."""

from collections.abc import Callable

import onnx_ir as ir

from models.errors import NotServable
from models.export.graph import Layer, Tensor

Builder = Callable[..., Tensor | ir.Value]
"""Adds a layer's nodes: takes the layer and its input tensors, returns its output. A builder that returns a bare value
leaves the mask to `build`."""

_builders: dict[str, Builder] = {}
_masking: set[str] = set()


def builds(*types: str, passes_mask: bool = False) -> Callable[[Builder], Builder]:
    """Register a function as the builder of these layer types.

    `passes_mask`: the output has the mask of the first input, as that of Keras's layers with `supports_masking` that
    don't compute another one. Otherwise a bare value has none.
    """

    def register(builder: Builder) -> Builder:
        _builders.update(dict.fromkeys(types, builder))
        if passes_mask:
            _masking.update(types)
        return builder

    return register


def build(layer: Layer, *inputs: Tensor) -> Tensor:
    """Add the nodes of a layer to the graph; returns its output. Raises NotServable if it can't be exported."""
    builder = _builders.get(layer.type)
    if builder is None:
        raise NotServable(f"The network can't be exported to ONNX: {layer.type} is unsupported.")
    inputs = tuple(map(layer.graph.as_seen, inputs))
    output = builder(layer, *inputs)
    if not isinstance(output, Tensor):
        return Tensor(output, row_shape(output), inputs[0].mask if layer.type in _masking else None)
    rows = None if output.value.shape is None else output.value.shape[0]
    # What ONNX can't infer, so that it infers what follows.
    output.value.shape, output.value.type = ir.Shape([rows, *output.shape]), ir.TensorType(ir.DataType.FLOAT)
    return output


def row_shape(value: ir.Value) -> tuple[int, ...]:
    """The shape of a row of a value, as ONNX infers it. A builder whose nodes ONNX can't infer returns a Tensor."""
    assert value.shape is not None, f"the shape of {value.name} is unknown"
    lengths = tuple(value.shape[1:])
    assert all(isinstance(length, int) for length in lengths), f"{value.name} has the shape {value.shape}"
    return lengths  # type: ignore[return-value]


def exported_types() -> frozenset[str]:
    """The layer types that have a builder."""
    return frozenset(_builders)
