"""Networks as layers."""

from models.export.graph import Layer, Tensor
from models.export.registry import builds
from models.export.walk import walk
from models.graph import connect
from models.pretrained import NETWORK
from models.spec import LayerSpec


@builds("Pretrained")
def pretrained(layer: Layer, x: Tensor) -> Tensor:
    """The layers of a trained network up to the last one, whose weights' names begin with the layer's."""
    network = layer[NETWORK]
    name = network["input"]["name"]
    nodes = connect(map(LayerSpec.from_document, network["layers"]), [name])
    return walk(layer.graph, nodes, {name: x}, f"{layer.path}/")
