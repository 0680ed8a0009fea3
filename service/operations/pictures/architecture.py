"""The document of an architecture: a model's layers as a graph, or small dense networks neuron by neuron."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from models.folding import Fold, fold_repeats
from models.graph import resolve
from models.spec import SINGLE_INPUT, InputSpec, LayerSpec
from models.values.wording import count_of
from service.context import Context
from service.operations.catalog.models import get_built
from service.storage.records import Model

LAYERS, NEURONS = "layers", "neurons"
MOST_NEURONS, MOST_DENSE = 16, 6
"""The neurons of a layer, and the dense layers, of a network that is drawn neuron by neuron by default."""
MOST_DRAWN = 120
"""The layers that are drawn at most."""
FOLDED_FROM = 24
"""The layers of a network from which on repeated blocks are drawn once."""
INVISIBLE = ("Activation", "ActivityRegularization", "Dropout", "Flatten", "GaussianNoise", "ReLU", "Softmax")
"""The layers that may be between the dense ones of a network that is drawn neuron by neuron: they have no neurons."""
WHAT = {
    "units": "{} units", "filters": "{} filters", "kernel_size": "{}", "pool_size": "{}", "size": "{}",
    "strides": "stride {}", "padding": "{}", "rate": "rate {}", "activation": "{}", "input_dim": "{} tokens",
    "output_dim": "{} numbers", "num_heads": "{} heads", "key_dim": "key {}", "axis": "axis {}", "negative_slope":
    "slope {}", "target_shape": "{}", "until": "until {}", "model": "of {}",
}  # fmt: skip
"""How a parameter of a layer is shown; the others aren't."""
USUAL = {"strides": 1, "padding": "valid", "activation": "linear"}
"""Values that aren't worth showing."""


def describe(context: Context, name: str, style: str | None) -> dict[str, Any]:
    """The architecture of a model, in a `style` or the one that suits its size. Raises NotFound, NotReady."""
    model = get_built(context, name)
    summary = model.summary or {"layers": []}
    inputs = _describe_inputs(model)
    layers = _describe_layers(model, summary["layers"], inputs)
    drawn, reason = _choose_style(style, layers, inputs)
    return {
        "title": name,
        "description": _sentence(name, summary, inputs, layers),
        "model": name,
        "style": drawn,
        "style_reason": reason,
        "inputs": inputs,
        "parameters": summary.get("parameters", 0),
        "trainable_parameters": summary.get("trainable_parameters", 0),
        "layer_count": len(layers),
        **(_draw_neurons(layers, inputs) if drawn == NEURONS else _draw_layers(layers)),
    }


def _describe_inputs(model: Model) -> list[dict[str, Any]]:
    document = model.document
    inputs = document.get("inputs") or ({SINGLE_INPUT: document["input"]} if document.get("input") else {})
    return [{"name": name, **_describe_input(InputSpec.from_document(input_))} for name, input_ in inputs.items()]


def _describe_input(input_: InputSpec) -> dict[str, Any]:
    if input_.text is not None:
        return {"shape": list(input_.shape), "detail": f"text of {input_.text.column}"}
    columns = input_.columns
    return {"shape": list(input_.shape), "detail": None if columns is None else f"{len(columns):,} columns"}


def _describe_layers(
    model: Model, summarized: Sequence[dict[str, Any]], inputs: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The layers in order. A layer without known inputs takes the one before it."""
    specs = _find_specs(model, len(summarized))
    before, layers = [input_["name"] for input_ in inputs], []
    is_known = any(layer.get("inputs") for layer in summarized)
    for place, layer in enumerate(summarized):
        spec = specs[place] if specs else None
        layers.append(
            {
                "name": layer["name"],
                "type": layer["type"],
                "detail": "" if spec is None else _describe_parameters(spec),
                "output_shape": layer["output_shape"],
                "parameters": layer["parameters"],
                "trainable": layer["trainable"],
                "inputs": list(dict.fromkeys(layer["inputs"])) if is_known else before,
            }
        )
        before = [layer["name"]]
    return layers


def _find_specs(model: Model, count: int) -> list[LayerSpec]:
    """The specs of the layers in the order of the summary; none for a network in ONNX, which has no layers."""
    if not model.trainable:
        return []
    nodes = resolve(model.spec)
    return [node.layer for node in nodes] if len(nodes) == count else []


def _describe_parameters(layer: LayerSpec) -> str:
    """What is special about a layer, such as `32 filters, 3 × 3, relu`."""
    shown = []
    for name, words in WHAT.items():
        value = layer.parameters.get(name)
        value = value.get("type") if isinstance(value, dict) else value
        if isinstance(value, list | tuple):
            value = value[0] if name == "strides" and len(set(value)) == 1 else " × ".join(map(str, value))
        if value is None or value == USUAL.get(name):
            continue
        if name in ("kernel_size", "pool_size", "size") and isinstance(value, int):
            value = f"{value} × {value}" if "2D" in layer.type else str(value)
        written = words.format(f"{value:,}" if isinstance(value, int) else value)
        shown.append(written.removesuffix("s") if value == 1 and written.startswith("1 ") else written)
    return ", ".join(shown)


def _choose_style(
    style: str | None, layers: Sequence[dict[str, Any]], inputs: Sequence[dict[str, Any]]
) -> tuple[str, str]:
    """The style in which the network is drawn, and why, as a sentence."""
    if style == LAYERS:
        return LAYERS, "Layers were asked for."
    other = next((layer for layer in layers if layer["type"] not in ("Dense", *INVISIBLE)), None)
    if other is not None:
        return (
            LAYERS,
            f"Only networks of dense layers have neurons to draw; {other['name']} is a {other['type']} layer.",
        )
    if len(inputs) != 1 or any(len(layer["inputs"]) != 1 for layer in layers):
        return LAYERS, "Neurons are drawn only for one layer after the other."
    if style == NEURONS:
        return NEURONS, "Neurons were asked for."
    dense = [layer for layer in layers if layer["type"] == "Dense"]
    widest = max((math.prod(shape) for shape in _dense_shapes(layers, inputs)), default=0)
    if len(dense) > MOST_DENSE:
        return (
            LAYERS,
            f"The network has {len(dense)} dense layers; neurons are drawn by default for up to {MOST_DENSE}.",
        )
    if widest > MOST_NEURONS:
        few = f"neurons are drawn by default for up to {MOST_NEURONS} a layer"
        return LAYERS, f"A layer has {widest:,} neurons; {few}."
    return NEURONS, f"The network has at most {MOST_NEURONS} neurons in each of at most {MOST_DENSE} dense layers."


def _dense_shapes(layers: Sequence[dict[str, Any]], inputs: Sequence[dict[str, Any]]) -> Iterator[list[int]]:
    yield from (input_["shape"] for input_ in inputs)
    yield from (layer["output_shape"] for layer in layers if layer["type"] == "Dense")


def _draw_neurons(layers: Sequence[dict[str, Any]], inputs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The columns of neurons: the input, and each dense layer. Of a large one, the first and the last are drawn."""
    ((input_),) = inputs
    columns = [{"name": input_["name"], "neurons": math.prod(input_["shape"]), "detail": "", "parameters": 0}]
    between: list[str] = []
    notes = []
    for layer in layers:
        if layer["type"] == "Dense":
            detail = layer["detail"].partition(", ")[2]
            count = math.prod(layer["output_shape"])
            columns.append(
                {"name": layer["name"], "neurons": count, "detail": detail, "parameters": layer["parameters"]}
            )
        else:
            between.append(layer["name"])
    omitted = max(0, len(columns) - 1 - 2 * MOST_DENSE)
    if omitted:
        columns = [*columns[: MOST_DENSE + 1], *columns[-MOST_DENSE:]]
        notes.append(f"{omitted} dense layers in the middle are not drawn.")
    if between:
        notes.append(
            f"Layers without neurons are not drawn: {', '.join(between[:5])}{', …' if len(between) > 5 else ''}."
        )
    drawn = [{**column, "drawn": min(column["neurons"], MOST_NEURONS)} for column in columns]
    if any(column["drawn"] < column["neurons"] for column in drawn):
        notes.append(f"At most {MOST_NEURONS} neurons of a layer are drawn.")
    return {"columns": drawn, "layers": [], "blocks": [], "notes": notes}


def _draw_layers(layers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The layers to draw: those of a repeated block once, and of very many only the first and the last."""
    folds: list[Fold] = []
    notes = []
    if len(layers) >= FOLDED_FROM:
        layers, folds = fold_repeats(layers)
        if folds:
            repeats = sum(fold.length * (fold.times - 1) for fold in folds)
            notes.append(f"{repeats:,} layers that repeat a block are drawn once, with the number of times.")
    if len(layers) > MOST_DRAWN:
        notes.append(f"{len(layers) - MOST_DRAWN:,} layers in the middle are not drawn.")
        layers = _leave_out_middle(layers)
    drawn = {layer["name"] for layer in layers}
    blocks = [vars(fold) for fold in folds if drawn.issuperset(fold.layers)]
    return {"columns": [], "layers": list(layers), "blocks": blocks, "notes": notes}


def _leave_out_middle(layers: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first and the last layers. The first of the last ones follows the last of the first ones."""
    half = MOST_DRAWN // 2
    first, last = list(layers[:half]), layers[-half:]
    gone = {layer["name"] for layer in layers[half:-half]}
    bridge = first[-1]["name"]
    joined = [
        {**layer, "inputs": list(dict.fromkeys(bridge if name in gone else name for name in layer["inputs"]))}
        for layer in last
    ]
    return [*first, *joined]


def _sentence(
    name: str, summary: dict[str, Any], inputs: Sequence[dict[str, Any]], layers: Sequence[dict[str, Any]]
) -> str:
    shapes = " and ".join(_shape(input_["shape"]) for input_ in inputs) or "an unknown shape"
    output = _shape(layers[-1]["output_shape"]) if layers else "nothing"
    frozen = summary.get("non_trainable_parameters", 0)
    of_them = f", {frozen:,} of them not trainable" if frozen else ""
    parameters = f"{summary.get('parameters', 0):,} parameters{of_them}"
    return f"The network of {name} has {count_of(len(layers), 'layer')} from {shapes} to {output}, with {parameters}."


def _shape(shape: Sequence[int | None]) -> str:
    return " × ".join("any" if length is None else f"{length:,}" for length in shape) or "one number"
