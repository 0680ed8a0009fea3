"""The weights of a network's Pretrained layers: copied from versions once, then stored with the model."""

from collections.abc import Mapping
from pathlib import Path

import keras

from models.errors import Fault, IncompleteVersion, InvalidSpec
from models.graph import resolve
from models.limits import Limits
from models.spec import NetworkSpec
from models.versions import load_version
from models.weights import assign_weights, named_weights, read_weights, save_weights

PRETRAINED = "pretrained.npz"
"""The name of the file in a model's folder."""


def copy_pretrained(network: keras.Model, spec: NetworkSpec, sources: Mapping[int, Path], limits: Limits) -> None:
    """Copy the weights into each Pretrained layer from the folder of its version; `sources` is by layer index.

    Raises InvalidSpec if a version can't be loaded.
    """
    names = {node.index: node.name for node in resolve(spec)}
    for place, folder in sources.items():
        try:
            source = load_version(folder, limits).network
        except (IncompleteVersion, InvalidSpec) as error:
            raise InvalidSpec(Fault(error.detail, f"#/layers/{place}/version")) from error
        copy_weights(network.get_layer(names[place]), source)


def copy_weights(block: keras.Model, source: keras.Model) -> None:
    """Copy the weights of each layer of a block from the source's layer of the same name."""
    for layer in block.layers:
        for weight, value in zip(layer.weights, source.get_layer(layer.name).weights, strict=True):
            weight.assign(value)


def save_pretrained(network: keras.Model, folder: Path) -> None:
    """Save the weights of all Pretrained layers."""
    values = {name: weight.numpy() for name, weight in pretrained_weights(network).items()}
    save_weights(folder / PRETRAINED, values)


def restore_pretrained(network: keras.Model, folder: Path) -> None:
    """Restore the saved weights of the Pretrained layers. Raises IncompleteVersion."""
    assign_weights(pretrained_weights(network), read_weights(folder / PRETRAINED))


def pretrained_weights(network: keras.Model) -> dict[str, keras.Variable]:
    """The weights of the Pretrained layers (the nested networks), by name."""
    kept = {id(weight) for layer in network.layers if isinstance(layer, keras.Model) for weight in layer.weights}
    return {name: weight for name, weight in named_weights(network).items() if id(weight) in kept}
