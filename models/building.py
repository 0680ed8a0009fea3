"""Turns a checked spec into a compiled Keras network: sized before anything is allocated, then really built."""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras.src.backend.common.global_state import get_global_attribute, set_global_attribute
from keras.src.utils.naming import to_snake_case

from models.catalogue import KINDS, Entry, load_catalogue
from models.errors import Fault, InvalidSpec
from models.limits import Limits
from models.spec import ComponentSpec, NetworkSpec, Task

load_catalogue()  # by the fork server that imports this module, so that its children needn't
Shape = tuple[int | None, ...]
MOST_ROWS_AT_ONCE = 1024
MOST_ACTIVATIONS_AT_ONCE = 10_000_000

MODULES = {kind: getattr(keras, module) for kind, module in KINDS.items()}


def build_network(spec: NetworkSpec, limits: Limits, seed: int | None = None) -> keras.Model:
    """The network of a spec that validation.py has accepted, compiled and with fresh weights.

    The same `seed` gives the same weights in every process. Raises InvalidSpec where layers don't fit or pass `limits`.
    """
    check_size(spec, limits)
    if seed is not None:
        keras.utils.set_random_seed(seed)
    ((input_name, input_),) = spec.inputs.items()
    inputs = outputs = keras.Input(input_.shape, name=input_name)
    row = np.zeros((1, *input_.shape), np.float32)
    for index, layer in enumerate(make_layers(spec)):
        try:
            row = try_layer(layer, row)
        except Exception as error:
            raise InvalidSpec(misfit(index, spec.layers[index], row.shape, error)) from error
        outputs = layer(outputs)
    network = keras.Model(inputs, outputs, name="network")
    compile_network(network, spec)
    return network


def try_layer(layer: keras.Layer, row: Any) -> Any:
    """What the layer makes of one row; its regularizers and constraints are run too, as training would."""
    outputs = layer(row)
    _ = layer.losses
    for weight in layer.trainable_weights:
        if weight.constraint is not None:
            weight.constraint(weight)
    return outputs


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


def make_layers(spec: NetworkSpec) -> Iterator[keras.Layer]:
    """The layers in order, named as Keras names those of a fresh process: `dense`, `dense_1`."""
    taken = {*spec.inputs, *(str(layer.parameters["name"]) for layer in spec.layers if layer.parameters.get("name"))}
    for index, component in enumerate(spec.layers):
        name = component.parameters.get("name")
        if name is None:
            name = next_name(to_snake_case(resolve("layer", component.type).type), taken)
            taken.add(name)
        yield make("layer", component, f"#/layers/{index}", name=name)


def next_name(base: str, taken: set[str]) -> str:
    """`base`, or with the first number that makes it a name not yet taken."""
    if base not in taken:
        return base
    return next(name for number in range(1, len(taken) + 2) if (name := f"{base}_{number}") not in taken)


def compile_network(network: keras.Model, spec: NetworkSpec) -> None:
    """Give the network the optimizer, the loss and the metrics of a spec, each metric called as it was posted."""
    optimizer = make("optimizer", spec.optimizer, "#/optimizer")
    loss = make("loss", spec.loss, "#/loss")
    metrics = []
    for index, component in enumerate(spec.metrics):
        metric = make_metric(component, spec, f"#/metrics/{index}")
        try_metric(metric, component, spec, network.output_shape[-1], f"#/metrics/{index}")
        metrics.append(metric)
    network.compile(optimizer=optimizer, loss=loss, metrics=metrics, jit_compile=False)


def try_metric(metric: keras.Metric, component: ComponentSpec, spec: NetworkSpec, units: int, pointer: str) -> None:
    """Let a metric judge one row, which shows parameters that don't fit the output, such as an unknown class."""
    sparse = resolve("loss", spec.loss.type).takes_class_numbers
    outputs = np.zeros((1, units), np.float32)
    try:
        metric(np.zeros((1, 1), np.float32) if sparse else outputs, outputs)
    except Exception as error:
        detail = f"{component.type} can't judge an output of {units} numbers: {first_sentence(error)}."
        raise InvalidSpec(Fault(detail, pointer)) from error
    metric.reset_state()


def make_metric(metric: ComponentSpec, spec: NetworkSpec, pointer: str) -> keras.Metric:
    """A metric that judges outputs as the loss takes them: logits, or probabilities with their middle at 0.5."""
    name = metric.parameters.get("name") or metric.type
    entry = resolve("metric", metric.type)
    from_logits = spec.loss.parameters.get("from_logits") is True
    if entry.type == "Accuracy":
        return accuracy(name, spec.task, resolve("loss", spec.loss.type), from_logits)
    extra: dict[str, Any] = {"name": name}
    if "from_logits" in entry.by_name:
        extra["from_logits"] = metric.parameters.get("from_logits", from_logits)
    if "average" in entry.by_name and spec.task in (Task.BINARY, Task.MULTILABEL):
        # Without a threshold Keras takes the largest output of a row as the only positive one.
        extra["threshold"] = metric.parameters.get("threshold") or 0.5
    return make("metric", metric, pointer, **extra)


def accuracy(name: str, task: Task, loss: Entry, from_logits: bool) -> keras.Metric:
    """The share of rows whose predicted class is the true one, whatever the task's targets look like."""
    if task is not Task.MULTICLASS:
        # BinaryAccuracy refuses a threshold of 0, which is where a logit changes sides.
        threshold = 0.0 if from_logits else 0.5
        return keras.metrics.MeanMetricWrapper(keras.metrics.binary_accuracy, name=name, threshold=threshold)
    if loss.takes_class_numbers:
        return keras.metrics.SparseCategoricalAccuracy(name=name)
    return keras.metrics.CategoricalAccuracy(name=name)


def resolve(kind: str, name: str) -> Entry:
    """The catalogue's entry for a name that validation.py has accepted."""
    entry = load_catalogue().find(kind, name)
    if entry is None:
        raise InvalidSpec(Fault(f"There is no {kind} `{name}`."))
    return entry


def make(kind: str, component: ComponentSpec, pointer: str, **extra: Any) -> Any:
    """A component of Keras's with the catalogue's defaults, the posted parameters, and `extra` ones.

    Raises InvalidSpec at `pointer` where Keras refuses values that are right each for itself.
    """
    entry = resolve(kind, component.type)
    if kind == "activation":
        return getattr(keras.activations, entry.type)
    values = {name: parameter.default for name, parameter in entry.by_name.items() if not parameter.required}
    values |= component.parameters | extra
    arguments = {name: argument(entry, name, value, pointer) for name, value in values.items()}
    try:
        return getattr(MODULES[kind], entry.type)(**arguments)
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidSpec(Fault(f"{entry.type}: {first_sentence(error)}.", pointer)) from error


def argument(entry: Entry, name: str, value: Any, pointer: str) -> Any:
    """A parameter's value as Keras takes it: names and objects become components, lists tuples, numbers floats."""
    parameter = entry.by_name[name]
    if parameter.type in KINDS and isinstance(value, str | dict):
        return make(parameter.type, ComponentSpec.from_document(value), f"{pointer}/{name}")
    if parameter.type in ("shape", "integers") and isinstance(value, list):
        return tuple(value)
    if parameter.type == "number" and value is not None:
        return float(value)
    return value


def misfit(index: int, layer: ComponentSpec, shape: Shape, error: Exception) -> Fault:
    """The fault of a layer that can't take the shape that arrives at it."""
    reason = first_sentence(error)
    return Fault(f"{layer.type} can't take the shape {row_shape(shape)} that arrives: {reason}.", f"#/layers/{index}")


def row_shape(shape: Shape) -> str:
    """A shape without its batch."""
    return str(list(shape[1:]))


def first_sentence(error: Exception) -> str:
    """What Keras says was wrong, without the names of its objects and its advice."""
    text = " ".join(str(error).split())
    text = re.sub(r"^Exception encountered when calling \w+\.\w+\(\)\. ", "", text)
    text = re.sub(r"Input \d+ (with name \S+ )?of layer \S+ is incompatible with the layer: ", "", text)
    text = re.sub(r"expected (min_|max_|)ndim=(\d+), found ndim=(\d+)", dimensions_in_words, text)
    text = re.sub(r"\{\{function_node .*?\}\} |\bNone, ?", "", text)
    sentence = re.split(r"(?<=[.!]) (?=[A-Z])|\. Received: |Arguments received by| \[Op:", text)[0]
    return re.sub(r"\x1b\[[0-9;]*m", "", sentence).strip()[:300].rstrip(".")


def dimensions_in_words(match: re.Match[str]) -> str:
    """Keras counts the batch as a dimension; a client's shapes don't."""
    bound = {"min_": "at least ", "max_": "at most ", "": ""}[match[1]]
    return f"it takes rows of {bound}{int(match[2]) - 1} dimensions, not {int(match[3]) - 1}"


def summarize_network(network: keras.Model) -> dict[str, Any]:
    """The summary of API.md, "Models": the client's layers, without the input; shapes of a row, `bytes` of weights."""
    layers = [layer for layer in network.layers if not isinstance(layer, keras.layers.InputLayer)]
    return {
        "layers": [summarize_layer(layer) for layer in layers],
        "parameters": network.count_params(),
        "trainable_parameters": count(network.trainable_weights),
        "non_trainable_parameters": count(network.non_trainable_weights),
        "bytes": sum(math.prod(weight.shape) * np.dtype(weight.dtype).itemsize for weight in network.weights),
    }


def summarize_layer(layer: keras.Layer) -> dict[str, Any]:
    parents = keras.tree.flatten(layer.input)
    return {
        "name": layer.name,
        "type": type(layer).__name__,
        "output_shape": list(layer.output.shape[1:]),
        "parameters": layer.count_params(),
        "trainable": layer.trainable,
        "inputs": [parent._keras_history.operation.name for parent in parents],
    }


def rows_at_once(network: keras.Model) -> int:
    """How many rows a call may take without its layers' outputs filling the memory, however wide the network is."""
    activations = sum(math.prod(layer.output.shape[1:]) for layer in network.layers)
    return max(1, min(MOST_ROWS_AT_ONCE, MOST_ACTIVATIONS_AT_ONCE // max(activations, 1)))


def count(weights: list[keras.Variable]) -> int:
    """How many numbers some weights hold."""
    return sum(math.prod(weight.shape) for weight in weights)


def print_summary(network: keras.Model) -> str:
    """The table that Keras prints."""
    lines: list[str] = []
    network.summary(line_length=80, print_fn=lambda line, line_break=True: lines.append(line))
    return "\n".join(lines)
