"""Checks a posted spec against the catalogue, without Keras, and reports every fault at once."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any
from urllib.parse import quote

from models.catalogue import KINDS, Entry, Parameter, load_catalogue, nearest
from models.errors import MOST_FAULTS, Fault, InvalidSpec
from models.limits import Limits
from models.spec import SINGLE_INPUT, ComponentSpec, Scaling, Task

MOST_METRICS = 100
MOST_DIMENSIONS = 8
LARGEST_INTEGER = 2**31 - 1
LARGEST_NUMBER = 3.4e38
"""What a 32-bit float holds."""

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}")
RESERVED_METRIC_NAMES = ("loss", "learning_rate", "epoch", "seconds")
"""What an epoch's results hold besides its metrics."""

PROBABILITIES = {
    Task.BINARY: ("sigmoid", "hard_sigmoid", "sparse_sigmoid"),
    Task.MULTICLASS: ("softmax", "sparsemax", "sigmoid", "hard_sigmoid", "sparse_sigmoid"),
    Task.MULTILABEL: ("sigmoid", "hard_sigmoid", "sparse_sigmoid"),
}
"""The activations whose outputs are a task's probabilities, the usual one first; softmax makes 1 of a single unit."""

PASSING_LAYERS = (
    "Flatten", "Reshape", "Dropout", "MaxPooling2D", "AveragePooling2D", "GlobalMaxPooling2D",
    "GlobalAveragePooling2D",
)  # fmt: skip
"""Layers that make probabilities of probabilities."""

WORDS = {
    "integer": "a whole number",
    "number": "a finite number",
    "boolean": "true or false",
    "string": "a string",
    "name": "1 to 64 letters, digits, `_`, `.` and `-`, the first a letter or digit",
    "integers": "a whole number, or a list of them",
    "numbers": "a finite number, or a list of them",
    "shape": "a list of whole numbers",
}


def check_network(document: Mapping[str, Any], limits: Limits) -> None:
    """Raise InvalidSpec with the faults of a posted network, at most 100; see API.md, "Models", for its members."""
    faults = list(islice(network_faults(document, limits), MOST_FAULTS))
    if faults:
        raise InvalidSpec(*faults)


def check_component(kind: str, value: Any, pointer: str) -> list[Fault]:
    """The faults of one layer, optimizer, loss, metric, … at `pointer`: a name, or an object of type and parameters."""
    return list(islice(component_faults(kind, value, pointer), MOST_FAULTS))


def network_faults(document: Mapping[str, Any], limits: Limits) -> Iterator[Fault]:
    task = document.get("task")
    if task not in list(Task):
        yield Fault(
            "`task` says what the network's output means.", "#/task", allowed=tuple(task.value for task in Task)
        )
    yield from input_faults(document, limits)
    inputs = document.get("inputs")
    input_names = set(inputs) if isinstance(inputs, Mapping) else {SINGLE_INPUT}
    yield from layers_faults(document.get("layers"), input_names, limits)
    yield from component_faults("optimizer", document.get("optimizer"), "#/optimizer")
    yield from component_faults("loss", document.get("loss"), "#/loss")
    loss = resolve("loss", document.get("loss"))
    if loss and task in list(Task) and task not in loss.tasks:
        fitting = tuple(entry.type for entry in load_catalogue().entries("loss") if task in entry.tasks)
        yield Fault(f"{loss.type} doesn't suit a {task} network.", "#/loss", allowed=fitting)
    yield from output_faults(document)
    yield from metrics_faults(document)


def input_faults(document: Mapping[str, Any], limits: Limits) -> Iterator[Fault]:
    """The faults of `input` or `inputs`, of which there is one, with one input: the layers form a chain."""
    input_, inputs = document.get("input"), document.get("inputs")
    if (input_ is None) == (inputs is None):
        yield Fault("A network has either `input` or `inputs`.", "#/input")
    elif input_ is not None:
        yield from one_input_faults(input_, "#/input", limits)
    elif not isinstance(inputs, Mapping) or not inputs:
        yield Fault("`inputs` is an object with an input's shape under each name.", "#/inputs")
    elif len(inputs) > 1:
        yield Fault("The layers form one chain, which takes one input only: several are not supported yet.", "#/inputs")
    else:
        for name, only in inputs.items():
            if not NAME.fullmatch(name):
                yield Fault(f"An input's name is {WORDS['name']}.", member("#/inputs", name))
            yield from one_input_faults(only, member("#/inputs", name), limits)


def one_input_faults(input_: Any, pointer: str, limits: Limits) -> Iterator[Fault]:
    if not isinstance(input_, Mapping):
        yield Fault("An input is an object with a `shape`, or with the `dataset` to take it from.", pointer)
        return
    if input_.get("scaling", Scaling.NONE) not in list(Scaling):
        yield Fault("Unknown scaling.", f"{pointer}/scaling", allowed=tuple(scaling.value for scaling in Scaling))
    shape = input_.get("shape")
    if shape is None and input_.get("dataset") is not None:
        return
    if not isinstance(shape, list | tuple) or not 1 <= len(shape) <= MOST_DIMENSIONS:
        yield Fault(f"A shape is a list of 1 to {MOST_DIMENSIONS} whole numbers from 1.", f"{pointer}/shape")
        return
    size = 1
    for axis, length in enumerate(shape):
        if not is_integer(length) or not 1 <= length <= LARGEST_INTEGER:
            yield Fault("A dimension is a whole number from 1.", f"{pointer}/shape/{axis}")
        else:
            size *= length
    if size > limits.activations_per_row:
        detail = f"A row of {size:,} numbers is more than the limit of {limits.activations_per_row:,}."
        yield Fault(detail, f"{pointer}/shape")


def layers_faults(layers: Any, input_names: set[str], limits: Limits) -> Iterator[Fault]:
    if not isinstance(layers, list | tuple) or not layers:
        yield Fault("A network needs at least one layer.", "#/layers")
        return
    if len(layers) > limits.layers:
        yield Fault(f"{len(layers):,} layers are more than the limit of {limits.layers:,}.", "#/layers")
        return
    seen = set(input_names)
    for index, layer in enumerate(layers):
        pointer = f"#/layers/{index}"
        yield from component_faults("layer", layer, pointer)
        name = layer.get("name") if isinstance(layer, Mapping) else None
        if isinstance(name, str) and name in seen:
            yield Fault(f"The name `{name[:64]}` is already taken in this network.", f"{pointer}/name")
        elif isinstance(name, str):
            seen.add(name)


def output_faults(document: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong when a loss of probabilities gets others, or when `from_logits` gets probabilities already."""
    task, layers, loss = document.get("task"), document.get("layers"), resolve("loss", document.get("loss"))
    if task not in list(PROBABILITIES) or not isinstance(layers, list | tuple) or not layers:
        return
    entries = [resolve("layer", layer) if isinstance(layer, Mapping) else None for layer in layers]
    if loss is None or task not in loss.tasks or not takes_probability(loss) or None in entries:
        return
    chain = [(index, entry) for index, entry in enumerate(entries) if entry and entry.type not in PASSING_LAYERS]
    index, last = chain[-1] if chain else (len(layers) - 1, None)
    has_activation = last is not None and "activation" in last.by_name
    posted = layers[index].get("activation") if has_activation else None
    activation = resolve("activation", posted or "linear")
    if activation is None:
        return
    name = "softmax" if last is not None and last.type == "Softmax" else activation.type
    pointer = f"#/layers/{index}/activation" if has_activation else f"#/layers/{index}"
    if takes_logits(document["loss"]):
        if name in PROBABILITIES[Task.MULTICLASS]:
            detail = f"With `from_logits` the loss applies its own activation, so {name} would be applied twice:"
            yield Fault(f"{detail} leave it out, or leave out `from_logits`.", pointer)
    elif name not in PROBABILITIES[task]:
        first, *_ = PROBABILITIES[task]
        advice = "Give the last layer" if has_activation else "End with a layer Activation that has"
        detail = f'{loss.type} takes probabilities. {advice} the activation "{first}"'
        instead = ', or set "from_logits" on the loss.' if "from_logits" in loss.by_name else "."
        yield Fault(detail + instead, pointer, allowed=PROBABILITIES[task] if has_activation else ())


def takes_probability(loss: Entry) -> bool:
    """Whether a loss takes probabilities, or logits if it is told so."""
    return "from_logits" in loss.by_name or loss.type == "KLDivergence"


def metrics_faults(document: Mapping[str, Any]) -> Iterator[Fault]:
    """The faults of each metric, of their names, and of how they fit the task and the loss."""
    metrics = document.get("metrics")
    if metrics is None:
        return
    if not isinstance(metrics, list | tuple) or len(metrics) > MOST_METRICS:
        yield Fault(f"`metrics` is a list of at most {MOST_METRICS}.", "#/metrics")
        return
    names: Counter[str] = Counter()
    for index, metric in enumerate(metrics):
        pointer = f"#/metrics/{index}"
        faults = check_component("metric", metric, pointer)
        if faults:
            yield from faults
            continue
        component = ComponentSpec.from_document(metric)
        name = component.parameters.get("name") or component.type
        if name in RESERVED_METRIC_NAMES or name.startswith("val_"):
            yield Fault(f"`{name}` has another meaning in results: give the metric another `name`.", pointer)
        elif names[name]:
            yield Fault(f"Two metrics are called `{name}`: post one as an object with a `name`.", pointer)
        names[name] += 1
        yield from metric_fit_faults(component, document, pointer)


def metric_fit_faults(metric: ComponentSpec, document: Mapping[str, Any], pointer: str) -> Iterator[Fault]:
    """Why a valid metric can't judge this network: its task, or how the loss takes targets and outputs."""
    task, loss = document.get("task"), resolve("loss", document.get("loss"))
    if task not in list(Task) or loss is None or task not in loss.tasks:
        return
    fitting = [entry for entry in load_catalogue().entries("metric") if fits(entry, task, loss)]
    entry = load_catalogue().find("metric", metric.type)
    if entry not in fitting:
        detail = f"{metric.type} doesn't suit a {task} network with the loss {loss.type}."
        yield Fault(detail, pointer, allowed=tuple(entry.type for entry in fitting))
    elif takes_logits(document["loss"]) and takes_probabilities(entry):
        detail = f"{metric.type} takes probabilities, and the loss has `from_logits`: end with an activation instead."
        yield Fault(detail, pointer)


def fits(metric: Entry, task: Any, loss: Entry) -> bool:
    """Whether a metric suits a task, and takes targets as the loss does."""
    either_way = metric.type == "Accuracy"
    return task in metric.tasks and (either_way or metric.takes_class_numbers == loss.takes_class_numbers)


def takes_logits(loss: Any) -> bool:
    return isinstance(loss, Mapping) and loss.get("from_logits") is True


def takes_probabilities(metric: Entry) -> bool:
    """Whether a metric compares outputs with thresholds between 0 and 1, and has no `from_logits` of its own."""
    thresholds = {"threshold", "thresholds", "num_thresholds"}
    return bool(thresholds & metric.by_name.keys()) and "from_logits" not in metric.by_name


def component_faults(kind: str, value: Any, pointer: str) -> Iterator[Fault]:
    """The faults of a name, or of an object with a type and its parameters."""
    types = tuple(entry.type for entry in load_catalogue().entries(kind))
    if isinstance(value, Mapping):
        name, parameters, where = value.get("type"), {k: v for k, v in value.items() if k != "type"}, f"{pointer}/type"
    else:
        name, parameters, where = (None if kind == "layer" else value), {}, pointer
    if not isinstance(name, str):
        form = "an object with a `type`" if kind == "layer" else "a name, or an object with a `type`"
        yield Fault(f"{article(kind)} is {form}.", where, allowed=types)
        return
    entry = load_catalogue().find(kind, name)
    if entry is None:
        suggestion = load_catalogue().nearest(kind, name)
        yield Fault(f"There is no {kind} `{name[:64]}`.", where, allowed=types, did_you_mean=suggestion)
        return
    for key, parameter_value in parameters.items():
        yield from parameter_faults(entry, key, parameter_value, member(pointer, key))
    for parameter in entry.parameters:
        if parameter.required and parameter.name not in parameters:
            yield Fault(f"{entry.type} needs `{parameter.name}`.", f"{pointer}/{parameter.name}")


def parameter_faults(entry: Entry, name: Any, value: Any, pointer: str) -> Iterator[Fault]:
    parameter = entry.by_name.get(name)
    if parameter is None:
        if name == "inputs":
            yield Fault("The layers form one chain: `inputs` of a layer is not supported yet.", pointer)
            return
        suggestion = nearest(str(name), entry.by_name)
        detail = f"{entry.type} has no parameter `{str(name)[:64]}`."
        yield Fault(detail, pointer, allowed=tuple(entry.by_name), did_you_mean=suggestion)
    elif value is None:
        if not parameter.nullable:
            yield Fault(f"`{name}` of {entry.type} can't be null: it is {expected(parameter)}.", pointer)
    elif parameter.type in KINDS:
        yield from component_faults(parameter.type, value, pointer)
    else:
        yield from value_faults(parameter, value, pointer)


def value_faults(parameter: Parameter, value: Any, pointer: str) -> Iterator[Fault]:
    """The faults of a value that is no component: its type, its length, its range."""
    wrong = Fault(f"`{parameter.name}` is {expected(parameter)}.", pointer, allowed=parameter.allowed)
    is_list = isinstance(value, list | tuple)
    if parameter.type == "shape" or (parameter.type in ("integers", "numbers") and is_list):
        longest = parameter.length or (4096 if parameter.type == "numbers" else MOST_DIMENSIONS)
        if not is_list or not (parameter.length or 1) <= len(value) <= longest:
            yield wrong
            return
        kind = "number" if parameter.type == "numbers" else "integer"
        for index, element in enumerate(value):
            if not is_element(kind, element) or not in_range(parameter, element):
                yield Fault(wrong.detail, f"{pointer}/{index}")
    elif parameter.type == "boolean":
        if not isinstance(value, bool):
            yield wrong
    elif parameter.type in ("string", "name"):
        known = not parameter.allowed or value in parameter.allowed
        if not isinstance(value, str) or not known or (parameter.type == "name" and not NAME.fullmatch(value)):
            yield wrong
    elif not is_element(parameter.type.removesuffix("s"), value) or not in_range(parameter, value):
        yield wrong


def is_element(type_: str, value: Any) -> bool:
    return is_integer(value) if type_ == "integer" else is_number(value)


def is_integer(value: Any) -> bool:
    """Whether a value is a whole number that 32 bits hold; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_INTEGER


def is_number(value: Any) -> bool:
    """Whether a value is a number that a 32-bit float holds; NaN and infinity are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST_NUMBER


def in_range(parameter: Parameter, value: float) -> bool:
    if parameter.minimum is not None and value < parameter.minimum:
        return False
    return parameter.maximum is None or value <= parameter.maximum


def expected(parameter: Parameter) -> str:
    """What a parameter's value is, in words."""
    if parameter.type in KINDS:
        return f"{article(parameter.type).lower()}: a name, or an object with a `type`"
    if parameter.allowed:
        return "one of " + ", ".join(f"`{value}`" for value in parameter.allowed)
    words = WORDS[parameter.type]
    if parameter.length:
        words = f"a whole number, or a list of {parameter.length} of them"
    if parameter.minimum is not None and parameter.maximum is not None:
        return f"{words}, from {parameter.minimum:g} to {parameter.maximum:g}"
    if parameter.minimum is not None:
        return f"{words}, {parameter.minimum:g} or more"
    return words if parameter.maximum is None else f"{words}, {parameter.maximum:g} or less"


def resolve(kind: str, value: Any) -> Entry | None:
    """The entry that a name or an object names, if there is one."""
    name = value.get("type") if isinstance(value, Mapping) else value
    return load_catalogue().find(kind, name) if isinstance(name, str) else None


def member(pointer: str, name: Any) -> str:
    """The pointer to a member, escaped as RFC 6901 and URI fragments ask."""
    return f"{pointer}/{quote(str(name)[:64].replace('~', '~0').replace('/', '~1'), safe='~')}"


def article(kind: str) -> str:
    return f"{'An' if kind[0] in 'aio' else 'A'} {kind}"
