"""Sizes a network before anything of it is allocated, and holds it to limits and task."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import keras
from keras.src.backend.common.global_state import get_global_attribute, set_global_attribute

from models.building.complaints import Shape, misfit, row_shape
from models.building.layers import make_layers
from models.errors import Fault, InvalidSpec
from models.limits import Limits
from models.spec import ComponentSpec, NetworkSpec, Task


def check_size(spec: NetworkSpec, limits: Limits) -> None:
    """Follow the shapes through the layers without allocating a weight, and hold them to limits and task."""
    with sizing_scope():
        outputs = keras.KerasTensor((None, *spec.input.shape))
        parameters, activations = 0, 0
        for index, layer in enumerate(make_layers(spec)):
            check_axis(spec.layers[index], len(outputs.shape) - 1, f"#/layers/{index}")
            try:
                outputs, arrived = layer(outputs), outputs
            except Exception as error:
                raise InvalidSpec(misfit(index, spec.layers[index], outputs.shape, error)) from error
            check_shape(outputs.shape, index, spec.layers[index], arrived.shape)
            parameters += sum(math.prod(weight.shape) for weight in layer.weights)
            activations += math.prod(outputs.shape[1:])
            check_limit(parameters, "parameters", limits.parameters, index)
            check_limit(activations, "activations a row", limits.activations_per_row, index)
    check_output(spec, outputs.shape)


@contextmanager
def sizing_scope() -> Iterator[None]:
    """Weights made in it are never allocated: Keras would otherwise do that when its next scope of the kind ends."""
    waiting = list(get_global_attribute("uninitialized_variables", []))
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        set_global_attribute("uninitialized_variables", waiting)


def check_axis(layer: ComponentSpec, dimensions: int, pointer: str) -> None:
    """Refuse an axis that a row doesn't have; Keras itself may notice only when it trains."""
    axis = layer.parameters.get("axis")
    if axis is not None and not 1 <= abs(axis) <= dimensions:
        detail = f"A row of {dimensions} dimensions has no axis {axis}: 1 to {dimensions}, or -1 to -{dimensions}."
        raise InvalidSpec(Fault(detail, f"{pointer}/axis"))


def check_shape(shape: Shape, index: int, layer: ComponentSpec, arrived: Shape) -> None:
    """Refuse outputs without a number for each row, such as those of a kernel larger than its picture."""
    if any(length is None or length < 1 for length in shape[1:]) or shape[0] is not None:
        detail = f"{layer.type} leaves nothing of the shape {row_shape(arrived)} that arrives: {row_shape(shape)}."
        raise InvalidSpec(Fault(detail, f"#/layers/{index}"))


def check_limit(amount: int, unit: str, limit: int, index: int) -> None:
    if amount > limit:
        detail = f"With this layer the network has {amount:,} {unit}, more than the limit of {limit:,}."
        raise InvalidSpec(Fault(detail, f"#/layers/{index}"))


def check_output(spec: NetworkSpec, shape: Shape) -> None:
    """Refuse an output that the task can't mean anything by."""
    last = len(spec.layers) - 1
    if len(shape) != 2:
        detail = f"The last layer puts out the shape {row_shape(shape)}; it has to be a vector: add Flatten before it."
        raise InvalidSpec(Fault(detail, f"#/layers/{last}"))
    units = shape[1] or 0
    pointer = f"#/layers/{last}/units" if "units" in spec.layers[last].parameters else f"#/layers/{last}"
    if spec.task is Task.BINARY and units != 1:
        raise InvalidSpec(Fault(f"A binary network puts out 1 number, not {units}.", pointer, allowed=(1,)))
    if spec.task is Task.MULTICLASS and units < 2:
        raise InvalidSpec(Fault("A multiclass network puts out a number for each class, so at least 2.", pointer))
