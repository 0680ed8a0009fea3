"""The weights of a network's Pretrained layers: copied from versions once, then kept with the model."""

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
"""The file in a model's folder."""


def copy_pretrained(network: keras.Model, spec: NetworkSpec, sources: Mapping[int, Path], limits: Limits) -> None:
    """Give each Pretrained layer the weights of the version's folder that is its source, by its place in the spec.

    Raises InvalidSpec where a version can't be loaded.
    """
    names = {node.index: node.name for node in resolve(spec)}
    for place, folder in sources.items():
        try:
            source = load_version(folder, limits).network
        except (IncompleteVersion, InvalidSpec) as error:
            raise InvalidSpec(Fault(error.detail, f"#/layers/{place}/version")) from error
        copy_weights(network.get_layer(names[place]), source)


def copy_weights(block: keras.Model, source: keras.Model) -> None:
    """Give each layer of a block the weights of the source's layer of the same name."""
    for layer in block.layers:
        for weight, value in zip(layer.weights, source.get_layer(layer.name).weights, strict=True):
            weight.assign(value)


def save_pretrained(network: keras.Model, folder: Path) -> None:
    """Keep the weights of all Pretrained layers."""
    save_weights(folder / PRETRAINED, pretrained_weights(network))


def restore_pretrained(network: keras.Model, folder: Path) -> None:
    """Give the Pretrained layers the weights that were kept. Raises IncompleteVersion."""
    assign_weights(pretrained_weights(network), read_weights(folder / PRETRAINED))


def pretrained_weights(network: keras.Model) -> dict[str, keras.Variable]:
    """The weights of the Pretrained layers, which are the networks within the network, by name."""
    kept = {id(weight) for layer in network.layers if isinstance(layer, keras.Model) for weight in layer.weights}
    return {name: weight for name, weight in named_weights(network).items() if id(weight) in kept}
