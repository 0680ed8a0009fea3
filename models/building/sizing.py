"""Sizes a network without allocating memory, and checks it against the limits and the task."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any

import keras
from keras.src.backend.common.global_state import get_global_attribute, set_global_attribute

from models.building.complaints import Shape, row_shape, row_shapes, shape_fault
from models.building.inner_size import count_layers, count_recurrent_steps
from models.building.layers import call_layer, make_layer
from models.building.summary import count_activations
from models.errors import Fault, InvalidSpec
from models.graph import Node, resolve
from models.limits import Limits
from models.spec import NetworkSpec, Task


def check_size(spec: NetworkSpec, limits: Limits) -> None:
    """Propagate the shapes through the layers without allocating weights, and check the limits and the task.

    Raises InvalidSpec with the faults of every layer whose inputs are known.
    """
    faults: list[Fault] = []
    tensors = {name: keras.KerasTensor((None, *input_.shape)) for name, input_ in spec.inputs.items()}
    size = Size(limits)
    with sizing_scope():
        for node in resolve(spec):
            arrived = [tensors[name] for name in node.inputs if name in tensors]
            try:
                layer = make_layer(node)
                if len(arrived) == len(node.inputs):
                    size.add_posted(node, arrived[0].shape)
                    tensors[node.name] = output = size_layer(layer, node, arrived)
                    size.add_made(node, layer)
            except TooLarge as error:
                raise InvalidSpec(*faults, *error.faults) from error
            except InvalidSpec as error:
                faults += error.faults
    if faults:
        raise InvalidSpec(*faults)
    check_output(spec, output.shape)


class TooLarge(InvalidSpec):
    """The network exceeds a limit, whatever layers follow."""


@dataclass
class Size:
    """The size of the layers so far, compared with the limits."""

    limits: Limits
    layers: int = 0
    recurrent_steps: int = 0
    parameters: int = 0
    activations: int = 0

    def add_posted(self, node: Node, shape: Shape) -> None:
        """Count a layer before it is called. Raises TooLarge."""
        posted = {"type": node.layer.type, **node.layer.parameters}
        self.layers += count_layers(posted, shape)
        self.recurrent_steps += count_recurrent_steps(posted, shape)
        written = "layers, including nested layers and their copies for the steps of sequences"
        self._hold(node, written, self.layers, self.limits.layers)
        self._hold(node, "recurrent steps per row", self.recurrent_steps, self.limits.recurrent_steps)

    def add_made(self, node: Node, layer: keras.Layer) -> None:
        """Count the weights and outputs of a called layer. Raises TooLarge."""
        self.parameters += sum(math.prod(weight.shape) for weight in layer.weights)
        self.activations += count_activations(layer)
        self._hold(node, "parameters", self.parameters, self.limits.parameters)
        self._hold(node, "activations per row", self.activations, self.limits.activations_per_row)

    def _hold(self, node: Node, unit: str, amount: int, limit: int) -> None:
        if amount > limit:
            detail = f"With this layer the network has {amount:,} {unit}, more than the limit of {limit:,}."
            raise TooLarge(Fault(detail, f"#/layers/{node.index}"))


def size_layer(layer: keras.Layer, node: Node, arrived: Sequence[Any]) -> Any:
    """Call the layer symbolically and return its output; raises InvalidSpec if it doesn't accept its inputs."""
    shapes = [tensor.shape for tensor in arrived]
    check_axes(node, shapes)
    try:
        output = call_layer(layer, node, arrived)
    except Exception as error:
        raise InvalidSpec(shape_fault(node, shapes, error)) from error
    check_shape(node, shapes, output.shape)
    return output


@contextmanager
def sizing_scope() -> Iterator[None]:
    """A scope whose weights are never allocated: otherwise Keras would allocate them when its next such scope ends."""
    waiting = list(get_global_attribute("uninitialized_variables", []))
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        set_global_attribute("uninitialized_variables", waiting)


def check_axes(node: Node, arrived: Sequence[Shape]) -> None:
    """Refuse an axis that a row doesn't have; Keras itself may notice it only in training."""
    axis, axes = (node.layer.parameters.get(name) for name in ("axis", "axes"))  # `axes` has one per tensor
    posted = axes if axis is None else axis
    listed = posted if isinstance(posted, list) else [] if posted is None else [posted]
    pairs = zip(listed, arrived, strict=False) if isinstance(axes, list) else product(listed, arrived)
    for one, shape in pairs:
        most = len(shape) - 1
        if not 1 <= abs(one) <= most:
            detail = f"A row of {most} dimensions has no axis {one}: use 1 to {most}, or -1 to -{most}."
            raise InvalidSpec(Fault(detail, f"#/layers/{node.index}/{'axes' if axis is None else 'axis'}"))


def check_shape(node: Node, arrived: Sequence[Shape], shape: Shape) -> None:
    """Refuse empty outputs, such as those of a kernel larger than its image."""
    if any(length is None or length < 1 for length in shape[1:]) or shape[0] is not None:
        detail = f"{node.layer.type} has an empty output for the input {row_shapes(arrived)}: {row_shape(shape)}."
        raise InvalidSpec(Fault(detail, f"#/layers/{node.index}"))


def check_output(spec: NetworkSpec, shape: Shape) -> None:
    """Refuse an output that doesn't fit the task."""
    last = len(spec.layers) - 1
    if len(shape) != 2:
        detail = f"The last layer outputs the shape {row_shape(shape)}; it must be a vector: add Flatten before it."
        raise InvalidSpec(Fault(detail, f"#/layers/{last}"))
    units = shape[1] or 0
    pointer = f"#/layers/{last}/units" if "units" in spec.layers[last].parameters else f"#/layers/{last}"
    if spec.task is Task.BINARY and units != 1:
        raise InvalidSpec(Fault(f"A binary network must output 1 number, not {units}.", pointer, allowed=(1,)))
    if spec.task is Task.MULTICLASS and units < 2:
        raise InvalidSpec(Fault("A multiclass network must output one number per class, at least 2.", pointer))
