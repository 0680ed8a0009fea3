"""Chooses the layers that compute in bfloat16, by a fixed rule on the spec.

A bfloat16 number has 8 significant bits, so whole numbers over 256 are rounded. Only products of matrices gain from it,
and only numbers that such a layer has computed are safe to round: a layer before them may pass on indices of words.
"""

from collections.abc import Collection, Iterable, Iterator

from models.graph import Node, connect, resolve
from models.pretrained import NETWORK, PRETRAINED, inner_layers
from models.spec import NetworkSpec

POLICY = "mixed_bfloat16"
"""Keras's policy for variables in float32 and computations in bfloat16."""
MULTIPLYING = frozenset(
    {
        "Conv1D",
        "Conv1DTranspose",
        "Conv2D",
        "Conv2DTranspose",
        "Conv3D",
        "Conv3DTranspose",
        "Dense",
        "DepthwiseConv1D",
        "DepthwiseConv2D",
        "EinsumDense",
        "GroupQueryAttention",
        "MultiHeadAttention",
        "SeparableConv1D",
        "SeparableConv2D",
    }
)
"""Layers that multiply matrices, which TensorFlow does in bfloat16 forward and backward."""
FOLLOWING = frozenset(
    {
        "Activation",
        "Add",
        "Average",
        "AveragePooling1D",
        "AveragePooling2D",
        "BatchNormalization",
        "Concatenate",
        "Cropping1D",
        "Cropping2D",
        "Dropout",
        "ELU",
        "Flatten",
        "GlobalAveragePooling1D",
        "GlobalAveragePooling2D",
        "GlobalMaxPooling1D",
        "GlobalMaxPooling2D",
        "LeakyReLU",
        "MaxPooling1D",
        "MaxPooling2D",
        "Maximum",
        "Multiply",
        "Permute",
        "ReLU",
        "Reshape",
        "SpatialDropout1D",
        "SpatialDropout2D",
        "Subtract",
        "ZeroPadding1D",
        "ZeroPadding2D",
    }
)
"""Layers that compute in bfloat16 where all of their inputs do, so that nothing is converted between them."""
REGULARIZED = "activity_regularizer"
"""The parameter of layers whose outputs are summed as part of the loss, which is float32."""
SEPARATOR = "/"
"""Between the name of a Pretrained layer and that of a layer within it."""


def find_bfloat16_layers(spec: NetworkSpec) -> tuple[str, ...]:
    """The names of the layers that compute in bfloat16. The last layer of a network never does, since its outputs are
    compared with the targets."""
    *nodes, _ = resolve(spec)
    return tuple(_find_lowered(nodes))


def _find_lowered(nodes: Iterable[Node]) -> Iterator[str]:
    lowered: set[str] = set()
    for node in nodes:
        if node.layer.type == PRETRAINED and NETWORK not in node.layer.parameters:
            continue  # it is as posted: what it stands for isn't known yet
        if node.layer.type == PRETRAINED:
            first = node.layer.parameters[NETWORK]["input"]["name"]
            inner = connect(inner_layers(node.layer), [first])
            found = set(_find_lowered(inner))
            yield from (f"{node.name}{SEPARATOR}{name}" for name in sorted(found))
            if inner[-1].name in found:
                lowered.add(node.name)
        elif _can_be_lowered(node, lowered):
            lowered.add(node.name)
            yield node.name


def _can_be_lowered(node: Node, lowered: Collection[str]) -> bool:
    if node.layer.parameters.get(REGULARIZED):
        return False
    return node.layer.type in MULTIPLYING or (node.layer.type in FOLLOWING and set(node.inputs).issubset(lowered))
