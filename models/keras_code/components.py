"""Writes layers, optimizers, losses, … of a spec as expressions."""

from collections.abc import Mapping
from typing import Any

from models.catalogue import KINDS, LISTS, Entry, load_catalogue
from models.keras_code.rendering import Call
from models.scores import Activation, find_activation
from models.spec import ComponentSpec, LayerSpec, NetworkSpec, Task

MODULES = {
    "layer": "layers",
    "cell": "layers",
    "schedule": "keras.optimizers.schedules",
    **{kind: f"keras.{KINDS[kind]}" for kind in ("optimizer", "loss", "metric", "initializer", "regularizer")},
    "constraint": "keras.constraints",
}
OWN_DEFAULTS = ("average",)
"""Parameters whose default is Fitserve's own, so that they are always written: see `DEFAULTS` of the catalogue."""
TUPLES = ("shape", "integers", "numbers", "margins")


def component(kind: str, posted: Any) -> Any:
    """A posted component: its name, if Keras knows it by that, or the call that makes it."""
    spec = ComponentSpec.from_document(posted)
    entry = _find(kind, spec.type)
    if kind == "activation":
        return entry.type
    if not spec.parameters and kind not in ("layer", "cell", "metric") and spec.type.lower() in entry.aliases:
        return spec.type
    return call(kind, spec)


def call(kind: str, spec: ComponentSpec, **more: Any) -> Call:
    """The call that makes a component, with the parameters that aren't Keras's defaults, and `more` ones."""
    entry = _find(kind, spec.type)
    values = {name: value for name, value in spec.parameters.items() if not _is_default(entry, name, value)}
    for name in OWN_DEFAULTS:
        if name in entry.by_name:
            values[name] = spec.parameters.get(name, entry.by_name[name].default)
    values |= more
    positional: tuple[Any, ...] = ()
    first = entry.parameters[0] if entry.parameters else None
    if first is not None and first.required and first.name in values:
        positional = (_argument(entry, first.name, values.pop(first.name)),)
    named = {name: _argument(entry, name, values[name]) for name in _in_order(entry, values)}
    return Call(f"{MODULES[kind]}.{entry.type}", positional, named)


def layer(spec: LayerSpec, **more: Any) -> Call:
    """The call that makes a layer, with its name if one was posted, and `more` parameters."""
    return call("layer", spec, **({} if spec.name is None else {"name": spec.name}), **more)


def metric(posted: Any, spec: NetworkSpec) -> Any:
    """A metric for the same outputs as the loss, under its posted name."""
    one = ComponentSpec.from_document(posted)
    entry, name = _find("metric", one.type), one.parameters.get("name") or one.type
    if entry.type == "Accuracy":
        return _accuracy(name, spec)
    more: dict[str, Any] = {"name": name}
    if "from_logits" in entry.by_name and "from_logits" not in one.parameters and _has_logits(spec):
        more["from_logits"] = True
    if "average" in entry.by_name and spec.task in (Task.BINARY, Task.MULTILABEL):
        more["threshold"] = one.parameters.get("threshold") or 0.5
    return call("metric", one, **more)


def _accuracy(name: str, spec: NetworkSpec) -> Any:
    """The accuracy of the outputs. Keras finds out what its own name `accuracy` means, except for labels and logits."""
    centred = find_activation(spec) in (Activation.SIGMOID, Activation.MARGIN)
    if name == "accuracy" and spec.task is not Task.MULTILABEL and not (spec.task is Task.BINARY and centred):
        return name
    if spec.task is not Task.MULTICLASS:
        threshold = {"threshold": 0.0} if centred else {}
        return Call("keras.metrics.BinaryAccuracy", (), {"name": name, **threshold})
    sparse = "Sparse" if _find("loss", spec.loss.type).takes_class_numbers else ""
    return Call(f"keras.metrics.{sparse}CategoricalAccuracy", (), {"name": name})


def _has_logits(spec: NetworkSpec) -> bool:
    return spec.loss.parameters.get("from_logits") is True


def _find(kind: str, name: str) -> Entry:
    entry = load_catalogue().find(kind, name)
    if entry is None:
        raise ValueError(f"There is no {kind} {name}.")
    return entry


def _is_default(entry: Entry, name: str, value: Any) -> bool:
    parameter = entry.by_name.get(name)
    if parameter is None or parameter.required or isinstance(value, bool) != isinstance(parameter.default, bool):
        return False
    return bool(value == parameter.default)


def _in_order(entry: Entry, values: Mapping[str, Any]) -> list[str]:
    """The names of the values in the order of the signature."""
    known = [parameter.name for parameter in entry.parameters if parameter.name in values]
    return [*known, *(name for name in values if name not in known)]


def _argument(entry: Entry, name: str, value: Any) -> Any:
    """A parameter's value for Keras: objects become calls, and lists become tuples."""
    parameter = entry.by_name.get(name)
    if parameter is None:
        return value
    if parameter.type in KINDS and isinstance(value, str | Mapping):
        return component(parameter.type, value)
    if parameter.type in LISTS:
        return [component(LISTS[parameter.type], one) for one in value]
    if parameter.type == "learning_rate" and isinstance(value, Mapping):
        return component("schedule", value)
    if parameter.type in TUPLES and isinstance(value, list):
        return tuple(tuple(one) if isinstance(one, list) else one for one in value)
    return value
