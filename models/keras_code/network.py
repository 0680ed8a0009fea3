"""Writes the network of a spec: its inputs, its layers, and how it is compiled."""

from collections.abc import Iterator, Mapping
from typing import Any

from models.adaptation import learns_from_rows
from models.catalogue import load_catalogue
from models.graph import Node, resolve
from models.keras_code.components import component, layer, metric
from models.keras_code.rendering import Call, Code, assign, identifiers, render
from models.pretrained import PRETRAINED
from models.spec import SINGLE_INPUT, NetworkSpec

RESERVED = (
    "keras", "layers", "np", "model", "classes", "x", "y", "x_train", "y_train", "x_validation", "y_validation",
    "x_test", "y_test", "history", "json", "Path", "Client",
)  # fmt: skip
"""Names that the script uses for something else."""

Shapes = Mapping[str, Any]
"""The shape of each input: a tuple, or an expression for those that only the data determines."""
More = Mapping[str, Mapping[str, Any]]
"""Parameters of layers beside those of the spec, by the layer's name."""


def network_lines(spec: NetworkSpec, shapes: Shapes, more: More) -> Iterator[str]:
    """The statements that build the network as `model`."""
    nodes = resolve(spec)
    names = identifiers([*spec.inputs, *(node.name for node in nodes)], RESERVED)
    if _is_chain(nodes) and len(spec.inputs) == 1:
        yield from _sequential(nodes, spec, shapes, names, more)
    else:
        yield from _functional(nodes, spec, shapes, names, more)


def _is_chain(nodes: tuple[Node, ...]) -> bool:
    """Whether each layer takes the one before it, and only that."""
    before: str | None = None
    for node in nodes:
        if len(node.inputs) != 1 or (before is not None and node.inputs[0] != before):
            return False
        before = node.name
    return True


def _sequential(
    nodes: tuple[Node, ...], spec: NetworkSpec, shapes: Shapes, names: Mapping[str, str], more: More
) -> Iterator[str]:
    listed: list[Any] = [_input(name, shapes[name]) for name in spec.inputs]
    for node in nodes:
        prepared = list(_prepare(node, spec, names))
        yield from prepared
        listed.append(Code(names[node.name]) if prepared else layer(node.layer, **more.get(node.name, {})))
    yield assign("model", Call("keras.Sequential", (listed,)))


def _functional(
    nodes: tuple[Node, ...], spec: NetworkSpec, shapes: Shapes, names: Mapping[str, str], more: More
) -> Iterator[str]:
    for name in spec.inputs:
        yield assign(names[name], _input(name, shapes[name]))
    for node in nodes:
        prepared = list(_prepare(node, spec, names))
        yield from prepared
        call = layer(node.layer, **more.get(node.name, {}))
        made = names[node.name] if prepared else render(call, used=len(names[node.name]) + 3)
        taken = ", ".join(names[name] for name in node.inputs)
        entry = load_catalogue().find("layer", node.layer.type)
        as_list = entry is not None and entry.tensors is not None and entry.tensors.as_list
        yield f"{names[node.name]} = {made}({f'[{taken}]' if as_list else taken})"
    inputs = [Code(names[name]) for name in spec.inputs]
    yield assign("model", Call("keras.Model", (inputs if len(inputs) > 1 else inputs[0], Code(names[nodes[-1].name]))))


def _input(name: str, shape: Any) -> Call:
    named = {} if name == SINGLE_INPUT else {"name": name}
    return Call("keras.Input", (), {"shape": shape, **named})


def _prepare(node: Node, spec: NetworkSpec, names: Mapping[str, str]) -> Iterator[str]:
    """The statements that a layer needs before the network can be built, after which its variable is the layer."""
    variable = names[node.name]
    if node.layer.type == PRETRAINED:
        yield from _load_pretrained(node, variable)
    elif learns_from_rows(node.layer.type, node.layer.parameters):
        taken = "x_train" if len(spec.inputs) == 1 else f"x_train[{render(node.inputs[0])}]"
        yield assign(variable, layer(node.layer))
        yield f"{variable}.adapt({taken})"


def _load_pretrained(node: Node, variable: str) -> Iterator[str]:
    of = node.layer.parameters
    version = of.get("version")
    which = f"version {version}" if version is not None else f'the version with the label "{of.get("label")}"'
    number = "N" if version is None else version
    file = f"{of['model']}-{of.get('label') if version is None else version}.keras"
    yield f'# The trained layers of {which} of the model "{of["model"]}". Download its network as {file} first:'
    yield f"# GET /v1/models/{of['model']}/versions/{number}/artifacts/keras"
    yield f"{variable} = keras.models.load_model({render(file)}, compile=False)"
    output = f"{variable}.get_layer({render(of['until'])}).output" if of.get("until") else f"{variable}.output"
    yield assign(variable, Call("keras.Model", (Code(f"{variable}.input"), Code(output)), {"name": node.name}))
    if of.get("trainable") is False:
        yield f"{variable}.trainable = False"


def compile_line(spec: NetworkSpec, document: Mapping[str, Any], optimizer: Any) -> str:
    """The statement that compiles the network with this optimizer, and the loss and metrics of its document."""
    named = {
        "optimizer": component("optimizer", optimizer),
        "loss": component("loss", document["loss"]),
        "metrics": [metric(one, spec) for one in document.get("metrics") or ()],
    }
    return render(Call("model.compile", (), {name: value for name, value in named.items() if value != []}))
