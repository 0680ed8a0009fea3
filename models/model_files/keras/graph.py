"""Reads a serialized network into one flat graph of the catalogue's layers: nested networks become their layers."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from models.catalogue import load_catalogue
from models.graph import base_name
from models.limits import Limits
from models.model_files.keras.calls import Call, Reference, read_calls, read_references, references_in
from models.model_files.keras.layers import CLASSES, LayerReader, dtype_name
from models.model_files.keras.operations import (
    IMPLICIT_MASKS,
    OPERATIONS,
    Tensor,
    operation_of,
    read_operation,
)
from models.model_files.keras.refusal import refusal, shown
from models.model_files.keras.serialized import class_name, config_of, is_custom, plain
from models.spec import OUTPUT, SINGLE_INPUT
from models.validation.values import NAME

NETWORKS = ("Functional", "Model", "Sequential")
MOST_DEPTH = 10
"""The maximum nesting depth of networks."""
WITHOUT_WEIGHTS = (
    "merging", "pooling", "regularization", "reshaping", "Activation", "ReLU", "LeakyReLU", "ELU", "Softmax",
    "Identity", "Masking", "Rescaling", "UnitNormalization",
)  # fmt: skip
"""Categories and types of layers whose calls are independent of each other."""
MASK = ""
"""What stands for such a mask among the names of tensors."""
MASKS = ("mask", "query_mask", "value_mask", "key_mask")


@dataclass(frozen=True)
class FlatLayer:
    """A layer of the flat graph, and where its weights are in the file."""

    name: str
    document: dict[str, Any]
    """The layer as a client would post it."""
    path: str
    """Of its weights in a `.keras` file."""
    group: str
    """In an HDF5 file: the group with its weights, that of the outermost network's layer."""
    saved_name: str
    """Its name in the file."""
    is_nested: bool = False
    """Whether the group also holds weights of other layers."""
    is_operation: bool = False


@dataclass
class FlatNetwork:
    """A network without nested networks; the last layer is the output."""

    inputs: dict[str, tuple[int | None, ...]] = field(default_factory=dict)
    """The shape of a row by input; None for a dimension that varies."""
    layers: list[FlatLayer] = field(default_factory=list)

    def with_input(self, name: str) -> "FlatNetwork":
        """The same network, whose single input has this name; unchanged if it has several, or a layer has the name."""
        if len(self.inputs) != 1 or name in (layer.name for layer in self.layers):
            return self
        ((old, shape),) = self.inputs.items()

        def renamed(layer: FlatLayer) -> FlatLayer:
            inputs = [name if one == old else one for one in layer.document["inputs"]]
            return replace(layer, document=layer.document | {"inputs": inputs})

        return FlatNetwork({name: shape}, list(map(renamed, self.layers)))


@dataclass(frozen=True)
class Place:
    """Where a network that is being read stands: its path in `.keras` files, the group of the outermost layer around
    it, its own name, and its depth."""

    path: str = ""
    group: str | None = None
    name: str = ""
    depth: int = 0


@dataclass(frozen=True)
class Waiting:
    """A call of a layer that waits for its operands."""

    entry: Any
    path: str
    number: int
    """Of the call, among those of the layer."""
    call: Call


@dataclass
class Scope:
    """The layers of one network by their names in it."""

    outputs: dict[str, list[list[str]]] = field(default_factory=dict)
    """The flat names of the outputs of each call so far."""
    repeated: set[str] = field(default_factory=set)
    """The layers that are called several times."""


class GraphReader:
    """Reads one file's network; `note` takes sentences about what was dropped or changed."""

    def __init__(self, is_keras_2: bool, limits: Limits, note: Callable[[str], None]) -> None:
        self.is_keras_2 = is_keras_2
        self.limits = limits
        self.note = note
        self.layers = LayerReader(is_keras_2, note)
        self.network = FlatNetwork()
        self.reserved: set[str] = set()
        self.taken: set[str] = set()
        self.masks: list[tuple[str, list[Any]]] = []

    def read(self, serialized: Mapping[str, Any]) -> FlatNetwork:
        """The flat graph of a network. Raises InvalidSpec, naming the layer that can't be imported."""
        if class_name(serialized) not in NETWORKS or is_custom(serialized):
            detail = f"The network is of the class `{shown(class_name(serialized))}`: only Sequential and functional"
            raise refusal(f"{detail} networks can be imported, because a class of one's own is code.")
        entries = _entries(serialized)
        self.reserved = {valid_name(_name(entry)) for entry in entries}
        outputs = self._read_network(serialized, None, Place())
        if len(outputs) != 1:
            names = ", ".join(f"`{name}`" for name in outputs[:10])
            raise refusal(f"The network has {len(outputs)} outputs ({names}); networks here have one.")
        self._check_masks()
        self.layers.note_dropped()
        self._end_in(outputs[0])
        return self.network

    def _check_masks(self) -> None:
        """Raise InvalidSpec for a mask that isn't that of a layer, which the layers after it get by themselves."""
        passed = {
            (layer.document["inputs"][0], layer.document.get("mask_value", 0.0))
            for layer in self.network.layers
            if layer.document["type"] == "Masking" or layer.document.get("mask_zero")
        }
        for name, operands in self.masks:
            tensors, others = _tensors(operands), [one for one in operands if not isinstance(one, Tensor)]
            if (tensors and (tensors[0], others[0] if others else None)) not in passed:
                raise refusal(
                    f"The mask `{name}` isn't computed by a Masking or Embedding layer, which isn't supported."
                )

    def _end_in(self, output: str) -> None:
        """Put the layer that is the output last, as in a posted network."""
        last = [layer for layer in self.network.layers if layer.name == output]
        if not last:
            raise refusal("The network has no layers between its input and its output.")
        self.network.layers = [layer for layer in self.network.layers if layer.name != output] + last

    def _read_network(self, serialized: Mapping[str, Any], arguments: list[str] | None, place: Place) -> list[str]:
        """Add a network's layers to the graph; return the flat names of its outputs. Without `arguments` it is the
        outermost network, whose inputs are those of the graph."""
        if place.depth > MOST_DEPTH:
            raise refusal(f"Networks are nested more than {MOST_DEPTH} deep.")
        entries = _entries(serialized)
        if len(self.network.layers) + len(entries) > self.limits.layers + 100:
            count = len(self.network.layers) + len(entries)
            raise refusal(f"The network has {count:,} layers, more than the limit of {self.limits.layers:,}.")
        self._check_policy(serialized)
        if class_name(serialized) == "Sequential":
            return self._read_sequential(serialized, entries, arguments, place)
        return self._read_functional(serialized, entries, arguments, place)

    def _check_policy(self, serialized: Mapping[str, Any]) -> None:
        policy = dtype_name(config_of(serialized).get("dtype"))
        if policy not in (None, "float32"):
            raise refusal(f"The network computes in `{shown(policy)}`, but networks are served in float32.")

    def _read_sequential(
        self, serialized: Mapping[str, Any], entries: list[Any], arguments: list[str] | None, place: Place
    ) -> list[str]:
        current = list(arguments or [])
        for entry, path in zip(entries, _paths(entries, place), strict=True):
            if class_name(entry) == "InputLayer":
                current = current or [self._add_input(entry)]
                continue
            current = current or [self._add_unnamed_input(serialized, entry)]
            current = self._add(entry, path, Call([Tensor(current[0])]), place)
        return current

    def _read_functional(
        self, serialized: Mapping[str, Any], entries: list[Any], arguments: list[str] | None, place: Place
    ) -> list[str]:
        config = config_of(serialized)
        inputs = [one.layer for one in read_references(config.get("input_layers", []), _name(serialized))]
        scope = Scope()
        if arguments is not None:
            if len(arguments) != len(inputs):
                detail = f"The network `{place.name}` takes {len(inputs)} inputs, but is called with {len(arguments)}."
                raise refusal(detail)
            scope.outputs = {name: [[argument]] for name, argument in zip(inputs, arguments, strict=True)}
        else:
            by_name = {_name(entry): entry for entry in entries if class_name(entry) == "InputLayer"}
            scope.outputs = {name: [[self._add_input(by_name[name])]] for name in inputs if name in by_name}
        waiting = [
            Waiting(entry, path, number, call)
            for entry, path in zip(entries, _paths(entries, place), strict=True)
            if class_name(entry) != "InputLayer"
            for number, call in enumerate(self._read_calls(entry, scope))
        ]
        while waiting:
            left = [one for one in waiting if not self._add_ready(one, scope, place)]
            if len(left) == len(waiting):
                names = ", ".join(f"`{shown(_name(one.entry))}`" for one in left[:10])
                raise refusal(f"These layers take layers that don't exist, or form a cycle: {names}.")
            waiting = left
        return [_look_up(one, scope) for one in read_references(config.get("output_layers", []), _name(serialized))]

    def _read_calls(self, entry: Any, scope: Scope) -> list[Call]:
        """The calls of a layer: one, or several of a layer without weights."""
        calls, name = read_calls(entry, _name(entry)), shown(_name(entry))
        if len(calls) > 1 and not self._can_repeat(entry):
            detail = f"The layer `{name}` is called {len(calls)} times, so its weights are shared;"
            raise refusal(f"{detail} a layer here is called once.")
        if len(calls) > 1:
            scope.repeated.add(_name(entry))
            self.note(f"`{name}` is called {len(calls)} times: each call became a layer of its own.")
        return calls

    def _add_ready(self, waiting: Waiting, scope: Scope, place: Place) -> bool:
        """Add a call of a layer if all its operands are there; return whether they are."""
        call, name = waiting.call, _name(waiting.entry)
        before = scope.outputs.setdefault(name, [])
        found = references_in(call.operands) + references_in(list(call.options.values()))
        if len(before) != waiting.number or not all(_is_there(one, scope) for one in found):
            return False
        before.append(self._add(waiting.entry, waiting.path, _resolve(call, scope), place))
        return True

    def _can_repeat(self, entry: Any) -> bool:
        """Whether a layer has no weights, so that its calls are independent of each other."""
        found = load_catalogue().find("layer", class_name(entry))
        if operation_of(entry, self.is_keras_2):
            return True
        return found is not None and (found.category in WITHOUT_WEIGHTS or found.type in WITHOUT_WEIGHTS)

    def _add(self, entry: Any, path: str, call: Call, place: Place) -> list[str]:
        """Add one call of a layer, or the layers of a nested network; return the flat names of its outputs."""
        saved = _name(entry)
        if class_name(entry) in NETWORKS and not is_custom(entry):
            self._check_options(call, saved, class_name(entry))
            inner = Place(path, place.group or saved, valid_name(saved), place.depth + 1)
            outputs = self._read_network(entry, _tensors(call.operands), inner)
            self.note(f"The nested network `{shown(saved)}` was replaced by its layers.")
            return outputs
        operation = operation_of(entry, self.is_keras_2)
        if operation is None and class_name(entry) in OPERATIONS and _is_function_call(call):
            operation = class_name(entry)
        if operation in IMPLICIT_MASKS:
            self.masks += [(shown(saved), call.operands)] if operation == "NotEqual" else []
            return [MASK]  # only masks take it, and layers pass masks on by themselves
        name = self._take_name(saved, place)
        if operation is not None:
            parameters = {} if operation != class_name(entry) else config_of(entry)
            document, tensors = read_operation(operation, call.operands, {**parameters, **call.options}, shown(saved))
        else:
            self._check_options(call, saved, class_name(entry))
            document, tensors = self.layers.read(entry, shown(saved)), _tensors(call.operands)
        if MASK in tensors:
            raise refusal(f"The layer `{shown(saved)}` computes with a mask, which isn't supported.")
        posted = {"name": name, "inputs": tensors} | document
        group = place.group or saved
        self.network.layers.append(
            FlatLayer(name, posted, path, group, saved, place.group is not None, operation is not None)
        )
        return [name]

    def _check_options(self, call: Call, name: str, type_: str) -> None:
        """Raise InvalidSpec for an argument of a call that changes what the layer outputs."""
        for key, value in call.options.items():
            is_mask = key in MASKS and all(one == Tensor(MASK) for one in _flatten(value) if one is not None)
            if value is None or is_mask or (value is False and key != "training"):
                continue
            if key != "training" or (value is True and self.is_keras_2) or not isinstance(value, bool):
                detail = f"The layer `{shown(name)}` is called with `{shown(key)}`, which isn't supported"
                raise refusal(f"{detail}: it changes the layer's output.")
            self._note_training(value, shown(name), type_)

    def _note_training(self, training: bool, name: str, type_: str) -> None:
        """Note a fixed training mode where it makes a difference. Keras 3 also writes down defaults, and ignores the
        mode in `predict`."""
        entry = load_catalogue().find("layer", type_)
        if training and entry is not None and entry.category == "regularization":
            self.note(f"`{name}` is called with `training=True`, which predictions ignore, as Keras's `predict` does.")
        if not training and (type_ in NETWORKS or type_ == "BatchNormalization"):
            detail = f"`{name}` is called with `training=False`, which only changes training: to keep it as it is when"
            self.note(f"{detail} you train further, set its `trainable` to false.")

    def _add_input(self, entry: Any) -> str:
        config = config_of(entry)
        saved = _name(entry)
        shape = plain(config.get("batch_shape", config.get("batch_input_shape")))
        if dtype_name(config.get("dtype")) == "string":
            raise refusal(f"The input `{shown(saved)}` takes texts, but networks here take numbers.")
        if config.get("sparse") or config.get("ragged"):
            raise refusal(f"The input `{shown(saved)}` is sparse or ragged, which isn't supported.")
        name = self._take_name(f"{saved}_input" if saved == OUTPUT else saved, Place())
        self.network.inputs[name] = _row_shape(shape, saved)
        return name

    def _add_unnamed_input(self, network: Mapping[str, Any], first: Any) -> str:
        """The input of a Sequential network without an InputLayer."""
        built = first.get("build_config")
        candidates = (
            config_of(first).get("batch_input_shape"),
            config_of(network).get("build_input_shape"),
            built.get("input_shape") if isinstance(built, Mapping) else None,
        )
        shape = next((shape for shape in map(plain, candidates) if isinstance(shape, list)), None)
        if shape is None:
            raise refusal(
                "The file doesn't say which shape of input its network takes: build the network, and save it."
            )
        name = self._take_name(SINGLE_INPUT, Place())
        self.network.inputs[name] = _row_shape(shape, name)
        return name

    def _take_name(self, saved: str, place: Place) -> str:
        """A valid name that is free: the one in the file where possible."""
        name = valid_name(saved)
        if place.group is not None and (name in self.reserved or name in self.taken):
            name = valid_name(f"{place.name}_{name}")
        base, number = name, 0
        while name in self.taken or (place.group is not None and name in self.reserved):
            number += 1
            name = f"{base[:56]}_{number}"
        self.taken.add(name)
        if name != saved:
            self.note(f"`{shown(saved)}` is now called `{name}`.")
        return name


def valid_name(name: str) -> str:
    """The name with `_` for characters that names here can't have."""
    if NAME.fullmatch(name):
        return name
    cleaned = "".join(one if one.isascii() and (one.isalnum() or one in "_.-") else "_" for one in name)[:56]
    return cleaned if NAME.fullmatch(cleaned) else f"layer{cleaned}"


def _name(entry: Any) -> str:
    """A layer's name in the file."""
    named = entry.get("name") if isinstance(entry, Mapping) else None
    name = named if isinstance(named, str) else config_of(entry).get("name")
    if not isinstance(name, str) or not name:
        raise refusal("A layer of the network has no name.")
    return name


def _entries(serialized: Mapping[str, Any]) -> list[Any]:
    """The serialized layers of a network."""
    config = serialized.get("config")
    entries = config if isinstance(config, list) else config_of(serialized).get("layers")  # a list in early Keras 2
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise refusal("The configuration of the network has no list of layers.")
    return entries


def _paths(entries: list[Any], place: Place) -> list[str]:
    """The paths of the layers' weights in a `.keras` file: by the names of their types, numbered."""
    used: Counter[str] = Counter()
    paths = []
    for entry in entries:
        type_ = base_name(CLASSES.get(class_name(entry), class_name(entry)))
        number = used[type_]
        used[type_] += 1
        paths.append(f"{place.path}/layers/{type_}{f'_{number}' if number else ''}".lstrip("/"))
    return paths


def _is_there(reference: Reference, scope: Scope) -> bool:
    """Whether the call has been added to which a reference refers."""
    calls = scope.outputs.get(reference.layer, [])
    return bool(calls) and (reference.call < len(calls) or reference.layer not in scope.repeated)


def _look_up(reference: Reference, scope: Scope) -> str:
    """The flat name of a referenced tensor. Networks count their calls from different numbers, so the number of a call
    matters only if there are several."""
    calls = scope.outputs.get(reference.layer)
    if not calls:
        raise refusal(f"The network refers to a layer `{shown(reference.layer)}` that doesn't exist.")
    outputs = calls[reference.call] if 0 <= reference.call < len(calls) else calls[0]
    if not 0 <= reference.output < len(outputs):
        raise refusal(f"The layer `{shown(reference.layer)}` has no output {reference.output}.")
    return outputs[reference.output]


def _resolve(call: Call, scope: Scope) -> Call:
    """The call with the names of tensors in the flat graph in place of references."""

    def resolved(value: Any) -> Any:
        if isinstance(value, Reference):
            return Tensor(_look_up(value, scope))
        return [resolved(item) for item in value] if isinstance(value, list) else value

    return Call([resolved(one) for one in call.operands], {key: resolved(one) for key, one in call.options.items()})


def _flatten(value: Any) -> list[Any]:
    return [found for item in value for found in _flatten(item)] if isinstance(value, list) else [value]


def _tensors(operands: list[Any]) -> list[str]:
    """The names of a layer's operands, which are all tensors."""
    return [one.name for one in _flatten(operands) if isinstance(one, Tensor)]


def _is_function_call(call: Call) -> bool:
    """Whether a call passes its operands one by one, as a function takes them, and not in a list, as layers do."""
    return len(call.operands) > 1


def _row_shape(shape: Any, name: str) -> tuple[int | None, ...]:
    """The shape of a row, without the batch."""
    if isinstance(shape, list) and shape and isinstance(shape[0], list) and len(shape) == 1:
        shape = shape[0]
    lengths_fit = isinstance(shape, list) and all(one is None or isinstance(one, int) for one in shape)
    if not lengths_fit or not shape:
        raise refusal(f"The input `{shown(name)}` has no shape in the file.")
    return tuple(shape[1:])
