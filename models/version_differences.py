"""How a network differs from the versions whose weights, and the preprocessing that fits them, it takes."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from models.errors import Fault, InvalidData, InvalidSpec
from models.graph import resolve
from models.preprocessing import Preprocessing
from models.preprocessing.fitted_column import FittedColumn
from models.preprocessing.tensor_input import TensorInput
from models.preprocessing.text_input import TextInput
from models.pretrained import taken_inputs
from models.spec import Column, NetworkSpec


def check_same_weights(summary: dict[str, Any], source: dict[str, Any], pointer: str) -> None:
    """Raise InvalidData, naming the first layer that differs, unless a network fits all of another's weights.

    Both are given as summaries. Layers without weights and the names of layers are ignored.
    """
    layers, others = ([layer for layer in each["layers"] if layer["parameters"]] for each in (summary, source))
    for ours, theirs in zip_longest(layers, others):
        if ours is None or theirs is None:
            more, which = (theirs, "the version") if ours is None else (ours, "the model")
            raise InvalidData(Fault(f'Only {which} has the layer "{more["name"]}" ({more["type"]}).', pointer))
        if not _same_weights(ours, theirs):
            detail = f'The layer "{ours["name"]}" has {_describe_weights(ours)}, in the version '
            raise InvalidData(Fault(f'{detail}"{theirs["name"]}" has {_describe_weights(theirs)}.', pointer))


def _same_weights(layer: dict[str, Any], other: dict[str, Any]) -> bool:
    # Summaries of older models have only the count of weights, not the shapes.
    kept = [name for name in ("type", "parameters", "weight_shapes") if name in layer and name in other]
    return all(layer[name] == other[name] for name in kept)


def _describe_weights(layer: dict[str, Any]) -> str:
    shapes = ", ".join(map(str, layer.get("weight_shapes", ())))
    return f"the {layer['parameters']:,} weights of a {layer['type']}" + (f" ({shapes})" if shapes else "")


def find_differences(spec: NetworkSpec, preprocessing: Preprocessing) -> Iterator[str]:
    """Why a version's preprocessing isn't for the inputs of a network, as sentences."""
    for name, input_ in preprocessing.inputs.items():
        ours = spec.inputs.get(name)
        if ours is None:
            yield f'The version has the input "{name}", which the model doesn\'t have.'
        elif isinstance(input_, TextInput) or ours.text is not None:
            if not isinstance(input_, TextInput) or input_.options != ours.text:
                yield f'The input "{name}" has other options of `text` in the version than in the model.'
        elif isinstance(input_, TensorInput):
            if ours.columns is not None:
                yield f"The model takes columns of a table, but the version numbers of the shape {list(input_.shape)}."
            elif difference := input_.find_difference(ours.shape):
                yield difference
        elif ours.columns is not None:
            yield from _find_column_differences(
                {column.name: column for column in input_.columns}, {column.name: column for column in ours.columns}
            )
        elif ours.shape != input_.shape:
            yield f"The version takes {input_.shape[0]} numbers, but the model rows of the shape {list(ours.shape)}."


def check_taken_inputs(spec: NetworkSpec) -> None:
    """Raise InvalidSpec unless the inputs that Pretrained layers take are those that these layers have learned from."""
    faults: list[Fault] = []
    taken: dict[str, dict[str, Any]] = {}
    for place, name, document in taken_inputs(resolve(spec), spec):
        if taken.setdefault(name, document) != document:
            faults.append(Fault(f'Another Pretrained layer needs "{name}" scaled differently.', f"#/layers/{place}"))
            continue
        preprocessing = Preprocessing.from_document({name: document})
        faults += (Fault(detail, f"#/layers/{place}") for detail in find_differences(spec, preprocessing))
    if faults:
        raise InvalidSpec(*faults)


def _find_column_differences(version: dict[str, FittedColumn], model: dict[str, Column]) -> Iterator[str]:
    for name, column in version.items():
        if name not in model:
            yield f'The version takes the column "{name}", which the model doesn\'t take.'
        elif column.type != model[name].type:
            yield f'The column "{name}" is a {column.type} in the version, but a {model[name].type} in the model.'
        elif column.width != model[name].width:
            yield (
                f'The column "{name}" becomes {column.width} numbers in the version, but {model[name].width} in the '
                "model. Create the model with the `input` of the version's model; it can train on this dataset too."
            )
    for name in model:
        if name not in version:
            yield f'The model takes the column "{name}", which the version doesn\'t take.'
